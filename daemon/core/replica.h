/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replica: which generation is served, how fresh it is, when to ask the manager again, and
 * which lookups wait for a first list. A state machine without I/O or clock: the caller passes the
 * time, and acts through struct replica_ops.
 *
 * Every lookup gets exactly one result: at once, or, while there is no data at all, when the
 * running sync ends or cold_wait is over.
 *
 * The life of a sync: the replica calls ops->start_sync(). The edge fetches the list, fills a
 * generation builder, calls sync_list_finish(), and calls replica_sync_done() exactly once. Only
 * one sync runs at a time.
 *
 * A lookup of a missing key gets its result at once. Afterwards a probe may ask the manager for
 * that one key (core/probe.h), so that the next lookup finds an object created a moment ago. The
 * caller allows the probe with replica_missed(), for keys that the client may read.
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
/* The X-Request-Id of all requests of one sync: 32 hex digits and a NUL. */
#define REPLICA_REQUEST_ID_SIZE 33

struct replica_config {
	struct windows windows;
	int64_t refresh_ms;              /* between successful syncs; jittered */
	int64_t timeout_ms;              /* of one request to the manager */
	int64_t cold_wait_ms;            /* how long a lookup waits while there is no data */
	uint32_t deletion_guard_percent; /* a list that drops more needs a second one */
	int64_t probe_ms;                /* between probes for missing keys; 0: no probes */
	enum arena_lock lock;
	size_t max_bytes; /* of one generation */
};

/* How a sync ended. */
enum sync_outcome {
	SYNC_OK,           /* a complete list */
	SYNC_NOT_MODIFIED, /* the list has not changed */
	SYNC_UNREACHABLE,  /* an outage: connect, TLS, time-out, 5xx, 404, 407, 429 */
	SYNC_UNAUTHORIZED, /* 401, 403 */
	SYNC_REFUSED,      /* the organization does not allow fetching secrets */
	SYNC_BAD,          /* an invalid response */
	SYNC_FAILED,       /* a local failure: memory, lock, token file */
};

/* A complete list, ready to be served. */
struct sync_list {
	struct generation *generation;
	struct generation_difference difference; /* to the served generation; unset without one */
};

struct sync_result {
	enum sync_outcome outcome;
	struct sync_list list;  /* SYNC_OK: the replica takes the generation; else NULL */
	int64_t asked_ms;       /* when the first request was sent; 0: at the sync's start */
	int64_t retry_after_ms; /* the response's Retry-After (core/retry_after.h); 0: none */
	const char *reason;     /* on failure: a sentence for a person; copied */
	const char *request_id; /* of the sync; copied; NULL: none */
};

/* What a new list is compared with: the served generation. */
struct sync_basis {
	struct generation *current;      /* borrowed; NULL: no data yet */
	int64_t confirmed_ms, oldest_ms; /* for generation_builder_carry() */
};

/*
 * Turns a builder into a list: adds held values to withheld records, finishes the generation and
 * compares it with the served one. Takes b. Sets outcome, list and, on failure, a static reason.
 * Pure; takes milliseconds for a long list and may run in another thread.
 */
void sync_list_finish(
    struct sync_result *result, struct generation_builder *b, const struct sync_basis *basis);

enum verdict {
	VERDICT_VALUE, /* record is set */
	VERDICT_NOT_FOUND,
	VERDICT_NOT_READY, /* reason is set */
	VERDICT_EXPIRED,   /* age_ms and reason are set */
	VERDICT_WITHHELD,  /* record is set; its text is a JSON array of the missing fields */
	VERDICT_INVALID,   /* record is set; its text is the name of the field */
};

struct replica_result {
	enum verdict verdict;
	const struct record *record; /* borrowed: valid until the caller returns to the loop */
	uint64_t generation;
	const char *request_id; /* of the sync that brought it; "": an earlier run; borrowed */
	enum freshness state;
	int64_t age_ms;
	const char *reason; /* borrowed for as long as record */
	bool missed; /* the key does not exist and is not hidden: replica_missed() may follow */
};

