/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/frame.h"
#include "proto/limits.h"

#define STUCK_MS         30000        /* half a frame, or a reply nobody reads: then we close */
#define SWEEP_MS         1000         /* how often that is looked for, while there is any */
#define DRAIN_GRACE_MS   200          /* for a connection that has not asked yet */
#define FLUSH_BYTES      (64 * 1024)  /* of a batch of replies, before more frames are looked at */
#define KEEP_BYTES       (256 * 1024) /* room the shared output may keep */
#define FIRST_ROOM       512          /* of an input buffer of its own; doubled as it fills */
#define REFUSED_EVERY_MS 10000        /* at most one log line about refused connections */

enum peer_state { PEER_READING, PEER_WAITING, PEER_WRITING, PEER_CLOSED };

static const char *const state_name[] = { "reading", "waiting", "writing", "closed" };

/* The whole machine: row may become column. */
static const unsigned char may_become[] = {
	[PEER_READING] = 1 << PEER_WAITING | 1 << PEER_WRITING | 1 << PEER_CLOSED,
	[PEER_WAITING] = 1 << PEER_READING | 1 << PEER_WRITING | 1 << PEER_CLOSED,
	[PEER_WRITING] = 1 << PEER_READING | 1 << PEER_WAITING | 1 << PEER_CLOSED,
	[PEER_CLOSED] = 0,
};

struct peer {
	struct peers *set;
	struct peer *next, **at;              /* all of them */
	struct peer *stuck_next, *stuck_prev; /* those with a deadline, oldest first */
	bool on_stuck_list;
	struct event io;
	short watching; /* EV_READ, EV_WRITE or 0 */
	enum peer_state state;
	bool eof;          /* the client will send no more */
	bool asked;        /* a whole frame has come */
	bool answer_ready; /* the pending lookup can be answered */
	uint32_t id;
	struct asker asker;
	struct buf in;    /* what was read and not yet looked at; mostly nothing */
	size_t seen;      /* how much of it was searched for the end of a frame */
	struct buf out;   /* what the socket did not take; mostly nothing */
	size_t sent;      /* how much of it has gone since */
	int64_t since_ms; /* when the half frame began, or the client last read */
	struct serve_progress progress;
	struct later job; /* go on after this turn; when closed: be freed */
};

struct uid_count {
	uid_t uid;
	uint32_t n;
};

struct peers {
	struct loop *loop;
	struct service *service;
	struct peers_limits limits;
	struct peer *first;
	uint32_t count, last_id;
	struct uid_count *by_uid;
	size_t n_uids, uids_cap;
	struct peer *stuck_first, *stuck_last;
	struct event *sweep; /* runs while that list is not empty */
	struct event *grace;
	bool draining, grace_over;
	void (*drained)(void *env);
	void *drained_env;
	struct buf in, out; /* shared: empty between callbacks */
	int64_t refused_logged_ms;
	uint64_t refused;
};

static void peer_settle(struct peer *p);
static void peer_close(struct peer *p, const char *reason);
static void on_io(evutil_socket_t fd, short what, void *arg);

/* --- caps ------------------------------------------------------------------------------ */

static struct uid_count *
uid_find(struct peers *ps, uid_t uid)
{
	for (size_t i = 0; i < ps->n_uids; i++)
		if (ps->by_uid[i].uid == uid)
			return &ps->by_uid[i];
	return NULL;
}

static int
uid_charge(struct peers *ps, uid_t uid)
{
	struct uid_count *c = uid_find(ps, uid);
	size_t cap = ps->uids_cap ? ps->uids_cap * 2 : 8;

	if (!c) {
		if (ps->n_uids == ps->uids_cap) {
			c = mem_resize(ps->by_uid, cap * sizeof *c);
			if (!c)
				return -ENOMEM;
			ps->by_uid = c;
			ps->uids_cap = cap;
		}
		c = &ps->by_uid[ps->n_uids++];
		*c = (struct uid_count){ .uid = uid };
	}
	if (c->n >= ps->limits.max_connections_per_uid)
		return -EUSERS;
	c->n++;
	return 0;
}

static void
uid_discharge(struct peers *ps, uid_t uid)
{
	struct uid_count *c = uid_find(ps, uid);

	if (c && --c->n == 0)
		*c = ps->by_uid[--ps->n_uids];
}

/* --- the list of those with a deadline --------------------------------------------------- */

