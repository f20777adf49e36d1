/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replica: which generation is served, how fresh it is, when to ask the manager again, and which
 * lookups wait for a first list. A state machine without I/O or clock: the caller passes the time, and
 * what the replica needs from outside comes through struct replica_ops.
 *
 * Every lookup gets exactly one response: at once, or, while there is no data at all, when the running
 * sync ends or cold_wait is over.
 *
 * The life of a sync: the replica calls ops->start_sync(); the edge fetches, fills a builder, makes a
 * list of it and calls replica_sync_done() exactly once. One sync is in flight at a time.
 *
 * A miss is answered at once. Behind the response a probe may ask the manager for that one key (see
 * core/probe.h), so that the next lookup finds an object created a moment ago. The caller allows it with
 * replica_missed(), for keys that the client may read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "core/freshness.h"
#include "core/generation.h"

#define REPLICA_REASON_SIZE   384
#define REPLICA_IDENTITY_SIZE 16

struct replica_config {
	struct windows windows;
	int64_t refresh_ms;              /* between good syncs; jittered */
	int64_t timeout_ms;              /* of one request to the manager */
	int64_t cold_wait_ms;            /* how long a lookup waits while there is no data */
	uint32_t deletion_guard_percent; /* a list that drops more is held until it is seen twice */
	int64_t probe_ms;                /* between probes for missing keys; 0: none */
	enum arena_lock lock;
	size_t max_bytes; /* of one generation */
};

/* What became of a sync. */
enum sync_outcome {
	SYNC_OK,           /* a complete list: builder given */
	SYNC_NOT_MODIFIED, /* everything is as it was */
	SYNC_UNREACHABLE,  /* connect, TLS, time-out, 5xx, 404, 407, 429: an outage */
	SYNC_UNAUTHORIZED, /* 401, 403 */
	SYNC_REFUSED,      /* the organization does not allow fetching secrets */
	SYNC_BAD,          /* an answer that must not be believed */
	SYNC_FAILED,       /* our own trouble: memory, lock, token file */
};

/* A complete list, as the replica takes it. */
struct sync_list {
	struct generation *generation;
	struct generation_difference difference; /* to what is served; not set when nothing is */
};

struct sync_result {
	enum sync_outcome outcome;
	struct sync_list list; /* SYNC_OK: its generation is taken by the replica, else NULL */
	/* When its first request was sent: what the list says was so then. 0: at the sync's start. */
	int64_t asked_ms;
	int64_t retry_after_ms; /* as the manager named it (core/retry_after.h); 0: it did not */
	const char *reason;     /* for a person, when it did not succeed; copied */
};

/* What a list is made for: what is served while its sync runs. */
struct sync_basis {
	struct generation *current;      /* borrowed; NULL: nothing */
	int64_t confirmed_ms, oldest_ms; /* for generation_builder_carry() */
};

/*
 * Makes a list of a builder, which is taken: hangs held values on withheld records, finishes it, and
 * compares it with what is served. Fills outcome, list and, when that failed, a static reason. Pure, and
 * milliseconds for a long list: the caller may have another thread do it.
 */
void sync_list_finish(
    struct sync_result *result, struct generation_builder *b, const struct sync_basis *basis);

enum verdict {
	VERDICT_VALUE, /* record is set */
	VERDICT_NOT_FOUND,
	VERDICT_NOT_READY, /* reason is set */
	VERDICT_EXPIRED,   /* age_ms and reason are set */
	VERDICT_WITHHELD,  /* record is set: its text names the fields */
	VERDICT_INVALID,   /* record is set: its text names the field */
};

struct answer {
	enum verdict verdict;
	const struct record *record; /* borrowed: valid until the caller returns to the loop */
	uint64_t generation;
	enum freshness state;
	int64_t age_ms;
	const char *reason; /* borrowed likewise */
	bool missed; /* not found, and not for being hidden: replica_missed() may be called */
};

struct replica;

/*
 * A lookup that waits. Embedded in the client's own object, linked while it waits. A client that leaves
 * first calls replica_forget().
 */
struct waiter {
	struct waiter *next, **at; /* the replica's */
	int64_t until_ms;          /* the replica's */
	void (*answer)(
	    struct waiter *w); /* unlinked before the call; ask again with replica_ask_now() */
};

struct replica_ops {
	void (*start_sync)(void *env); /* replica_sync_done() is called later, not from within */
	/*
	 * Ask the manager for this one key (the span is valid during the call); replica_probe_done() is
	 * called later, once, not from within. Only with probe_ms.
	 */
	void (*start_probe)(void *env, enum record_kind kind, struct span key);
	/* replica_turn() is wanted soon, not from within: an answer has left something to do. */
	void (*wake)(void *env);
	/* A new generation is being served (also the first); counts are read with replica_status(). */
	void (*published)(void *env);
	/* Something worth one log line happened; event is static text, detail may be "". */
	void (*note)(void *env, const char *event, const char *detail);
	/*
	 * A digest of the manager's URLs and of the token, as the next request would use them; all
	 * zero: unknown. A Retry-After holds only while this stays the same. NULL: always unknown.
	 */
	void (*identity)(void *env, uint8_t out[static REPLICA_IDENTITY_SIZE]);
	/* Uniform in [low, high]; tests make it constant. */
	int64_t (*jitter)(void *env, int64_t low, int64_t high);
};

/* config is copied. first_generation: the number the first one gets (start time in ms). 0 or -ENOMEM. */
MUST_CHECK int replica_new(struct replica **out, const struct replica_config *config,
    const struct replica_ops *ops, void *env, uint64_t first_generation);
