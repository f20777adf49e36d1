/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/peer_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/frame.h"
#include "proto/secrets.h"

#define KEEP_BYTES (256 * 1024) /* capacity that the shared output buffer keeps */
#define FIRST_ROOM 512          /* of a connection's own input buffer, which grows as it fills */

static const char *const state_name[] = { "reading", "waiting", "writing", "closed" };

/* The transition table: a connection may go from the row's state to the column's. */
static const unsigned char may_become[] = {
	[PEER_READING] = 1 << PEER_WAITING | 1 << PEER_WRITING | 1 << PEER_CLOSED,
	[PEER_WAITING] = 1 << PEER_READING | 1 << PEER_WRITING | 1 << PEER_CLOSED,
	[PEER_WRITING] = 1 << PEER_READING | 1 << PEER_WAITING | 1 << PEER_CLOSED,
	[PEER_CLOSED] = 0,
};

static void on_io(evutil_socket_t fd, short what, void *arg);

/* --- state ------------------------------------------------------------------------------- */

/* The only assignment to p->state after peer_new(). */
static void
peer_become(struct peer *p, enum peer_state next)
{
	if (p->state == next)
		return;
	if (!(may_become[p->state] & 1 << next))
		abort();
	if (next != PEER_CLOSED)
		log_debug("connection", LOG_INT("id", p->id), LOG_STR("from", state_name[p->state]),
		    LOG_STR("to", state_name[next]));
	peer_moved(p);
	p->state = next;
}

static void
peer_free(struct later *job)
{
	mem_free(CONTAINER_OF(job, struct peer, job));
}

/* Ends a request that waits or streams. */
static void
drop_progress(struct peer *p)
{
	if (p->progress.pending)
		p->progress.pending->drop(p->progress.pending);
	if (p->progress.stream)
		p->progress.stream->drop(p->progress.stream);
	p->progress.pending = NULL;
	p->progress.stream = NULL;
}

void
peer_close(struct peer *p, const char *reason)
{
	if (p->state == PEER_CLOSED)
		return;
	log_debug("connection closed", LOG_INT("id", p->id), LOG_INT("uid", p->caller.uid),
	    LOG_STR("reason", reason));
	peer_become(p, PEER_CLOSED);
	chain_remove(&p->streams);
	(void)event_del(&p->io);
	(void)close(p->caller.fd);
	drop_progress(p);
	caller_fini(&p->caller);
	buf_fini(&p->in);
	buf_fini(&p->out);
	p->job.run = peer_free;
	loop_after_turn(p->set->loop, &p->job);
	peers_remove(p);
}

static void
peer_watch(struct peer *p, short want)
{
	if (want == p->watching)
		return;
	if (p->watching)
		(void)event_del(&p->io);
	p->watching = 0;
	if (!want)
		return;
	if (event_assign(
		&p->io, loop_base(p->set->loop), p->caller.fd, want | EV_PERSIST, on_io, p) < 0 ||
	    event_add(&p->io, NULL) < 0) {
		peer_close(p, "out of memory");
		return;
	}
	p->watching = want;
}

/* --- output ------------------------------------------------------------------------------ */

/*
 * Sends the shared output. What the socket does not take is kept, and no further frame is read
 * until the client has read it.
 */
static void
peer_send(struct peer *p)
{
	struct buf *out = &p->set->out;
	ssize_t n = 0;

	if (buf_error(out)) {
		peer_close(p, buf_error(out) == -ENOMEM ? "out of memory" : "reply too long");
	} else if (out->len > 0) {
		n = send(p->caller.fd, out->data, out->len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			peer_close(p, "the client has gone");
		} else if ((size_t)(n < 0 ? 0 : n) < out->len) {
			n = n < 0 ? 0 : n;
			buf_add(&p->out, out->data + n, out->len - (size_t)n);
			p->sent = 0;
			peer_become(p, PEER_WRITING);
			if (buf_error(&p->out))
				peer_close(p, "out of memory");
		}
	}
	if (out->cap > KEEP_BYTES)
		buf_fini(out);
	buf_reset(out);
}

/* True: all of it was sent. */
static bool
peer_flush(struct peer *p)
{
	ssize_t n = send(
	    p->caller.fd, p->out.data + p->sent, p->out.len - p->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			peer_close(p, "the client has gone");
		return false;
	}
	peer_moved(p);
	p->sent += (size_t)n;
	if (p->sent < p->out.len)
		return false;
	buf_fini(&p->out);
	p->sent = 0;
	return true;
}

/* Everything is sent: goes on with the next frame, unless a stream has more to write. */
static void
peer_written(struct peer *p)
{
	if (!p->progress.stream)
		peer_become(p, p->progress.pending ? PEER_WAITING : PEER_READING);
}

