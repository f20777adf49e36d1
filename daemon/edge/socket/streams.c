/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responses that come in pieces: whose turn it is, and which of them pin a generation that is not
 * served any more. All streams together have one budget a turn, so lookups never wait for many.
 */
#include "edge/socket/peer_internal.h"

#include "base/clock.h"
#include "base/log.h"

#define TURN_BUDGET 20000 /* of all streams in a turn, about half a millisecond: see service.h */
#define PINNED_MS   10000 /* a stream may read a replaced generation for so long */
#define MAX_BESIDE  3     /* generations that may exist beside the served one */

void
streams_append(struct peer *p)
{
	struct peers *ps = p->set;

	if (!chain_is_empty(&p->streams))
		return;
	chain_append(&ps->streams, &p->streams);
	loop_after_turn(ps->loop, &ps->streams_job);
}

/* A connection that can take more is appended again, so each has its turn. */
void
streams_run(struct later *job)
{
	struct peers *ps = CONTAINER_OF(job, struct peers, streams_job);
	size_t budget = TURN_BUDGET;

	while (budget > 0 && !chain_is_empty(&ps->streams)) {
		struct peer *p = CONTAINER_OF(ps->streams.next, struct peer, streams);

		chain_remove(&p->streams);
		budget--; /* of the send() */
		peer_stream(p, &budget);
	}
	if (!chain_is_empty(&ps->streams))
		loop_after_turn(ps->loop, job);
}

/* --- old generations ------------------------------------------------------------------------- */

static struct peer *
peer_of(struct chain *node)
{
	return CONTAINER_OF(node, struct peer, all);
}

static bool
pins(const struct peer *p)
{
	return p->progress.stream && p->progress.stream->replaced_ms;
}

/* The connection that has pinned an old generation for longest, or NULL. */
static struct peer *
find_oldest_pin(struct peers *ps)
{
	struct peer *oldest = NULL;

	for (struct chain *n = ps->all.next; n != &ps->all; n = n->next) {
		struct peer *p = peer_of(n);

		if (pins(p) && (!oldest || p->progress.stream->replaced_ms <
					       oldest->progress.stream->replaced_ms))
			oldest = p;
	}
	return oldest;
}

/* Closes the connections that pin g. */
static void
close_pins_of(struct peers *ps, const struct generation *g, const char *why)
{
	struct chain *next;
	int64_t n = 0;

	for (struct chain *node = ps->all.next; node != &ps->all; node = next) {
		struct peer *p = peer_of(node);

		next = node->next;
		if (!p->progress.stream || p->progress.stream->generation != g)
			continue;
		peer_close(p, why);
		n++;
	}
	log_warn("lists closed", LOG_STR("reason", why), LOG_INT("connections", n));
}

bool
streams_check(struct peers *ps, int64_t now_ms)
{
	struct peer *p = find_oldest_pin(ps);

	while (p && now_ms - p->progress.stream->replaced_ms >= PINNED_MS) {
		close_pins_of(ps, p->progress.stream->generation,
		    "they read a copy that was replaced 10 s ago");
		p = find_oldest_pin(ps);
	}
	return p != NULL;
}

/* Lets an idle stream write again. */
static void
wake(struct peer *p)
{
	p->progress.stream->idle = false;
	if (p->out.len == 0)
		streams_append(p);
}

void
peers_generation_changed(struct peers *ps)
{
	const struct generation *served = replica_current(ps->service->replica);
	size_t live = generation_live();
	int64_t now_ms = clock_boot_ms();
	struct peer *p;

	for (struct chain *n = ps->all.next; n != &ps->all; n = n->next) {
		struct stream *s = peer_of(n)->progress.stream;

		if (!s || s->generation == served)
			continue;
		if (s->idle)
			wake(peer_of(n));
		if (!s->generation || s->replaced_ms)
			continue;
		s->replaced_ms = now_ms;
		peers_sweep_later(ps);
	}
	/* Memory is given back later, so the generations to let go are counted beforehand. */
	for (; live > 1 + MAX_BESIDE && (p = find_oldest_pin(ps)); live--)
		close_pins_of(
		    ps, p->progress.stream->generation, "too many replaced copies are still read");
}
