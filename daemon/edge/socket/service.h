/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every connection is served from, and the two forms a response takes that is not written at
 * once: one that waits for an event (struct pending), and one that is written piece by piece
 * (struct stream). Each is embedded in the request that needs it; the connection owns it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/acl.h"
#include "core/replica.h"
#include "edge/process/ready.h"
#include "edge/process/report.h"
#include "edge/socket/caller.h"
#include "edge/socket/denials.h"
#include "edge/socket/tally.h"
#include "edge/socket/trace.h"
#include "proto/secrets.h"

#define SERVICE_RETRY_MS 1000 /* in an Overloaded response */

/* Borrowed by all connections. The rules, hide_teams and the ids change on reload. */
struct service {
	int64_t now_ms; /* when the request being served was taken up (CLOCK_BOOTTIME) */
	struct replica *replica;
	const struct ready *ready; /* for Status */
	const struct acl *acl;
	const char *organization, *deployment, *workspace; /* one of the last two is NULL */
	bool hide_teams;               /* [access] teams: a key that holds "___" needs its team */
	void (*wait_began)(void *env); /* a request waits for data: replica_turn() is due */
	void (*refresh)(void *env);    /* a caller wants a sync now */
	int64_t refreshed_ms;          /* when refresh() was called last; 0: never */
	void (*report)(void *env, struct report *out); /* fills what Status shows of other parts */
	/* Drops a reference; the last one costs a wipe, which is not done in the loop. */
	void (*release)(void *env, struct generation *g);
	void *env;
	struct denials *denials;  /* of the connections; NULL: none are logged */
	struct secrets_tail tail; /* of the last response with a value */
	struct tally tally;
	struct trace *trace; /* the last lookups; NULL: none are kept */
};

/* How a request ended, or what it left behind. */
enum serve_outcome {
	SERVE_DONE,      /* the whole response is written; a oneway call has none */
	SERVE_CLOSE,     /* not Varlink: close without a response */
	SERVE_PENDING,   /* progress->pending: the response comes after an event */
	SERVE_STREAMING, /* progress->stream: the response comes in pieces */
};

struct pending {
	void (*write)(struct pending *p, struct buf *out); /* writes the response, frees nothing */
	void (*drop)(struct pending *p);                   /* stops waiting and frees */
	void (*ready)(void *arg); /* the connection's: called once, when write() may be called */
	void *arg;
};

/*
 * The budget of a turn, which all streams share, is counted in comparisons of a key with a pattern:
 * some 25 ns each.
 */
struct stream {
	/*
	 * Appends the next piece, up to about 32 KiB, and takes what that cost off *budget. Stops
	 * early, maybe without a byte, when nothing is left of it. True: the end.
	 */
	bool (*fill)(struct stream *s, struct buf *out, size_t *budget);
	void (*drop)(struct stream *s); /* frees */
	struct generation *generation;  /* the one it reads, its own reference; NULL: none */
	/* When the connection saw that it was no longer served; 0: it still is. */
	int64_t replaced_ms;
	/* Set by fill(): nothing to write until another generation is served, which clears it. */
	bool idle;
};

#define STREAM_BYTES ((size_t)36 * 1024) /* counted for a stream's buffer while it lasts */

/* What an unfinished request leaves with its connection. */
struct serve_progress {
	struct pending *pending;
	struct stream *stream;
	void (*ready)(void *arg); /* set by the connection, for struct pending */
	void *arg;
};

/*
 * Writes the response to a caller without permission and notes a denial for the log. what: the
 * kind of the key or the method; key: as it may be logged, or absent. Not for PERMISSION_ALLOWED.
 */
void service_refuse(struct service *s, const struct caller *c, enum permission permission,
    const char *what, struct span key, struct buf *out);