/* --- input ------------------------------------------------------------------------------- */

/* Replaces the response that begins at `before` by the error Overloaded. */
static void
peer_overload(struct peer *p, size_t before)
{
	if (buf_error(&p->set->out))
		return; /* an earlier response is incomplete: the connection ends */
	buf_truncate(&p->set->out, before);
	secrets_write_overloaded(&p->set->out, SERVICE_RETRY_MS);
	tally_overload(&p->set->service->tally);
	trace_overload(p->set->service->trace);
	p->set->stats.overloaded++;
}

/*
 * Checks that the response fits into the memory for unread responses; otherwise Overloaded is sent
 * in its place. How much of the batch the socket will take is not known yet, so all of it counts.
 */
static void
peer_limit(struct peer *p, size_t before)
{
	const struct buf *out = &p->set->out;

	if (out->len > before && !buf_error(out) && !peers_fit(p->set, p->usage, out->len))
		peer_overload(p, before);
}

static void
peer_begin_stream(struct peer *p, size_t before)
{
	if (peers_fit(p->set, p->usage, STREAM_BYTES)) {
		peer_become(p, PEER_WRITING);
		return;
	}
	drop_progress(p);
	peer_overload(p, before);
}

static void
peer_call(struct peer *p, char *frame, size_t len)
{
	size_t before = p->set->out.len;

	p->asked = true;
	switch (serve_call(p->set->service, &p->caller, frame, len, &p->set->out, &p->progress)) {
	case SERVE_DONE:
		peer_limit(p, before);
		return;
	case SERVE_CLOSE:
		peer_send(p); /* the responses to the calls before it */
		peer_close(p, "not varlink");
		return;
	case SERVE_PENDING:
		peer_become(p, PEER_WAITING);
		return;
	case SERVE_STREAMING:
		peer_begin_stream(p, before);
		return;
	}
}

/*
 * Serves the whole frames in the buffer, at most LIMIT_PIPELINE a turn: other connections need
 * theirs. Returns the bytes used.
 */
static size_t
peer_frames(struct peer *p, struct buf *in)
{
	size_t used = 0, len;

	for (int left = LIMIT_PIPELINE; p->state == PEER_READING && used < in->len; left--) {
		if (left == 0) {
			loop_after_turn(p->set->loop, &p->job);
			break;
		}
		switch (frame_cut(in->data + used, in->len - used, p->in.max - 1, &p->seen, &len)) {
		case FRAME_MORE:
			return used;
		case FRAME_TOO_LONG:
			peer_send(p);
			peer_close(p, "frame too long");
			return used;
		case FRAME_READY:
			break;
		}
		p->seen = 0;
		peer_moved(p);
		peer_call(p, in->data + used, len);
		used += len + 1;
		if (p->set->out.len >= FLUSH_BYTES)
			peer_send(p);
	}
	return used;
}

static void
peer_work(struct peer *p, struct buf *in)
{
	size_t used = peer_frames(p, in);

	/*
	 * Responses come in call order: those before a call that waits or streams are sent first.
	 */
	if (p->state != PEER_CLOSED)
		peer_send(p);
	if (p->state != PEER_CLOSED && in != &p->in) {
		buf_add(&p->in, in->data + used, in->len - used);
		if (buf_error(&p->in))
			peer_close(p, "out of memory");
	} else if (p->state != PEER_CLOSED) {
		buf_consume(in, used);
		if (in->len == 0)
			buf_fini(in);
	}
	if (in == &p->set->in)
		buf_reset(in);
}

void
peer_read(struct peer *p)
{
	struct buf *in = p->in.len > 0 ? &p->in : &p->set->in;
	/* never 0: a buffer this full holds a whole frame, or one that is refused as too long */
	size_t room = p->in.max - in->len;
	ssize_t n;
	char *to;

	if (in == &p->in && room > in->len + FIRST_ROOM)
		room = in->len + FIRST_ROOM;
	to = buf_room(in, room);
	if (!to) {
		peer_close(p, "out of memory");
		return;
	}
	n = recv(p->caller.fd, to, room, MSG_DONTWAIT);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			peer_close(p, "the client has gone");
		return;
	}
	if (n == 0) {
		p->eof = true;
		return;
	}
	buf_grown(in, (size_t)n);
	chain_remove(&p->recent);
	chain_append(&p->usage->recent, &p->recent);
	peer_work(p, in);
}

/* --- events ------------------------------------------------------------------------------ */