struct replica *replica_free(struct replica *r); /* waiters get NOT_READY; returns NULL */
/* Ends all waits with NOT_READY; later lookups without data get NOT_READY at once. */
void replica_close(struct replica *r);
void replica_configure(struct replica *r, const struct replica_config *config); /* on reload */

/* A Retry-After in force: no request is sent before until_ms (boot clock; past: none is in force). */
struct replica_floor {
	int64_t until_ms;
	/* Of the client it was sent to; all zero: unknown. */
	uint8_t identity[REPLICA_IDENTITY_SIZE];
};

/* What must outlive a process; all times on the boot clock. */
struct replica_memory {
	uint64_t generation;
	int64_t confirmed_ms;
	bool refused; /* since refused_ms */
	int64_t refused_ms;
	int64_t next_sync_ms;
	struct replica_floor floor;
};
/* False: there is no data worth remembering, only the times of syncs. */
bool replica_remember(const struct replica *r, struct replica_memory *out);
/*
 * Starts from data of an earlier run, before the first turn. Takes g. It is served at once, as offline
 * until a sync has ended well. The first sync comes when it was due; one that is late is spread
 * over the time it is late, one period at most, so that a rack that comes back does not come at once. A
 * Retry-After that is not over is kept, as replica_hold_off() does.
 */
void replica_load(
    struct replica *r, int64_t now_ms, struct generation *g, const struct replica_memory *memory);

/*
 * Keeps a Retry-After of an earlier run, capped as any other, unless URL or token have changed since.
 * For a start without data; replica_load() does the same.
 */
void replica_hold_off(struct replica *r, int64_t now_ms, const struct replica_floor *floor);

/*
 * True: *out is the answer. False: there is no data yet and a sync may still bring some; hand over a
 * waiter with replica_wait(), or give up with replica_ask_now(). team may be absent; with it
 * `<team>___<key>` is tried first. hide_teams: a bare key that holds "___" is NOT_FOUND.
 */
MUST_CHECK bool replica_ask(struct replica *r, int64_t now_ms, enum record_kind kind,
    struct span team, struct span key, bool hide_teams, struct answer *out);
void replica_wait(struct replica *r, int64_t now_ms, struct waiter *w);
void replica_forget(struct waiter *w); /* not waiting: fine */
/* Answers in any case: NOT_READY where replica_ask() would have one wait. */
void replica_ask_now(struct replica *r, int64_t now_ms, enum record_kind kind, struct span team,
    struct span key, bool hide_teams, struct answer *out);
/*
 * After an answer that says `missed`: worth a probe. The team's own name of the key, unless team is absent;
 * and, when bare, the key itself.
 */
void replica_missed(struct replica *r, int64_t now_ms, enum record_kind kind, struct span team,
    struct span key, bool bare);
/*
 * Does what is due at now_ms (start a sync, end waits, expire carried records, note a change of state)
 * and returns when it wants to be called next (boot-time ms; INT64_MAX: never). Call it after start,
 * whenever that time comes, and after replica_wait(), replica_sync_soon(), replica_sync_done() and
 * replica_configure().
 */
int64_t replica_turn(struct replica *r, int64_t now_ms);
/* Something has changed at the manager: sync as soon as a Retry-After allows. */
void replica_sync_soon(struct replica *r, int64_t now_ms);
/* A person or a reload wants a sync: drops a Retry-After and any back-off, and syncs at once. */
void replica_sync_now(struct replica *r, int64_t now_ms);
/* A probe's response carried a Retry-After: it holds for syncs too. 0: it carried none. */
void replica_left_alone(struct replica *r, int64_t now_ms, int64_t retry_after_ms);
/*
 * True: the list was taken (or was not modified): the tags its pages carried stand for what
 * replica_current() holds from now on. False: it failed or is held back: forget this sync's tags; those
 * kept from an earlier sync still stand for what replica_current() holds.
 */
bool replica_sync_done(struct replica *r, int64_t now_ms, const struct sync_result *result);
/* While a sync runs: what its list is to be made for. */
void replica_basis(const struct replica *r, int64_t now_ms, struct sync_basis *out);
/* found: the manager has this key now; a full list follows. A probe that failed has found nothing. */
void replica_probe_done(struct replica *r, int64_t now_ms, bool found);
/* What a sync that runs may reuse of a 304'd list; NULL while there is none. Borrowed. */
struct generation *replica_current(struct replica *r);

struct replica_status {
	enum freshness state;
	uint64_t generation; /* 0: none yet */
	int64_t age_ms;      /* since it was last confirmed; -1: never */
	size_t n[N_KINDS], withheld, invalid;
	const char *last_error; /* "" after a good sync; borrowed */
	bool syncing;
	int64_t next_sync_ms;  /* until the next one; 0 while one runs */
	int64_t hold_off_ms;   /* until a Retry-After ends; 0: none is in force */
	int64_t expires_in_ms; /* until the data is refused; 0: it is, or there is none */
	size_t bytes, locked_bytes;
	uint64_t syncs_ok, syncs_failed, probes;
};
void replica_status(struct replica *r, int64_t now_ms, struct replica_status *out);
/* Why nothing can be served yet; for the state NOT_READY. Never "". Borrowed until the next call. */
const char *replica_why_no_data(const struct replica *r);
/* Key i of one kind of the current generation, sorted; NULL at the end or without data. */
const struct record *replica_record(struct replica *r, enum record_kind kind, size_t i);
/* Would this key be answered with a value younger than max_age_ms (< 0: of any age served)? */
bool replica_has(
    struct replica *r, int64_t now_ms, enum record_kind kind, struct span key, int64_t max_age_ms);
