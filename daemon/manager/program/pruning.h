/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When records that are too old may be deleted. Wall time alone decides nothing that cannot be
 * undone: when it stands more than a day from the newest record at the start, or jumps by more
 * than a day while the program runs, nothing is deleted for a day of running time, in this run and
 * those that follow: records of a run whose clock was wrong make it look right to the next one.
 * Pure: times are handed in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pruning {
	int64_t keep_ms;   /* how long records are kept */
	int64_t offset_ms; /* wall time less running time, when it was looked at last */
	int64_t until_ms;  /* nothing is deleted before this running time */
};

#define PRUNING_DAY_MS INT64_C(86400000)

struct pruning_past {
	int64_t newest_ms; /* wall time of the newest record, 0 when there is none */
	int64_t wait_ms;   /* what the run before had yet to wait */
};
/* False: the clock is far from the newest record. */
bool pruning_begin(struct pruning *p, int64_t keep_ms, const struct pruning_past *past,
    int64_t wall_ms, int64_t boot_ms);
/* Looks at the clock. False: it has jumped. */
bool pruning_look(struct pruning *p, int64_t wall_ms, int64_t boot_ms);
/* For how much running time nothing may be deleted yet; 0: it may be. */
int64_t pruning_wait_ms(const struct pruning *p, int64_t boot_ms);
/* Whether records from before *before_ms may be deleted now. */
bool pruning_is_due(const struct pruning *p, int64_t wall_ms, int64_t boot_ms, int64_t *before_ms);
