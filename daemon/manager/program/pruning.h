/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When old records may be deleted. Wall time alone never decides that: when it differs by more than
 * a day from the newest record at the start, or jumps by more than a day while the program runs,
 * nothing is deleted for a day of running time, in this run and later ones. (After a run whose
 * clock was wrong, the newest records agree with the wrong time.) Pure: the caller passes the
 * times.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pruning {
	int64_t keep_ms;   /* how long records are kept */
	int64_t offset_ms; /* wall time minus running time, at the last look */
	int64_t until_ms;  /* nothing is deleted before this running time */
};

#define PRUNING_DAY_MS INT64_C(86400000)

struct pruning_past {
	int64_t newest_ms; /* wall time of the newest record, 0 when there is none */
	int64_t wait_ms;   /* the time that the previous run had left to wait */
};
/* False: the clock is far from the newest record. */
bool pruning_begin(struct pruning *p, int64_t keep_ms, const struct pruning_past *past,
    int64_t wall_ms, int64_t boot_ms);
/* Compares the clock with the last look. False: it has jumped. */
bool pruning_look(struct pruning *p, int64_t wall_ms, int64_t boot_ms);
/* Running time until records may be deleted; 0: now. */
int64_t pruning_wait_ms(const struct pruning *p, int64_t boot_ms);
/* Whether records from before *before_ms may be deleted now. */
bool pruning_is_due(const struct pruning *p, int64_t wall_ms, int64_t boot_ms, int64_t *before_ms);
