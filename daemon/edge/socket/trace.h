/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last lookups, for people who look for a cause: who asked for what, how it ended, how long it
 * took, and the id that the client gave it. A ring of fixed size in memory; no value is kept, and a
 * key that is most likely a value is shortened.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "core/kind.h"
#include "edge/socket/tally.h"

#define TRACE_LOOKUPS 1024 /* kept */
#define TRACE_REPLY   256  /* in one reply */

struct trace;

struct trace_lookup {
	int64_t now_ms; /* CLOCK_BOOTTIME */
	uid_t uid;
	pid_t pid;
	enum record_kind kind;
	enum lookup_result result;
	struct span key, team, id; /* copied, cut when long; team and id may be absent */
	uint64_t generation;       /* that it was answered from; 0: none */
	struct span request;       /* id of the sync that brought it; copied; may be absent */
	int64_t age_ms;            /* of the data; -1: none */
};

MUST_CHECK int trace_new(struct trace **out); /* 0 or -ENOMEM */
/* All that follow: t may be NULL, then nothing is kept. */
void trace_begin(struct trace *t); /* a request is about to be served */
void trace_add(struct trace *t, const struct trace_lookup *l);
/* The response to the request being served is replaced by Overloaded: its lookup, if it is one. */
void trace_overload(struct trace *t);
/* The responses to the lookups added since the last call leave now, us after their requests. */
void trace_sent(struct trace *t, int64_t us);
/*
 * Appends the members "lookups" and "next" of Trace: the oldest lookups with a number above
 * `after`, as many as a reply takes. An `after` that was never given out counts as 0.
 */
void trace_write(const struct trace *t, int64_t after, int64_t now_ms, struct buf *params);
struct trace *trace_free(struct trace *t); /* NULL is fine; returns NULL */
