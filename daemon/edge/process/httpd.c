/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/process/httpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/url.h"

#define MAX_HEAD       8192 /* bytes of a request; probes send a few hundred */
#define MAX_BODY       ((size_t)256 * 1024)
#define MAX_DRAIN      ((size_t)64 * 1024) /* discarded after the response */
#define REQUEST_S      5                   /* from accept to the end of the response */
#define DRAIN_S        1                   /* how long to discard input */
#define PAUSE_S        1                   /* pause of accept() without free descriptors */
#define BACKLOG        64
#define ACCEPTS_A_TURN 16
#define HEAD_END       "\r\n\r\n"

enum conn_state { CONN_READING, CONN_WRITING, CONN_DRAINING, CONN_CLOSED };

struct httpd_conn {
	struct httpd *h;
	struct httpd_conn *next, **at; /* the list of connections, newest first */
	int fd;
	enum conn_state state;
	struct event io, timer;
	struct buf in, out;
	size_t sent, drained;
	struct later job; /* frees it */
};

struct httpd {
	struct loop *loop;
	const struct httpd_path *paths;
	void *env;
	int fd; /* the listening socket; -1: none */
	int port;
	struct event *readable, *resume;
	struct httpd_conn *first;
	size_t n;
};

/* --- one connection ------------------------------------------------------------------------- */

static void
conn_free(struct later *job)
{
	mem_free(CONTAINER_OF(job, struct httpd_conn, job));
}

static void
conn_close(struct httpd_conn *c)
{
	if (c->state == CONN_CLOSED)
		return;
	c->state = CONN_CLOSED;
	(void)event_del(&c->io);
	(void)event_del(&c->timer);
	(void)close(c->fd);
	buf_fini(&c->in);
	buf_fini(&c->out);
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	c->h->n--;
	c->job.run = conn_free;
	loop_after_turn(c->h->loop, &c->job);
}

static const char *
reason_phrase(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	default:
		return "Service Unavailable";
	}
}

/* Writes the response; without the body for HEAD. */
static void
write_response(struct httpd_conn *c, const struct httpd_response *r, bool head_only)
{
	buf_addf(&c->out,
	    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
	    "Cache-Control: no-store\r\nConnection: close\r\n%s\r\n",
	    r->status, reason_phrase(r->status), r->type, r->body->len,
	    r->status == 405 ? "Allow: GET, HEAD\r\n" : "");
	if (!head_only)
		buf_add(&c->out, r->body->data, r->body->len);
}

static void
respond(struct httpd_conn *c, int status, const struct httpd_path *path, bool head_only)
{
	struct buf body = BUF_INIT(MAX_BODY);
	struct httpd_response r = { .status = status, .type = "text/plain", .body = &body };

	if (path)
		path->serve(c->h->env, &r);
	else
		buf_addf(&body, "%s\n", reason_phrase(status));
	if (buf_error(&body)) {
		buf_reset(&body);
		r.status = 503;
	}
	write_response(c, &r, head_only);
	buf_fini(&body);
}

/* Removes and returns the first word: the text up to the next space, or all of it. */
static struct span
cut_word(struct span *s)
{
	const char *space = memchr(s->p, ' ', s->n);
	size_t n = space ? (size_t)(space - s->p) : s->n;
	struct span word = { s->p, n };

	n += space != NULL;
	s->p += n;
	s->n -= n;
	return word;
}

static const struct httpd_path *
find_path(const struct httpd *h, struct span target)
{
	const char *query = memchr(target.p, '?', target.n);

	if (query)
		target.n = (size_t)(query - target.p);
	for (const struct httpd_path *p = h->paths; p->path; p++)
		if (span_is(target, p->path))
			return p;
	return NULL;
}

/* Responds to the request with this request line, which is without its CRLF. */
static void
serve_request(struct httpd_conn *c, struct span line)
{
	struct span method = cut_word(&line), target = cut_word(&line);
	bool head_only = span_is(method, "HEAD");
	const struct httpd_path *path;

	if (line.n != strlen("HTTP/1.1") || memcmp(line.p, "HTTP/1.", strlen("HTTP/1.")) != 0) {
		respond(c, 400, NULL, false);
		return;
	}
	path = find_path(c->h, target);
	if (!path)
		respond(c, 404, NULL, head_only);
	else if (!head_only && !span_is(method, "GET"))
		respond(c, 405, NULL, false);
	else
		respond(c, 200, path, head_only);
}

