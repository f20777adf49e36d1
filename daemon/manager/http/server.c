/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <event2/event.h>
#include <event2/listener.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/http/server_internal.h"

#define ACCEPT_PAUSE_MS 100
#define FD_RESERVE      64 /* the database, its log, the control socket, a file that is being read */
#define BACKLOG         4096
#define TURN_MS         3 /* for streamed answers in one turn of the loop */
#define LINGER_MS       1000

static void *
event_mem_realloc(void *p, size_t n)
{
	return mem_resize(p, n);
}

void
http_global_init(void)
{
	event_set_mem_functions(mem_alloc, event_mem_realloc, mem_free);
}

/* --- turns ---------------------------------------------------------------------------- */

/*
 * Streams take turns, some pieces in one turn of the loop: a hundred clients that list everything must not
 * keep one waiting that asks for little.
 */
void
http_pump_later(struct http_conn *c)
{
	static const struct timeval at_once = { 0 };
	struct http_server *s = c->server;

	if (!c->pumping) {
		c->pump_prev = s->pump_last;
		c->pump_next = NULL;
		*(s->pump_last ? &s->pump_last->pump_next : &s->pump_first) = c;
		s->pump_last = c;
		c->pumping = true;
	}
	(void)event_add(s->pump, &at_once); /* no memory: the stream's deadline ends it */
}

void
http_pump_leave(struct http_conn *c)
{
	struct http_server *s = c->server;

	if (!c->pumping)
		return;
	*(c->pump_prev ? &c->pump_prev->pump_next : &s->pump_first) = c->pump_next;
	*(c->pump_next ? &c->pump_next->pump_prev : &s->pump_last) = c->pump_prev;
	c->pumping = false;
}

static void
on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	int64_t began_ms = clock_boot_ms();

	(void)fd;
	(void)what;
	while (s->pump_first && clock_boot_ms() - began_ms < TURN_MS) {
		struct http_conn *c = s->pump_first;

		http_pump_leave(c);
		if (c->state == CONN_STREAM)
			http_stream_pump(c);
	}
	if (s->pump_first)
		http_pump_later(s->pump_first);
}

/* --- start ---------------------------------------------------------------------------- */

static int64_t
or_default(int64_t ms, int64_t otherwise)
{
	return ms > 0 ? ms : otherwise;
}

static size_t
connection_cap(size_t wanted)
{
	struct rlimit rl;
	size_t cap = wanted ? wanted : 4096;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return cap;
	rl.rlim_cur = rl.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &rl); /* what we have is what we count with */
	if (getrlimit(RLIMIT_NOFILE, &rl) < 0 || rl.rlim_cur == RLIM_INFINITY)
		return cap;
	if (rl.rlim_cur < 2 * FD_RESERVE)
		return FD_RESERVE;
	return cap < rl.rlim_cur - FD_RESERVE ? cap : (size_t)rl.rlim_cur - FD_RESERVE;
}

static void
set_accepting(struct http_server *s, bool on)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		(void)(on ? evconnlistener_enable(s->listeners[i])
			  : evconnlistener_disable(s->listeners[i]));
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	set_accepting(arg, true);
}

static void
on_grace(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;

	(void)fd;
	(void)what;
	log_warn("stopping with calls unfinished", LOG_INT("connections", s->n_conns));
	http_server_close_all(s);
}

/*
 * Every connection has one of a few deadlines at any time: lists of them, in which one is moved without
 * looking at the others.
 */
static void
set_deadlines(struct http_server *s)
{
	const struct http_options *o = &s->options;
	const int64_t ms[CONN_DEAD + 1] = {
		[CONN_IDLE] = o->idle_ms,
		[CONN_HEAD] = o->head_ms,
		[CONN_BODY] = o->body_ms,
		[CONN_STREAM] = o->stream_ms,
		[CONN_FLUSH] = o->write_ms,
		[CONN_LINGER] = LINGER_MS,
	}; /* the holder of a call has one of its own */

	for (size_t i = 0; i <= CONN_DEAD; i++) {
		s->own_deadlines[i].tv_sec = ms[i] / 1000;
		s->own_deadlines[i].tv_usec = ms[i] % 1000 * 1000;
		if (ms[i])
			s->deadlines[i] =
			    event_base_init_common_timeout(s->base, &s->own_deadlines[i]);
		if (ms[i] && !s->deadlines[i])
			s->deadlines[i] = &s->own_deadlines[i]; /* dearer, else the same */
	}
}

int
http_server_new(struct http_server **out, struct event_base *base,
    const struct http_options *options, const struct http_handler *handler)
{
	struct http_server *s = mem_zalloc(sizeof *s);
	struct http_options *o;

	if (!s)
		return -ENOMEM;
	s->base = base;
	s->handler = *handler;
	s->options = *options;
	s->date_second = -1;
	o = &s->options;
	o->max_connections = connection_cap(options->max_connections);
	o->head_ms = or_default(o->head_ms, 10000);
	o->body_ms = or_default(o->body_ms, 30000);
	o->idle_ms = or_default(o->idle_ms, 120000);
	o->write_ms = or_default(o->write_ms, 30000);
	o->stream_ms = or_default(o->stream_ms, 300000);
	o->grace_ms = or_default(o->grace_ms, 5000);
	set_deadlines(s);
	s->resume = event_new(base, -1, 0, on_resume, s);
	s->grace = event_new(base, -1, 0, on_grace, s);
	s->pump = event_new(base, -1, 0, on_pump, s);
	if (!s->resume || !s->grace || !s->pump) {
		http_server_free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

static void
on_accept(
    struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int from_len, void *arg)
{
	(void)l;
	(void)from;
	(void)from_len;
	http_server_accepted(arg, fd);
}

/* Out of descriptors or memory: the queue stays in the kernel for a moment. */
static void
on_accept_error(struct evconnlistener *l, void *arg)
{
	struct http_server *s = arg;
	struct timeval tv = { .tv_usec = ACCEPT_PAUSE_MS * 1000 };
	int e = EVUTIL_SOCKET_ERROR();

	(void)l;
	log_warn("cannot accept a connection", LOG_STR("reason", strerror(e)));
	http_server_make_room(s);
	set_accepting(s, false);
	(void)event_add(s->resume, &tv);
}

static void
note_address(struct http_server *s, const struct sockaddr_storage *at)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)at;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)at;

	if (at->ss_family == AF_INET) {
		s->port = ntohs(v4->sin_port);
		s->exposed |= ntohl(v4->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET;
	} else if (at->ss_family == AF_INET6) {
		s->port = ntohs(v6->sin6_port);
		s->exposed |= !IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
	}
}

