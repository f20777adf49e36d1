/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The optional HTTP listener for probes and monitoring: /healthz (the loop turns), /readyz (what is
 * needed is there, with the reason when it is not) and /metrics (OpenMetrics text). Off unless
 * configured. Shows counts, ages and names of required keys; no value, and no other key.
 */
#pragma once

#include "base/attr.h"
#include "connd/settings.h"
#include "core/config/config.h"
#include "core/replica.h"
#include "edge/process/ready.h"

struct event_base;
struct metrics;

/* Listens nowhere yet. replica and ready are borrowed. 0 or -ENOMEM. */
MUST_CHECK int metrics_new(struct metrics **out, struct event_base *base, struct replica *replica,
    const struct ready *ready);
/*
 * Listens where the list says (its first item), and no more where it did before; an empty list: nowhere.
 * 0, or -errno with a sentence in why; then it listens where it did.
 */
MUST_CHECK int metrics_listen(
    struct metrics *m, const struct config_list *listen, char why[static SETTINGS_WHY_SIZE]);
struct metrics *metrics_free(struct metrics *m); /* NULL is fine; returns NULL */