static void conn_go_on(struct httpd_conn *c);

static void
on_io(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_go_on(arg);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_close(arg);
}

static void
conn_wait(struct httpd_conn *c, short what)
{
	(void)event_del(&c->io);
	if (event_assign(&c->io, loop_base(c->h->loop), c->fd, what, on_io, c) < 0 ||
	    event_add(&c->io, NULL) < 0)
		conn_close(c);
}

/*
 * Closes only the sending side and discards input for a moment. Closing with unread input would
 * reset the connection, and the client could lose the response.
 */
static void
conn_begin_to_drain(struct httpd_conn *c)
{
	static const struct timeval moment = { .tv_sec = DRAIN_S };

	c->state = CONN_DRAINING;
	(void)shutdown(c->fd, SHUT_WR);
	if (evtimer_add(&c->timer, &moment) < 0)
		conn_close(c);
	else
		conn_wait(c, EV_READ);
}

static void
conn_write(struct httpd_conn *c)
{
	ssize_t n =
	    send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		conn_close(c);
		return;
	}
	c->sent += n > 0 ? (size_t)n : 0;
	if (c->sent == c->out.len)
		conn_begin_to_drain(c);
	else
		conn_wait(c, EV_WRITE);
}

/* Responds if the request is complete or invalid. True if it has. */
static bool
head_is_whole(struct httpd_conn *c)
{
	const char *head = buf_str(&c->in), *line_end = strstr(head, "\r\n");

	if (strlen(head) < c->in.len) /* contains a NUL */
		respond(c, 400, NULL, false);
	else if (strstr(head, HEAD_END) && line_end)
		serve_request(c, (struct span){ head, (size_t)(line_end - head) });
	else if (c->in.len >= MAX_HEAD)
		respond(c, 431, NULL, false);
	else
		return false;
	return true;
}

static void
conn_read(struct httpd_conn *c)
{
	char *room = buf_room(&c->in, MAX_HEAD - c->in.len);
	ssize_t n = room ? recv(c->fd, room, MAX_HEAD - c->in.len, MSG_DONTWAIT) : 0;

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		conn_close(c);
		return;
	}
	if (n > 0)
		buf_grown(&c->in, (size_t)n);
	if (!head_is_whole(c)) {
		conn_wait(c, EV_READ);
		return;
	}
	c->state = CONN_WRITING;
	if (buf_error(&c->out))
		conn_close(c);
	else
		conn_write(c);
}

static void
conn_drain(struct httpd_conn *c)
{
	char scrap[4096];
	ssize_t n = recv(c->fd, scrap, sizeof scrap, MSG_DONTWAIT);

	c->drained += n > 0 ? (size_t)n : 0;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || c->drained > MAX_DRAIN)
		conn_close(c);
	else
		conn_wait(c, EV_READ);
}

static void
conn_go_on(struct httpd_conn *c)
{
	switch (c->state) {
	case CONN_READING:
		conn_read(c);
		return;
	case CONN_WRITING:
		conn_write(c);
		return;
	case CONN_DRAINING:
		conn_drain(c);
		return;
	case CONN_CLOSED:
		return;
	}
}

/* --- accepting ------------------------------------------------------------------------------- */

static void
close_oldest(struct httpd *h)
{
	struct httpd_conn *c = h->first;

	while (c->next)
		c = c->next;
	conn_close(c);
}

/* Takes fd. Reads at once: most requests have already arrived. */
static void
conn_new(struct httpd *h, int fd)
{
	static const struct timeval longest = { .tv_sec = REQUEST_S };
	struct httpd_conn *c = mem_zalloc(sizeof *c);

	if (!c) {
		(void)close(fd);
		return;
	}
	if (h->n == HTTPD_CONNECTIONS)
		close_oldest(h);
	c->h = h;
	c->fd = fd;
	buf_init(&c->in, MAX_HEAD);
	buf_init(&c->out, MAX_BODY + MAX_HEAD);
	c->next = h->first;
	c->at = &h->first;
	if (c->next)
		c->next->at = &c->next;
	h->first = c;
	h->n++;
	(void)event_assign(&c->io, loop_base(h->loop), fd, EV_READ, on_io, c);
	(void)evtimer_assign(&c->timer, loop_base(h->loop), on_timer, c);
	if (evtimer_add(&c->timer, &longest) < 0)
		conn_close(c);
	else
		conn_read(c);
}

