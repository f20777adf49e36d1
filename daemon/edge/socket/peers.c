/* SPDX-License-Identifier: Apache-2.0 */
/* All connections: how many there may be, which are stuck, how they end. */
#include "edge/socket/peer_internal.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

/* an incomplete frame or an unread response closes the connection after this */
#define STUCK_MS       30000
#define SWEEP_S        1   /* between two checks of stuck connections */
#define DRAIN_GRACE_MS 200 /* for a connection that has sent no request yet */
#define LOG_EVERY_MS                                                                               \
	10000          /* at most one line about refused connections, and one about closed ones */
#define EVICT_TRIES 64 /* connections looked at, or closed, to make room */

void
peer_moved(struct peer *p)
{
	chain_remove(&p->stuck);
}

void
peers_sweep_later(struct peers *ps)
{
	static const struct timeval sweep = { .tv_sec = SWEEP_S };

	if (!evtimer_pending(ps->sweep, NULL))
		/* cannot fail: libevent's heap has room for a timer that was added before */
		(void)evtimer_add(ps->sweep, &sweep);
}

/* All deadlines are equally long, so a new one goes to the end of the list. */
void
peer_stuck(struct peer *p)
{
	if (!chain_is_empty(&p->stuck))
		return;
	p->since_ms = clock_boot_ms();
	chain_append(&p->set->stuck, &p->stuck);
	peers_sweep_later(p->set);
}

static struct peer *
first_stuck(const struct peers *ps)
{
	return chain_is_empty(&ps->stuck) ? NULL : CONTAINER_OF(ps->stuck.next, struct peer, stuck);
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct peers *ps = arg;
	int64_t now_ms = clock_boot_ms();
	struct peer *p;

	(void)fd;
	(void)what;
	while ((p = first_stuck(ps)) && now_ms - p->since_ms >= STUCK_MS)
		peer_close(p, p->state == PEER_WRITING ? "the client does not read"
						       : "the request is incomplete");
	if (streams_check(ps, now_ms) || first_stuck(ps))
		peers_sweep_later(ps);
}

/* --- caps ---------------------------------------------------------------------------------- */

static bool
log_is_due(int64_t *logged_ms)
{
	int64_t now_ms = clock_boot_ms();

	if (now_ms - *logged_ms < LOG_EVERY_MS)
		return false;
	*logged_ms = now_ms;
	return true;
}

static void
refuse(struct peers *ps, int fd, uid_t uid, const char *why)
{
	(void)close(fd);
	ps->stats.refused++;
	if (!log_is_due(&ps->refused_logged_ms))
		return;
	log_warn("connection refused", LOG_INT("uid", uid), LOG_STR("reason", why),
	    LOG_INT("connections", ps->count),
	    LOG_INT("refused", (int64_t)(ps->stats.refused - ps->refused_logged)));
	ps->refused_logged = ps->stats.refused;
}

static void
evict(struct peer *p)
{
	struct peers *ps = p->set;
	uid_t uid = p->caller.uid;

	peer_close(p, "closed to make room");
	ps->stats.evicted++;
	if (!log_is_due(&ps->evicted_logged_ms))
		return;
	log_warn("connections closed to make room for others", LOG_INT("uid", uid),
	    LOG_INT("connections", ps->count),
	    LOG_INT("closed", (int64_t)(ps->stats.evicted - ps->evicted_logged)));
	ps->evicted_logged = ps->stats.evicted;
}