struct replica;

/*
 * A waiting lookup, embedded in the caller's own object. Call replica_forget() before that object
 * goes away.
 */
struct waiter {
	struct waiter *next, **at; /* used by the replica */
	int64_t until_ms;          /* used by the replica */
	/* Called once, when the wait is over and w is unlinked: call replica_lookup_now() then. */
	void (*ready)(struct waiter *w);
};

struct replica_ops {
	/* Starts a sync. It ends with replica_sync_done(), called later, not from within. */
	void (*start_sync)(void *env);
	/*
	 * Asks the manager for one key, which is valid during the call. Ends with one
	 * replica_probe_done(), called later, not from within. May be NULL if probe_ms is 0.
	 */
	void (*start_probe)(void *env, enum record_kind kind, struct span key);
	/* Requests a replica_turn() soon, not from within: a lookup has left something to do. */
	void (*wake)(void *env);
	/* A new generation is served, or the first one. */
	void (*published)(void *env);
	/* Logs one line; event is static text, detail may be "". */
	void (*note)(void *env, const char *event, const char *detail);
	/*
	 * Writes a digest of the manager's URLs and the token that the next request would use; all
	 * zero: unknown. A Retry-After applies only while the digest stays the same. NULL: unknown.
	 */
	void (*identity)(void *env, uint8_t out[static REPLICA_IDENTITY_SIZE]);
	/* Returns a random number, uniform in [low, high]; constant in tests. */
	int64_t (*jitter)(void *env, int64_t low, int64_t high);
};

/*
 * Makes a replica without data. Copies config, borrows ops. first_generation: the number of the
 * first generation. 0 or -ENOMEM.
 */
MUST_CHECK int replica_new(struct replica **out, const struct replica_config *config,
    const struct replica_ops *ops, void *env, uint64_t first_generation);
/* Calls replica_close() and frees. r may be NULL. Returns NULL. */
struct replica *replica_free(struct replica *r);
/* Ends all waits with NOT_READY. Later lookups without data get NOT_READY at once. */
void replica_close(struct replica *r);
/* Changes the configuration on a reload. */
void replica_configure(struct replica *r, const struct replica_config *config);

/* A Retry-After: no request is sent before until_ms (boot clock; a past time has no effect). */
struct replica_floor {
	int64_t until_ms;
	/* ops->identity() at the time of the response; all zero: unknown. */
	uint8_t identity[REPLICA_IDENTITY_SIZE];
};

/* What a restart must keep; all times on the boot clock. */
struct replica_memory {
	uint64_t generation;
	int64_t confirmed_ms;
	bool refused; /* the manager has refused the token since refused_ms */
	int64_t refused_ms;
	int64_t next_sync_ms;
	struct replica_floor floor;
};
/* Fills *out. False if there is no data; then only next_sync_ms and floor are meaningful. */
bool replica_remember(const struct replica *r, struct replica_memory *out);
/*
 * Serves data of an earlier run. Call it before the first turn. Takes g. The state is OFFLINE until
 * a sync succeeds. The first sync starts when it was due. An overdue one starts at a random time
 * within the time it is late, one refresh period at most, so that many daemons that start together
 * do not sync together. Applies the Retry-After of memory like replica_hold_off().
 */
void replica_load(
    struct replica *r, int64_t now_ms, struct generation *g, const struct replica_memory *memory);

/*
 * Applies a Retry-After of an earlier run, within the usual cap, unless the URL or token has
 * changed. For a start without data.
 */
void replica_hold_off(struct replica *r, int64_t now_ms, const struct replica_floor *floor);

/*
 * Looks up a key. True with *out set. False if there is no data yet but a sync may bring some: call
 * replica_wait(), or replica_lookup_now() not to wait. With a team, `<team>___<key>` is tried
 * first; team may be absent. hide_teams: a key that contains "___" is NOT_FOUND.
 */
