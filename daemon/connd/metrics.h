/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The optional HTTP listener for probes and monitoring: /healthz (the loop runs), /readyz (the
 * required keys are present, or the reason why not) and /metrics (OpenMetrics text). Off unless
 * configured. connd(8) lists the metrics; their names and types are stable. They hold counts, ages
 * and names of required keys, never a value or another key.
 */
#pragma once

#include "base/attr.h"
#include "base/why.h"
#include "connd/settings.h"
#include "core/config/config.h"
#include "edge/process/loop.h"
#include "edge/socket/peer.h"

struct metrics;

/*
 * Does not listen yet. Borrows service and peers, which are read on each request. 0 or -ENOMEM.
 */
MUST_CHECK int metrics_new(struct metrics **out, struct loop *loop, const struct service *service,
    const struct peers *peers);
/*
 * Listens at the first item of the list instead of the old address; does not listen if the list is
 * empty. 0, or -errno with a sentence in why and without any change.
 */
MUST_CHECK int metrics_listen(struct metrics *m, const struct config_list *listen, struct why *why);
/*
 * Checks whether the address can be listened at. 0, or -errno with a sentence in why.
 */
MUST_CHECK int metrics_check(const char *listen, struct why *why);
const char *metrics_where(const struct metrics *m); /* as configured; NULL: nowhere */
struct metrics *metrics_free(struct metrics *m);    /* NULL is fine; returns NULL */