static void
stuck_unlink(struct peer *p)
{
	struct peers *ps = p->set;

	if (!p->on_stuck_list)
		return;
	*(p->stuck_prev ? &p->stuck_prev->stuck_next : &ps->stuck_first) = p->stuck_next;
	*(p->stuck_next ? &p->stuck_next->stuck_prev : &ps->stuck_last) = p->stuck_prev;
	p->on_stuck_list = false;
	if (!ps->stuck_first)
		evtimer_del(ps->sweep);
}

/* All deadlines are equally long, so the one set last is the last to pass. */
static void
stuck_link(struct peer *p)
{
	static const struct timeval sweep = { .tv_usec = 0, .tv_sec = SWEEP_MS / 1000 };
	struct peers *ps = p->set;

	p->since_ms = clock_boot_ms();
	p->stuck_prev = ps->stuck_last;
	p->stuck_next = NULL;
	*(ps->stuck_last ? &ps->stuck_last->stuck_next : &ps->stuck_first) = p;
	if (!ps->stuck_last)
		(void)evtimer_add(ps->sweep, &sweep); /* can not fail: the heap has had its room */
	ps->stuck_last = p;
	p->on_stuck_list = true;
}

/* The client moved: its time starts anew. */
static void
stuck_restart(struct peer *p)
{
	stuck_unlink(p);
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct peers *ps = arg;
	int64_t now_ms = clock_boot_ms();

	(void)fd;
	(void)what;
	while (ps->stuck_first && now_ms - ps->stuck_first->since_ms >= STUCK_MS)
		peer_close(ps->stuck_first, ps->stuck_first->state == PEER_WRITING
						? "the client does not read"
						: "half a request");
}

/* --- state ------------------------------------------------------------------------------- */

/* The only assignment to p->state in the tree, but for birth. */
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
	stuck_restart(p);
	p->state = next;
}

static void
peer_free(struct later *job)
{
	struct peer *p = (struct peer *)((char *)job - offsetof(struct peer, job));

	mem_free(p);
}

static void
peer_close(struct peer *p, const char *reason)
{
	struct peers *ps = p->set;

	if (p->state == PEER_CLOSED)
		return;
	log_debug("connection closed", LOG_INT("id", p->id), LOG_INT("uid", p->asker.uid),
	    LOG_STR("reason", reason));
	peer_become(p, PEER_CLOSED);
	(void)event_del(&p->io);
	(void)close(p->asker.fd);
	p->progress.pending = pending_free(p->progress.pending);
	p->progress.listing = listing_free(p->progress.listing);
	asker_fini(&p->asker);
	buf_fini(&p->in);
	buf_fini(&p->out);
	*p->at = p->next;
	if (p->next)
		p->next->at = p->at;
	uid_discharge(ps, p->asker.uid);
	ps->count--;
	p->job.run = peer_free;
	loop_after_turn(ps->loop, &p->job);
	if (ps->draining && ps->count == 0)
		ps->drained(ps->drained_env);
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
		&p->io, loop_base(p->set->loop), p->asker.fd, want | EV_PERSIST, on_io, p) < 0 ||
	    event_add(&p->io, NULL) < 0) {
		peer_close(p, "out of memory");
		return;
	}
	p->watching = want;
}

/* --- output ------------------------------------------------------------------------------ */

/*
 * Sends what is in the shared output; what the socket does not take is kept, and no further frame is
 * looked at until the client has read it.
 */