/* True if connd stops and this connection has no request left. */
static bool
may_drain(const struct peer *p)
{
	return p->set->draining && p->in.len == 0 && (p->asked || p->set->grace_over);
}

/* Counts the connection's buffers for its user. */
static void
peer_count(struct peer *p)
{
	size_t stream = p->progress.stream ? STREAM_BYTES : 0;

	usage_hold(&p->set->usages, p->usage, &p->held, p->in.cap + p->out.cap + stream);
}

/* The reason to close a connection that may have an incomplete request; NULL: it stays. */
static const char *
end_of(const struct peer *p)
{
	if (p->eof)
		return "end of input";
	if (may_drain(p))
		return "draining";
	if (p->in.len > 0 && !peers_fit(p->set, p->usage, 0))
		return "incomplete request: others need its memory";
	return NULL;
}

void
peer_settle(struct peer *p)
{
	const char *end;
	short want = 0;
	bool stuck = false;

	if (p->state != PEER_CLOSED)
		peer_count(p);
	switch (p->state) {
	case PEER_READING:
		if (p->job.queued)
			break;
		end = end_of(p);
		if (end) {
			peer_close(p, end);
			return;
		}
		want = EV_READ;
		stuck = p->in.len > 0;
		break;
	case PEER_WAITING:
		if (p->answer_ready)
			loop_after_turn(p->set->loop, &p->job);
		break;
	case PEER_WRITING:
		stuck = p->out.len > 0;
		if (stuck) {
			want = EV_WRITE;
		} else if (!p->progress.stream->idle) {
			streams_append(p);
		} else if (p->set->draining) {
			peer_close(p, "draining");
			return;
		} else {
			want = EV_READ;
		}
		break;
	case PEER_CLOSED:
		return;
	}
	if (stuck)
		peer_stuck(p);
	else
		peer_moved(p);
	peer_watch(p, want);
}

/*
 * True if the connection's user has time left in this turn. Otherwise the event comes again in the
 * next turn.
 */
static bool
peer_begin(struct peer *p)
{
	loop_after_turn(p->set->loop, &p->set->turn_job);
	if (!usage_may_go(p->usage, p->round))
		return false;
	p->round = p->usage->round + 1;
	p->began_us = clock_boot_us();
	p->set->service->now_ms = p->began_us / 1000;
	return true;
}

/* Counts the time that serving it took. The connection may be closed already. */
static void
peer_end(struct peer *p)
{
	int64_t us = clock_boot_us() - p->began_us;

	p->usage->spent_us += us;
	tally_sent(&p->set->service->tally, us);
	trace_sent(p->set->service->trace, us);
}

static void
on_io(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;

	(void)fd;
	(void)what;
	if (!peer_begin(p))
		return;
	if (p->state == PEER_READING) {
		peer_read(p);
	} else if (p->state == PEER_WRITING && p->out.len == 0) {
		/* A streaming client that sends anything, or closes its end, ends its stream. */
		peer_close(p, "its stream has ended");
	} else if (p->state == PEER_WRITING && peer_flush(p)) {
		peer_written(p);
		if (p->state == PEER_READING && p->in.len > 0)
			peer_work(p, &p->in);
	}
	peer_settle(p);
	peer_end(p);
}

/* Goes on with the frames that came after the request that now has its response. */
static void
peer_resume(struct peer *p)
{
	if (p->state == PEER_READING && p->in.len > 0)
		peer_work(p, &p->in);
	peer_settle(p);
}

void
peer_go_on(struct later *job)
{
	struct peer *p = CONTAINER_OF(job, struct peer, job);

	p->round = 0; /* a job does not wait for the next round: the loop orders jobs */
	if (!peer_begin(p)) {
		loop_after_turn(p->set->loop, job);
		return;
	}
	if (p->state == PEER_WAITING && p->answer_ready) {
		p->answer_ready = false;
		tally_begin(&p->set->service->tally);
		trace_begin(p->set->service->trace);
		p->progress.pending->write(p->progress.pending, &p->set->out);
		drop_progress(p);
		peer_limit(p, 0);
		peer_become(p, PEER_READING);
		peer_send(p);
	}
	peer_resume(p);
	peer_end(p);
}

void
peer_stream(struct peer *p, size_t *budget)
{
	struct stream *stream = p->progress.stream;

	if (stream->fill(stream, &p->set->out, budget))
		drop_progress(p);
	peer_send(p);
	if (p->state == PEER_WRITING && p->out.len == 0)
		peer_written(p);
	peer_resume(p);
}

void
peer_answer(struct peer *p)
{
	p->answer_ready = true;
	if (p->state == PEER_WAITING)
		loop_after_turn(p->set->loop, &p->job);
}