static void
on_accept(evutil_socket_t listening, short what, void *arg)
{
	static const struct timeval pause = { .tv_sec = PAUSE_S };
	struct httpd *h = arg;

	(void)what;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			conn_new(h, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			(void)event_del(h->readable);
			(void)evtimer_add(h->resume, &pause);
		}
		return;
	}
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval pause = { .tv_sec = PAUSE_S };
	struct httpd *h = arg;

	(void)fd;
	(void)what;
	if (h->readable && event_add(h->readable, NULL) < 0)
		(void)evtimer_add(h->resume, &pause);
}

/* --- the listening socket ------------------------------------------------------------------ */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Parses "ADDR:PORT" into *out, of *size bytes. 0 or -EINVAL. */
static int
read_address(const char *where, union address *out, socklen_t *size)
{
	char host[URL_SIZE];
	int port;

	if (url_split_address(where, host, &port) < 0)
		return -EINVAL;
	memset(out, 0, sizeof *out);
	if (where[0] == '[') {
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons((uint16_t)port);
		*size = sizeof out->v6;
		return inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1 ? 0 : -EINVAL;
	}
	out->v4.sin_family = AF_INET;
	out->v4.sin_port = htons((uint16_t)port);
	*size = sizeof out->v4;
	if (strcmp(host, "localhost") == 0)
		(void)snprintf(host, sizeof host, "127.0.0.1");
	return inet_pton(AF_INET, host, &out->v4.sin_addr) == 1 ? 0 : -EINVAL;
}

/* Returns a socket bound to the address, or -errno. */
static int
bind_to(const char *where)
{
	static const int on = 1;
	union address at;
	socklen_t size;
	int r = read_address(where, &at, &size), fd;

	if (r < 0)
		return r;
	fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, &at.any, size) == 0)
		return fd;
	r = -errno;
	(void)close(fd);
	return r;
}

/* Returns a listening socket and sets *port, or returns -errno. */
static int
listen_at(const char *where, int *port)
{
	union address at;
	socklen_t size = sizeof at;
	int r, fd = bind_to(where);

	if (fd < 0)
		return fd;
	if (listen(fd, BACKLOG) < 0 || getsockname(fd, &at.any, &size) < 0) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	*port = ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
	return fd;
}

/* Only binds. After listen() a client could connect here instead of to the real program. */
int
httpd_check(const char *where)
{
	int fd = bind_to(where);

	if (fd < 0)
		return fd;
	(void)close(fd);
	return 0;
}

static void
stop_listening(struct httpd *h)
{
	if (h->readable)
		event_free(h->readable);
	if (h->fd >= 0)
		(void)close(h->fd);
	h->readable = NULL;
	h->fd = -1;
	h->port = 0;
}

int
httpd_listen(struct httpd *h, const char *where)
{
	struct event *readable;
	int fd, port = 0;

	if (!where) {
		stop_listening(h);
		return 0;
	}
	fd = listen_at(where, &port);
	if (fd < 0)
		return fd;
	readable = event_new(loop_base(h->loop), fd, EV_READ | EV_PERSIST, on_accept, h);
	if (!readable || event_add(readable, NULL) < 0) {
		if (readable)
			event_free(readable);
		(void)close(fd);
		return -ENOMEM;
	}
	stop_listening(h);
	h->readable = readable;
	h->fd = fd;
	h->port = port;
	return 0;
}

int
httpd_port(const struct httpd *h)
{
	return h->port;
}

int
httpd_new(struct httpd **out, struct loop *loop, const struct httpd_path *paths, void *env)
{
	struct httpd *h = mem_zalloc(sizeof *h);

	if (!h)
		return -ENOMEM;
	h->loop = loop;
	h->paths = paths;
	h->env = env;
	h->fd = -1;
	h->resume = evtimer_new(loop_base(loop), on_resume, h);
	if (!h->resume) {
		mem_free(h);
		return -ENOMEM;
	}
	*out = h;
	return 0;
}

struct httpd *
httpd_free(struct httpd *h)
{
	if (!h)
		return NULL;
	while (h->first)
		conn_close(h->first);
	stop_listening(h);
	event_free(h->resume);
	mem_free(h);
	return NULL;
}