static void
peer_send(struct peer *p)
{
	struct buf *out = &p->set->out;
	ssize_t n = 0;

	if (buf_error(out)) {
		peer_close(p, buf_error(out) == -ENOMEM ? "out of memory" : "reply too long");
	} else if (out->len > 0) {
		n = send(p->asker.fd, out->data, out->len, MSG_NOSIGNAL | MSG_DONTWAIT);
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

/* True: all of it has gone. */
static bool
peer_flush(struct peer *p)
{
	ssize_t n = send(
	    p->asker.fd, p->out.data + p->sent, p->out.len - p->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			peer_close(p, "the client has gone");
		return false;
	}
	stuck_restart(p);
	p->sent += (size_t)n;
	if (p->sent < p->out.len)
		return false;
	buf_fini(&p->out);
	p->sent = 0;
	return true;
}

/* Nothing is left to send: the next piece of a List, or on to the next frame. */
static void
peer_written(struct peer *p)
{
	if (p->progress.listing) {
		if (listing_fill(p->progress.listing, &p->set->out))
			p->progress.listing = listing_free(p->progress.listing);
		peer_send(p);
		if (p->state == PEER_CLOSED || p->out.len > 0 || p->progress.listing)
			return;
	}
	peer_become(p, p->progress.pending ? PEER_WAITING : PEER_READING);
}

/* --- input ------------------------------------------------------------------------------- */

static void
peer_call(struct peer *p, char *frame, size_t len)
{
	p->asked = true;
	switch (serve_call(p->set->service, &p->asker, frame, len, &p->set->out, &p->progress)) {
	case SERVE_DONE:
		return;
	case SERVE_CLOSE:
		peer_send(p); /* the answers to the calls before it */
		peer_close(p, "not varlink");
		return;
	case SERVE_PENDING:
		peer_become(p, PEER_WAITING);
		return;
	case SERVE_LISTING:
		peer_become(p, PEER_WRITING);
		return;
	}
}

/* Answers whole frames, at most LIMIT_PIPELINE a turn so that others get theirs. Returns bytes used. */
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
		stuck_restart(p);
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

	/* A call that waits or lists has left READING by itself; its forerunners' replies go now. */
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

static void
peer_read(struct peer *p)
{
	struct buf *in = p->in.len > 0 ? &p->in : &p->set->in;
	size_t room = p->in.max - in->len; /* never 0: so many bytes hold a frame or are too many */
	ssize_t n;
	char *to;

	if (in == &p->in && room > in->len + FIRST_ROOM)
		room = in->len + FIRST_ROOM;
	to = buf_room(in, room);
	if (!to) {
		peer_close(p, "out of memory");
		return;
	}
	n = recv(p->asker.fd, to, room, MSG_DONTWAIT);
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
	peer_work(p, in);
}

/* --- events ------------------------------------------------------------------------------ */

/* May this connection end because we are draining? */
static bool
may_drain(const struct peer *p)
{
	return p->set->draining && p->in.len == 0 && (p->asked || p->set->grace_over);
}

/* After every event: what to watch for now, which deadline runs, whether it is over. */
static void
peer_settle(struct peer *p)
{
	short want = 0;
	bool stuck = false;

	switch (p->state) {
	case PEER_READING:
		if (p->job.queued)
			break;
		if (p->eof || may_drain(p)) {
			peer_close(p, p->eof ? "end of input" : "draining");
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
		if (stuck)
			want = EV_WRITE;
		else
			loop_after_turn(p->set->loop, &p->job);
		break;
	case PEER_CLOSED:
		return;
	}
	if (stuck && !p->on_stuck_list)
		stuck_link(p);
	if (!stuck)
		stuck_unlink(p);
	peer_watch(p, want);
}

static void
on_io(evutil_socket_t fd, short what, void *arg)
{
	struct peer *p = arg;

	(void)fd;
	(void)what;
	if (p->state == PEER_READING) {
		peer_read(p);
	} else if (p->state == PEER_WRITING && peer_flush(p)) {
		peer_written(p);
		if (p->state == PEER_READING && p->in.len > 0)
			peer_work(p, &p->in);
	}
	peer_settle(p);
}

/* Goes on with what an earlier turn left: an answer that is there now, a List, frames already read. */
static void
on_job(struct later *job)
{
	struct peer *p = (struct peer *)((char *)job - offsetof(struct peer, job));

	if (p->state == PEER_WAITING && p->answer_ready) {
		p->answer_ready = false;
		pending_answer(p->progress.pending, &p->set->out);
		p->progress.pending = NULL;
		peer_become(p, PEER_READING);
		peer_send(p);
	} else if (p->state == PEER_WRITING && p->out.len == 0) {
		peer_written(p);
	}
	if (p->state == PEER_READING && p->in.len > 0)
		peer_work(p, &p->in);
	peer_settle(p);
}

/* The replica is in the middle of its own turn: the answer is fetched after it. */
static void
on_answer_ready(void *arg)
{
	struct peer *p = arg;

	p->answer_ready = true;
	if (p->state == PEER_WAITING)
		loop_after_turn(p->set->loop, &p->job);
}

/* --- birth, drain, end -------------------------------------------------------------------- */

static void
refuse(struct peers *ps, int fd, uid_t uid, const char *why)
{
	int64_t now_ms = clock_boot_ms();

	(void)close(fd);
	ps->refused++;
	if (now_ms - ps->refused_logged_ms < REFUSED_EVERY_MS)
		return;
	log_warn("connection refused", LOG_INT("uid", uid), LOG_STR("reason", why),
	    LOG_INT("connections", ps->count), LOG_INT("refused", (int64_t)ps->refused));
	ps->refused_logged_ms = now_ms;
	ps->refused = 0;
}

static struct peer *
peer_new(struct peers *ps, int fd, const struct ucred *cred)
{
	struct peer *p = mem_zalloc(sizeof *p);

	if (!p)
		return NULL;
	p->set = ps;
	p->state = PEER_READING;
	p->id = ++ps->last_id;
	p->asker = (struct asker){ .fd = fd, .uid = cred->uid, .gid = cred->gid, .pid = cred->pid };
	buf_init(&p->in, ps->limits.max_frame + 1);
	buf_init(&p->out, LIMIT_REPLY);
	p->progress.ready = on_answer_ready;
	p->progress.arg = p;
	p->job.run = on_job;
	p->next = ps->first;
	p->at = &ps->first;
	if (p->next)
		p->next->at = &p->next;
	ps->first = p;
	ps->count++;
	return p;
}

void
peers_accept(struct peers *ps, int fd)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t size = sizeof cred;
	struct peer *p;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0) {
		refuse(ps, fd, cred.uid, "no credentials");
		return;
	}
	if (ps->count >= ps->limits.max_connections) {
		refuse(ps, fd, cred.uid, "max_connections reached");
		return;
	}
	switch (uid_charge(ps, cred.uid)) {
	case 0:
		break;
	case -EUSERS:
		refuse(ps, fd, cred.uid, "max_connections_per_uid reached");
		return;
	default:
		refuse(ps, fd, cred.uid, "out of memory");
		return;
	}
	p = peer_new(ps, fd, &cred);
	if (!p) {
		uid_discharge(ps, cred.uid);
		refuse(ps, fd, cred.uid, "out of memory");
		return;
	}
	log_debug("connection opened", LOG_INT("id", p->id), LOG_INT("uid", cred.uid),
	    LOG_INT("pid", cred.pid));
	peer_settle(p);
}

int
peers_new(struct peers **out, struct loop *loop, struct service *service,
    const struct peers_limits *limits)
{
	struct peers *ps = mem_zalloc(sizeof *ps);

	if (!ps)
		return -ENOMEM;
	ps->loop = loop;
	ps->service = service;
	ps->limits = *limits;
	ps->refused_logged_ms = -REFUSED_EVERY_MS;
	buf_init(&ps->in, limits->max_frame + 1);
	buf_init(&ps->out, LIMIT_REPLY + FLUSH_BYTES);
	ps->sweep = event_new(loop_base(loop), -1, EV_PERSIST, on_sweep, ps);
	if (!ps->sweep) {
		mem_free(ps);
		return -ENOMEM;
	}
	*out = ps;
	return 0;
}

void
peers_limit(struct peers *ps, const struct peers_limits *limits)
{
	ps->limits = *limits;
	if (ps->in.max < limits->max_frame + 1)
		ps->in.max = limits->max_frame + 1; /* those that are there keep their own cap */
}

/* Nobody looks at a connection while it is closed here: all run from the loop's own callbacks. */
static void
drain_round(struct peers *ps)
{
	struct peer *p, *next;

	for (p = ps->first; p; p = next) {
		next = p->next;
		if (p->state == PEER_WAITING && !p->answer_ready)
			on_answer_ready(p);
		if (p->state == PEER_READING && !p->job.queued)
			peer_read(p); /* what has come meanwhile counts as begun */
		peer_settle(p);
	}
}

static void
on_grace_over(evutil_socket_t fd, short what, void *arg)
{
	struct peers *ps = arg;

	(void)fd;
	(void)what;
	ps->grace_over = true;
	drain_round(ps);
}

void
peers_drain(struct peers *ps, void (*done)(void *env), void *env)
{
	static const struct timeval grace = { .tv_usec = DRAIN_GRACE_MS * 1000 };

	if (ps->draining)
		return;
	ps->draining = true;
	ps->drained = done;
	ps->drained_env = env;
	if (ps->count == 0) {
		done(env);
		return;
	}
	ps->grace = evtimer_new(loop_base(ps->loop), on_grace_over, ps);
	if (!ps->grace || evtimer_add(ps->grace, &grace) < 0)
		ps->grace_over = true; /* no memory for a timer: no grace */
	drain_round(ps);
}

uint32_t
peers_count(const struct peers *ps)
{
	return ps->count;
}

struct peers *
peers_free(struct peers *ps)
{
	if (!ps)
		return NULL;
	ps->draining = false;
	while (ps->first)
		peer_close(ps->first, "stopping");
	if (ps->grace)
		event_free(ps->grace);
	event_free(ps->sweep);
	mem_free(ps->by_uid);
	buf_fini(&ps->in);
	buf_fini(&ps->out);
	mem_free(ps);
	return NULL;
}