bool
http_server_is_exposed(const struct http_server *s)
{
	return s->exposed;
}

int
http_server_adopt(struct http_server *s, int fd)
{
	struct evconnlistener *l = NULL;
	struct sockaddr_storage at = { 0 };
	socklen_t n = sizeof at;

	if (s->n_listeners < HTTP_MAX_LISTENERS && evutil_make_socket_nonblocking(fd) == 0)
		l = evconnlistener_new(
		    s->base, on_accept, s, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!l) {
		(void)close(fd);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(l, on_accept_error);
	s->listeners[s->n_listeners++] = l;
	s->port = 0;
	if (getsockname(fd, (struct sockaddr *)&at, &n) == 0)
		note_address(s, &at);
	return 0;
}

static int
bind_first(const struct addrinfo *ai)
{
	int fd, r = -EADDRNOTAVAIL, one = 1;

	for (; ai; ai = ai->ai_next) {
		fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0) {
			r = -errno;
			continue;
		}
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
			return fd;
		r = -errno;
		(void)close(fd);
	}
	return r;
}

/* getaddrinfo() takes any number, and cuts it. */
static bool
is_port(const char *text)
{
	unsigned long v = 0;
	size_t i;

	for (i = 0; text[i] >= '0' && text[i] <= '9' && v <= 65535; i++)
		v = v * 10 + (unsigned long)(text[i] - '0');
	return i && !text[i] && v <= 65535;
}

/* "[::1]:8888", "127.0.0.1:8888" -> host and port. */
static bool
split_address(const char *where, char host[static 256], const char **port)
{
	const char *colon = strrchr(where, ':');
	size_t n;

	if (!colon || !is_port(colon + 1))
		return false;
	n = (size_t)(colon - where);
	*port = colon + 1;
	if (n >= 2 && where[0] == '[' && where[n - 1] == ']') {
		where++;
		n -= 2;
	} else if (memchr(where, ':', n)) {
		return false;
	}
	if (!n || n >= 256)
		return false;
	memcpy(host, where, n);
	host[n] = '\0';
	return true;
}

int
http_server_listen(struct http_server *s, const char *where, char why[static HTTP_WHY_SIZE])
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	char host[256];
	const char *port;
	int r;

	if (!split_address(where, host, &port)) {
		(void)snprintf(why, HTTP_WHY_SIZE, "%s is no ADDRESS:PORT", where);
		return -EINVAL;
	}
	r = getaddrinfo(host, port, &hints, &found);
	if (r) {
		(void)snprintf(why, HTTP_WHY_SIZE, "%s: %s", where, gai_strerror(r));
		return -EADDRNOTAVAIL;
	}
	r = bind_first(found);
	freeaddrinfo(found);
	if (r >= 0)
		r = http_server_adopt(s, r);
	if (r < 0)
		(void)snprintf(why, HTTP_WHY_SIZE, "cannot listen on %s: %s", where, strerror(-r));
	return r;
}

void
http_server_use_tls(struct http_server *s, struct tls *tls)
{
	s->tls = tls;
}

int
http_server_port(const struct http_server *s)
{
	return s->port;
}

size_t
http_server_connections(const struct http_server *s)
{
	return s->n_conns;
}

static void
close_listeners(struct http_server *s)
{
	while (s->n_listeners)
		evconnlistener_free(s->listeners[--s->n_listeners]);
}

void
http_server_check_stopped(struct http_server *s)
{
	void (*stopped)(void *) = s->stopped;

	if (!s->stopping || s->n_conns || !stopped)
		return;
	s->stopped = NULL;
	(void)event_del(s->grace);
	stopped(s->stopped_arg);
}

void
http_server_stop(struct http_server *s, void (*stopped)(void *arg), void *arg)
{
	struct timeval tv = { .tv_sec = s->options.grace_ms / 1000,
		.tv_usec = s->options.grace_ms % 1000 * 1000 };

	if (s->stopping)
		return;
	s->stopping = true;
	(void)event_del(s->resume);
	close_listeners(s);
	(void)event_add(s->grace, &tv);
	http_server_close_idle(s);
	s->stopped = stopped;
	s->stopped_arg = arg;
	http_server_check_stopped(s);
}

struct http_server *
http_server_free(struct http_server *s)
{
	if (!s)
		return NULL;
	s->stopped = NULL;
	close_listeners(s);
	http_server_close_all(s);
	if (s->resume)
		event_free(s->resume);
	if (s->grace)
		event_free(s->grace);
	if (s->pump)
		event_free(s->pump);
	mem_free(s);
	return NULL;
}