MUST_CHECK bool replica_lookup(struct replica *r, int64_t now_ms, enum record_kind kind,
    struct span team, struct span key, bool hide_teams, struct replica_result *out);
void replica_wait(struct replica *r, int64_t now_ms, struct waiter *w);
void replica_forget(struct waiter *w); /* ends a wait without calling ready(), if w waits */
/* Like replica_lookup(), but returns NOT_READY instead of waiting. */
void replica_lookup_now(struct replica *r, int64_t now_ms, enum record_kind kind, struct span team,
    struct span key, bool hide_teams, struct replica_result *out);
/*
 * Allows a probe after a result with `missed`: for the team's own key, unless team is absent, and,
 * if bare, for the key itself.
 */
void replica_missed(struct replica *r, int64_t now_ms, enum record_kind kind, struct span team,
    struct span key, bool bare);
/*
 * Does what is due at now_ms: starts a sync or a probe, ends waits, expires held values, notes a
 * change of state. Returns when to call it next (boot-time ms; INT64_MAX: never). Call it after the
 * start, at that time, and after replica_wait(), replica_sync_soon(), replica_sync_done() and
 * replica_configure().
 */
int64_t replica_turn(struct replica *r, int64_t now_ms);
/* Starts a sync as soon as a Retry-After allows: the manager's data has changed. */
void replica_sync_soon(struct replica *r, int64_t now_ms);
/* Starts a sync at once, for a person or a reload: drops a Retry-After and the back-off. */
void replica_sync_now(struct replica *r, int64_t now_ms);
/* Applies the Retry-After of a probe's response to syncs too. 0 or less: it had none. */
void replica_retry_after(struct replica *r, int64_t now_ms, int64_t retry_after_ms);
/*
 * Ends a sync. True if its list is now served, or was not modified: the ETags of its pages belong
 * to replica_current(). False if it failed or its list is held back: drop its ETags; those of an
 * earlier sync still belong to replica_current().
 */
bool replica_sync_done(struct replica *r, int64_t now_ms, const struct sync_result *result);
/* Fills in what the running sync passes to sync_list_finish(). */
void replica_basis(const struct replica *r, int64_t now_ms, struct sync_basis *out);
/* Ends a probe. found: the manager has the key, so a full sync follows. False after a failure. */
void replica_probe_done(struct replica *r, int64_t now_ms, bool found);
/* The served generation, whose records a sync reuses after a 304. Borrowed; NULL: no data. */
struct generation *replica_current(struct replica *r);

struct replica_status {
	enum freshness state;
	uint64_t generation; /* 0: no data yet */
	/* Of the sync that brought the generation; "": an earlier run did. Borrowed. */
	const char *request_id;
	int64_t age_ms; /* since the last confirmation; -1: no data yet */
	size_t n[N_KINDS], withheld, invalid;
	const char *last_error; /* "" after a successful sync; borrowed */
	bool syncing;
	int64_t next_sync_ms;  /* until the next one; 0 while one runs */
	int64_t hold_off_ms;   /* until a Retry-After ends; 0: none */
	int64_t expires_in_ms; /* until lookups are refused; 0: they are, or there is no data */
	size_t bytes, locked_bytes;
	uint64_t syncs_ok, syncs_failed, probes;
};
void replica_status(struct replica *r, int64_t now_ms, struct replica_status *out);
/*
 * Why nothing can be served yet; for the state NOT_READY. Never "". Borrowed until the next call.
 */
const char *replica_why_no_data(const struct replica *r);
/* Returns record i of one kind, sorted by key; NULL at the end, or without data. */
const struct record *replica_record(struct replica *r, enum record_kind kind, size_t i);
/* True if a lookup would return a value younger than max_age_ms (< 0: of any age). */
bool replica_has(
    struct replica *r, int64_t now_ms, enum record_kind kind, struct span key, int64_t max_age_ms);