/* True if it has no request, not even an unread one in the kernel's buffer. */
static bool
is_idle(const struct peer *p)
{
	char byte;

	return p->state == PEER_READING && p->in.len == 0 && !p->job.queued &&
	       recv(p->caller.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

/*
 * Closes the user's connection that has been idle longest; if none is idle, the one stuck longest.
 * False: all of those examined are busy.
 */
static bool
make_room(struct usage *u)
{
	struct peer *stuck = NULL;
	struct chain *n = u->recent.next;

	for (int i = 0; i < EVICT_TRIES && n != &u->recent; i++, n = n->next) {
		struct peer *p = CONTAINER_OF(n, struct peer, recent);

		if (is_idle(p)) {
			evict(p);
			return true;
		}
		if (!stuck && !chain_is_empty(&p->stuck))
			stuck = p;
	}
	if (stuck)
		evict(stuck);
	return stuck != NULL;
}

/* The user's connection that has been stuck longest; NULL: none is. */
static struct peer *
find_stuck(const struct peers *ps, const struct usage *u)
{
	for (struct chain *n = ps->stuck.next; n != &ps->stuck; n = n->next)
		if (CONTAINER_OF(n, struct peer, stuck)->usage == u)
			return CONTAINER_OF(n, struct peer, stuck);
	return NULL;
}

bool
peers_fit(struct peers *ps, const struct usage *u, size_t more)
{
	for (int i = 0; !usage_fits(&ps->usages, u, more); i++) {
		struct usage *heaviest = usage_in_the_way(&ps->usages, u, more);
		struct peer *p = heaviest ? find_stuck(ps, heaviest) : NULL;

		if (!p || ps->draining || i == EVICT_TRIES)
			return false;
		evict(p);
	}
	return true;
}

/*
 * Makes room for a connection that is already counted. NULL: there is room; otherwise the limit
 * that was reached.
 */
static const char *
find_room(struct peers *ps, struct usage *u)
{
	if (u->connections > ps->limits.max_connections_per_uid && !make_room(u))
		return "max_connections_per_uid reached";
	if (ps->count >= ps->limits.max_connections && !make_room(usages_heaviest(&ps->usages)))
		return "max_connections reached";
	return NULL;
}

/* --- birth, drain, end -------------------------------------------------------------------- */

/* The replica's turn is not over, so the response is fetched after it. */
static void
on_answer_ready(void *arg)
{
	peer_answer(arg);
}

static struct peer *
peer_new(struct peers *ps, int fd, const struct ucred *cred, struct usage *u)
{
	struct peer *p = mem_zalloc(sizeof *p);

	if (!p)
		return NULL;
	p->set = ps;
	p->usage = u;
	p->state = PEER_READING;
	p->id = ++ps->last_id;
	p->caller =
	    (struct caller){ .fd = fd, .uid = cred->uid, .gid = cred->gid, .pid = cred->pid };
	buf_init(&p->in, ps->limits.max_frame + 1);
	buf_init(&p->out, LIMIT_REPLY);
	p->progress.ready = on_answer_ready;
	p->progress.arg = p;
	p->job.run = peer_go_on;
	chain_init(&p->all);
	chain_init(&p->recent);
	chain_init(&p->stuck);
	chain_init(&p->streams);
	chain_append(&ps->all, &p->all);
	chain_append(&u->recent, &p->recent);
	ps->count++;
	return p;
}

void
peers_remove(struct peer *p)
{
	struct peers *ps = p->set;

	chain_remove(&p->all);
	chain_remove(&p->recent);
	usage_hold(&ps->usages, p->usage, &p->held, 0);
	usage_leave(p->usage);
	loop_after_turn(ps->loop, &ps->turn_job); /* its user may have no connection left */
	ps->count--;
	if (ps->draining && ps->count == 0)
		ps->drained(ps->drained_env);
}

void
peers_accept(struct peers *ps, int fd)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t size = sizeof cred;
	const char *why = "the caller's credentials cannot be read";
	struct peer *p = NULL;
	struct usage *u;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0) {
		refuse(ps, fd, cred.uid, why);
		return;
	}
	u = usage_join(&ps->usages, cred.uid);
	why = u ? find_room(ps, u) : "out of memory";
	if (!why) {
		why = "out of memory";
		p = peer_new(ps, fd, &cred, u);
	}
	if (!p) {
		if (u)
			usage_leave(u);
		refuse(ps, fd, cred.uid, why);
		return;
	}
	log_debug("connection opened", LOG_INT("id", p->id), LOG_INT("uid", cred.uid),
	    LOG_INT("pid", cred.pid));
	peer_settle(p);
}

static void
next_turn(struct later *job)
{
	usages_next_turn(&CONTAINER_OF(job, struct peers, turn_job)->usages);
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
	chain_init(&ps->all);
	chain_init(&ps->stuck);
	chain_init(&ps->streams);
	usages_init(&ps->usages, limits->max_buffered);
	ps->streams_job.run = streams_run;
	ps->turn_job.run = next_turn;
	ps->refused_logged_ms = ps->evicted_logged_ms = -LOG_EVERY_MS;
	buf_init(&ps->in, limits->max_frame + 1);
	buf_init(&ps->out, LIMIT_REPLY + FLUSH_BYTES);
	peers_limit(ps, limits);
	ps->sweep = evtimer_new(loop_base(loop), on_sweep, ps);
	if (!ps->sweep || denials_new(&service->denials, loop) < 0 ||
	    trace_new(&service->trace) < 0) {
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
	if (!limits->max_connections_per_uid)
		ps->limits.max_connections_per_uid = (limits->max_connections * 3 + 3) / 4;
	ps->usages.max_bytes = limits->max_buffered;
	if (ps->in.max < limits->max_frame + 1)
		ps->in.max = limits->max_frame + 1; /* open connections keep their own limit */
}

/* Connections are used only in callbacks of the loop, so one may be closed here. */
static void
drain_round(struct peers *ps)
{
	struct chain *n, *next;

	ps->service->now_ms = clock_boot_ms();
	for (n = ps->all.next; n != &ps->all; n = next) {
		struct peer *p = CONTAINER_OF(n, struct peer, all);

		next = n->next;
		if (p->state == PEER_WAITING && !p->answer_ready)
			peer_answer(p);
		if (p->state == PEER_READING && !p->job.queued)
			peer_read(p); /* a frame that has arrived by now is still served */
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
		ps->grace_over = true; /* out of memory for the timer: no grace */
	drain_round(ps);
}

uint32_t
peers_count(const struct peers *ps)
{
	return ps->count;
}

void
peers_stats(const struct peers *ps, struct peers_stats *out)
{
	*out = ps->stats;
	out->connections = ps->count;
	out->buffered_bytes = ps->usages.bytes;
}

struct peers *
peers_free(struct peers *ps)
{
	if (!ps)
		return NULL;
	ps->draining = false;
	while (!chain_is_empty(&ps->all))
		peer_close(CONTAINER_OF(ps->all.next, struct peer, all), "stopping");
	loop_forget(ps->loop, &ps->streams_job);
	loop_forget(ps->loop, &ps->turn_job);
	usages_next_turn(&ps->usages);
	if (ps->grace)
		event_free(ps->grace);
	if (ps->sweep)
		event_free(ps->sweep);
	ps->service->denials = denials_free(ps->service->denials);
	ps->service->trace = trace_free(ps->service->trace);
	buf_fini(&ps->in);
	buf_fini(&ps->out);
	mem_free(ps);
	return NULL;
}
