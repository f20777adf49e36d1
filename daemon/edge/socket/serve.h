/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question -> its answer, as bytes: what a call asks for, whether this peer may ask it, what the
 * replica says, and the reply that says so.
 *
 * Sits between peer.c, which knows sockets and no questions, and core/replica.h, which knows neither
 * JSON nor peers. One debug line `lookup` records who asked for what and what became of it; never a
 * value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "core/acl.h"
#include "core/replica.h"
#include "edge/process/ready.h"

/* What all connections are answered from. Borrowed by them; `acl` and `hide_teams` change on reload. */
struct service {
	struct replica *replica;
	const struct ready *ready; /* for Status */
	const struct acl *acl;
	const char *organization, *deployment, *workspace; /* of the last two one is NULL */
	bool hide_teams; /* [access] teams: a key that holds "___" is reached by its team alone */
	void (*wait_began)(void *env); /* a question waits: replica_turn() is due */
	void *env;
};

/* Who asks: the kernel's word at connect time. */
struct asker {
	int fd; /* borrowed; for the groups, which are read when a rule first needs them */
	uid_t uid;
	gid_t gid;
	pid_t pid; /* 0 across pid namespaces: for the log only */
	gid_t *groups;
	size_t n_groups;
	bool groups_known;
};
void asker_fini(struct asker *a);

struct pending; /* a lookup that waits for the first data */
struct listing; /* a List under way */

enum serve_outcome {
	SERVE_DONE,  /* the whole reply is in out: nothing for a oneway call */
	SERVE_CLOSE, /* no Varlink: to be closed without a reply */
	SERVE_PENDING, /* progress->pending waits; ready(arg) will be called once, then pending_answer() */
	SERVE_LISTING, /* progress->listing has more to say: listing_fill() while there is room */
};

/* What a call that does not end at once leaves behind, owned by the connection. */
struct serve_progress {
	struct pending *pending;
	struct listing *listing;
	void (*ready)(void *arg); /* set by the connection */
	void *arg;
};

/*
 * frame: len bytes and a NUL, writable (strings are decoded in place). out: buf_error() tells when
 * memory was out; the connection is lost then.
 */
MUST_CHECK enum serve_outcome serve_call(struct service *s, struct asker *asker, char *frame,
    size_t len, struct buf *out, struct serve_progress *progress);

/* Writes the one answer and frees the pending call. */
void pending_answer(struct pending *p, struct buf *out);
struct pending *pending_free(struct pending *p); /* stops waiting; NULL is fine; returns NULL */

/* Appends the next piece, about 32 KiB. True: that was the last. */
MUST_CHECK bool listing_fill(struct listing *l, struct buf *out);
struct listing *listing_free(struct listing *l); /* NULL is fine; returns NULL */
