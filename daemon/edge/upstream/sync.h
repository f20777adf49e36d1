/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One refresh: the lists of connections, Airflow variables and environment variables, page by page,
 * into a generation's builder; or the reason why not.
 *
 * Decides which URL is asked, and in which order. paging.h says when a list may be believed,
 * refusal.h what a status means. Whether a list is then served is the replica's decision.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "core/config/config.h"
#include "core/replica.h"
#include "edge/process/loop.h"
#include "edge/process/worker.h"
#include "edge/upstream/fetch.h"
#include "edge/upstream/token.h"

struct sync;

/* Where the manager is, and how to ask it. Borrowed until the next sync_use() or sync_free(). */
struct sync_source {
	const struct config *config;
	const char *token_path;
	struct upstream *upstream;
};

/*
 * The end of a sync; result's list is taken. True: the list is being served from now on, so its
 * tags may be sent with the next (replica_sync_done() says so).
 */
typedef bool sync_done(void *env, const struct sync_result *result);

MUST_CHECK int sync_new(struct sync **out, struct loop *loop, struct worker *worker,
    const struct sync_source *source, sync_done *done, void *env);
/*
 * On reload. Another [manager] section: a sync under way begins anew with the new source, and still
 * ends once. The same: it goes on, and the tags are kept, so that reloads in a row do not keep it
 * from ending.
 */
void sync_use(struct sync *s, const struct sync_source *source);
/* Must not be running. done() is called once, later, not from within. */
void sync_start(struct sync *s, const struct sync_basis *basis);
const char *sync_url(const struct sync *s); /* the one in use */
/*
 * The URL that answered last when its lists carry tags, so that it may know to wait for changes;
 * or NULL.
 */
const char *sync_watchable_url(const struct sync *s);
/* What the token that was read last says of itself. */
struct token_life sync_token_life(const struct sync *s);
struct sync *sync_free(struct sync *s); /* without done(); NULL is fine; returns NULL */
