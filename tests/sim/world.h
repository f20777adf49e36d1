/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of the replica in a scenario: a clock that moves only on command, a manager that
 * responds as the scenario says, clients, and a record of all events. These are fake edges around
 * the real core. After each step world_check() checks the invariants, such as: every lookup has had
 * exactly one result, or waits for a running sync.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/why.h"
#include "core/replica.h"
#include "core/snapshot/stamp.h"
#include "tests/sim/words.h"

#define MAX_LOOKUPS 64
#define MAX_EVENTS  256

struct lookup {
	struct waiter waiter;
	struct world *world;
	char name[32], key[128], team[32];
	enum record_kind kind;
	bool asked, forgotten;
	int n_results;
};

struct event {
	char text[MAX_TEXT];
	bool required; /* the scenario must name it */
};

enum jitter { JITTER_MIDDLE, JITTER_LOW, JITTER_HIGH };

struct world {
	struct replica *replica;
	struct replica_config config;
	bool hide_teams;
	int64_t now_ms, turn_ms;
	enum jitter jitter;

	unsigned n_syncs, n_probes; /* syncs started so far */
	bool syncing, probing, woken;
	char manager[1024]; /* how syncs end by themselves; "": as the scenario says */
	int64_t latency_ms, answers_ms;
	/* The end of a Retry-After; a restart without a snapshot resets it. */
	int64_t floor_ms;
	uint8_t token; /* the token in the token file */

	/* The disk, and what identifies a run. */
	bool keeps_snapshot, to_write, boot_id_hidden;
	struct buf snapshot, stamp;
	uint8_t snapshot_id[SNAP_ID_SIZE];
	int64_t wall_ahead_ms; /* of the boot clock */
	uint8_t boot, key, previous_key;
	const char *deployment;

	struct lookup lookup[MAX_LOOKUPS];
	size_t n_lookups;
	struct event event[MAX_EVENTS];
	size_t n_events, n_events_lost;
	uint64_t published; /* the last generation number */
	bool ran_short;     /* an allocation has failed; they succeed again */
	const char *broken; /* a failed invariant, or an invalid line */
};

void world_init(struct world *w);
void world_fini(struct world *w);
/* Each runs one step of a scenario, and sets w->broken on an error. */
void world_config(struct world *w, const struct words *args);
void world_start(struct world *w);
void world_pass(struct world *w, int64_t ms);
void world_ask(struct world *w, const struct words *args);
void world_forget(struct world *w, const char *name);
void world_soon(struct world *w);
void world_refresh(struct world *w);
void world_token(struct world *w, const char *number);
/* args: how the running sync ends: list conn:a="1" ..., unmodified, unreachable, ... */
void world_sync_ends(struct world *w, const struct words *args);
void world_probe_ends(struct world *w, const struct words *args); /* found, missing */
/* Restarts connd: [after=TIME] [crash] [reboot] [wall=TIME] */
void world_restart(struct world *w, const struct words *args);
void world_write(struct world *w);
void world_stamp(struct world *w); /* writes the stamp */
/* Loads the files. False, with why, if they cannot be used. */
bool world_read_back(
    struct world *w, struct generation **g, struct replica_memory *memory, struct why *why);
/* The Retry-After in the stamp. */
struct replica_floor world_floor(const struct world *w);
/* Damages a file: truncate, extend, flip, remove. */
void world_damage(struct world *w, const char *which, const char *how);
void world_status(struct world *w, char text[static MAX_TEXT]);
void world_check(struct world *w);

void world_broken(struct world *w, const char *what);
/* An operation has failed for lack of memory; lets allocations succeed again. */
void world_short_of_memory(struct world *w);
