/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replica's world in a scenario: a clock that only moves when told, a manager that answers what
 * the scenario says, people who ask, and a record of everything that happened. Fake edges around
 * the real core. After each step world_check() holds the standing invariant: every question asked
 * has had exactly one answer, or waits on a live sync.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/replica.h"
#include "core/snapshot/stamp.h"
#include "tests/sim/words.h"

#define MAX_QUESTIONS 64
#define MAX_EVENTS    256

struct question {
	struct waiter waiter;
	struct world *world;
	char name[32], key[128], team[32];
	enum record_kind kind;
	bool asked, forgotten;
	int n_answers;
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

	unsigned n_syncs, n_probes; /* begun so far */
	bool syncing, probing, woken;
	char manager[1024]; /* what the manager answers by itself; "": it waits to be told */
	int64_t latency_ms, answers_ms;
	/* A Retry-After is in force until then; a restart without a snapshot forgets it. */
	int64_t floor_ms;
	uint8_t token; /* which one the token's file holds */

	/* The disk, and what tells one run from the next. */
	bool keeps_snapshot, to_write, boot_id_hidden;
	struct buf snapshot, stamp;
	uint8_t snapshot_id[SNAP_ID_SIZE];
	int64_t wall_ahead_ms; /* of the boot clock */
	uint8_t boot, key, previous_key;
	const char *deployment;

	struct question question[MAX_QUESTIONS];
	size_t n_questions;
	struct event event[MAX_EVENTS];
	size_t n_events, n_events_lost;
	uint64_t published; /* the last number */
	bool ran_short;     /* memory was out, and is there again */
	const char *broken; /* an invariant that does not hold, or a line that makes no sense */
};

void world_init(struct world *w);
void world_fini(struct world *w);
/* Each does one step of a scenario; what is wrong with it ends up in w->broken. */
void world_config(struct world *w, const struct words *args);
void world_start(struct world *w);
void world_pass(struct world *w, int64_t ms);
void world_ask(struct world *w, const struct words *args);
void world_forget(struct world *w, const char *name);
void world_soon(struct world *w);
void world_refresh(struct world *w);
void world_token(struct world *w, const char *number);
/* args: what became of the sync in flight: list conn:a="1" ..., unmodified, unreachable, ... */
void world_sync_ends(struct world *w, const struct words *args);
void world_probe_ends(struct world *w, const struct words *args); /* found, missing */
/* The process ends and another begins: [after=TIME] [crash] [reboot] [wall=TIME] */
void world_restart(struct world *w, const struct words *args);
void world_write(struct world *w);
void world_stamp(struct world *w); /* is renewed */
/* What the files still say; false, and why, when they can not be used. */
bool world_read_back(
    struct world *w, struct generation **g, struct replica_memory *memory, char *why);
/* The Retry-After that the stamp keeps. */
struct replica_floor world_floor(const struct world *w);
/* Somebody is at the files: truncate, extend, flip, remove. */
void world_damage(struct world *w, const char *which, const char *how);
void world_status(struct world *w, char text[static MAX_TEXT]);
void world_check(struct world *w);

void world_broken(struct world *w, const char *what);
/* Something could not be done for lack of memory; now there is some again. */
void world_short_of_memory(struct world *w);
