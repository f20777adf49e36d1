/* SPDX-License-Identifier: Apache-2.0 */
/* All connections together: how many there may be, which are stuck, how they end. */
#include "edge/socket/peer_internal.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

#define STUCK_MS         30000 /* half a frame, or a reply nobody reads: then we close */
#define SWEEP_MS         1000  /* how often that is looked for, while there is any */
#define DRAIN_GRACE_MS   200   /* for a connection that has not asked yet */
#define REFUSED_EVERY_MS 10000 /* at most one log line about refused connections */

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

void
peer_moved(struct peer *p)
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
void
peer_stuck(struct peer *p)
{
	static const struct timeval sweep = { .tv_usec = 0, .tv_sec = SWEEP_MS / 1000 };
	struct peers *ps = p->set;

	if (p->on_stuck_list)
		return;
	p->since_ms = clock_boot_ms();
	p->stuck_prev = ps->stuck_last;
	p->stuck_next = NULL;
	*(ps->stuck_last ? &ps->stuck_last->stuck_next : &ps->stuck_first) = p;
	if (!ps->stuck_last)
		(void)evtimer_add(ps->sweep, &sweep); /* can not fail: the heap has had its room */
	ps->stuck_last = p;
	p->on_stuck_list = true;
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

/* The replica is in the middle of its own turn: the answer is fetched after it. */
static void
on_answer_ready(void *arg)
{
	peer_answer(arg);
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
	p->caller =
	    (struct caller){ .fd = fd, .uid = cred->uid, .gid = cred->gid, .pid = cred->pid };
	buf_init(&p->in, ps->limits.max_frame + 1);
	buf_init(&p->out, LIMIT_REPLY);
	p->progress.ready = on_answer_ready;
	p->progress.arg = p;
	p->job.run = peer_go_on;
	p->next = ps->first;
	p->at = &ps->first;
	if (p->next)
		p->next->at = &p->next;
	ps->first = p;
	ps->count++;
	return p;
}

void
peers_remove(struct peer *p)
{
	struct peers *ps = p->set;

	*p->at = p->next;
	if (p->next)
		p->next->at = p->at;
	uid_discharge(ps, p->caller.uid);
	ps->count--;
	if (ps->draining && ps->count == 0)
		ps->drained(ps->drained_env);
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
	if (!ps->sweep || denials_new(&service->denials, loop) < 0) {
		peers_free(ps);
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
			peer_answer(p);
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
	if (ps->sweep)
		event_free(ps->sweep);
	ps->service->denials = denials_free(ps->service->denials);
	mem_free(ps->by_uid);
	buf_fini(&ps->in);
	buf_fini(&ps->out);
	mem_free(ps);
	return NULL;
}
