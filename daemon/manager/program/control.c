/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/control.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/api/durable.h"

#define SOCKET_NAME    "control.sock"
#define LINE_MAX_BYTES (256 * 1024) /* a hundred names of 255 bytes, escaped */
#define MAX_WORDS      512
#define MAX_PEERS      16
#define PATIENCE_S     30

struct peer {
	struct durable_wait wait; /* first */
	struct buf reply;         /* while its change is not on disk */
	struct control *control;
	struct bufferevent *bev;
	struct peer *next;
};

struct control {
	const struct command_env *env;
	struct durable *durable;
	struct evconnlistener *listener;
	struct peer *peers;
	int n_peers;
	int dir_fd;
};

/*
 * The address of the socket in a directory, however long its path: by way of the directory's descriptor.
 */
static int
address(const char *dir, int *dir_fd, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dir_fd < 0)
		return -errno;
	if (snprintf(out->sun_path, sizeof out->sun_path, "%s/" SOCKET_NAME, dir) >=
	    (int)sizeof out->sun_path)
		snprintf(
		    out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/" SOCKET_NAME, *dir_fd);
	return 0;
}

/* ---- serving ---- */

static void
peer_free(struct peer *p)
{
	struct peer **at = &p->control->peers;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->control->n_peers--;
	durable_forget(&p->wait);
	buf_fini(&p->reply);
	bufferevent_free(p->bev);
	mem_free(p);
}

/* The words of a question, decoded behind one another in text. 0 or -EBADMSG. */
static int
read_words(struct span line, struct buf *text, size_t *n, char *argv[static MAX_WORDS])
{
	struct span doc, at, value;
	size_t offsets[MAX_WORDS];

	*n = 0;
	if (scan_check(line, SCAN_STRICT, &doc, NULL) != 0 || scan_type(doc) != SCAN_ARRAY)
		return -EBADMSG;
	at = doc;
	while (scan_element(&at, &value)) {
		if (*n == MAX_WORDS || scan_type(value) != SCAN_STRING)
			return -EBADMSG;
		offsets[(*n)++] = text->len;
		if (scan_string(value, text) != 0)
			return -EBADMSG;
		buf_addc(text, '\0');
	}
	if (buf_error(text))
		return -EBADMSG;
	for (size_t i = 0; i < *n; i++)
		argv[i] = text->data + offsets[i];
	return 0;
}

static void
answer(const struct command_env *env, struct span line, struct buf *out)
{
	struct buf text = BUF_INIT(LINE_MAX_BYTES), done = BUF_INIT(LIMIT_VALUE);
	struct buf paths = BUF_INIT(LINE_MAX_BYTES);
	char why[COMMAND_WHY_SIZE] = "the question can not be read";
	char *argv[MAX_WORDS];
	struct options o;
	size_t n;

	/* Before the words stands the client's directory: its relative paths are meant from there. */
	if (read_words(line, &text, &n, argv) == 0 && n > 0 &&
	    cli_parse(n - 1, argv + 1, &o, why) == CLI_RUN &&
	    cli_resolve_paths(&o, argv[0], &paths, why) && command_run(env, &o, &done, why) == 0 &&
	    !buf_error(&done)) {
		buf_adds(out, "{\"ok\":");
		buf_add(out, buf_str(&done), done.len);
		buf_adds(out, "}\n");
	} else {
		buf_addc(out, '{');
		jtext_member_string(out, "error", span_of(why));
		buf_adds(out, "}\n");
	}
	buf_fini(&text);
	buf_fini(&paths);
	buf_fini(&done);
}

static void
on_written(struct bufferevent *bev, void *arg)
{
	(void)bev;
	peer_free(arg);
}

static void
on_peer_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	peer_free(arg);
}

static void
send_reply(struct peer *p)
{
	bufferevent_setcb(p->bev, NULL, on_written, on_peer_event, p);
	if (buf_error(&p->reply) || bufferevent_write(p->bev, buf_str(&p->reply), p->reply.len) < 0)
		peer_free(p);
}

static void
on_durable(struct durable_wait *w, int r)
{
	struct peer *p = (struct peer *)w;

	if (r < 0) {
		buf_reset(&p->reply);
		buf_adds(&p->reply, "{\"error\":\"the change may not be on disk: see the log\"}\n");
	}
	send_reply(p);
}

static void
on_readable(struct bufferevent *bev, void *arg)
{
	struct peer *p = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	uint64_t before = store_commits(p->control->env->store);
	size_t n;
	char *line = evbuffer_readln(in, &n, EVBUFFER_EOL_LF);

	if (!line) {
		if (evbuffer_get_length(in) > LINE_MAX_BYTES)
			peer_free(p);
		return;
	}
	answer(p->control->env, (struct span){ line, n }, &p->reply);
	mem_free(line);
	(void)bufferevent_disable(bev, EV_READ); /* one request a connection */
	if (store_commits(p->control->env->store) == before ||
	    !durable_wait(p->control->durable, &p->wait))
		send_reply(p);
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int len, void *arg)
{
	static const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct control *c = arg;
	struct peer *p = c->n_peers < MAX_PEERS ? mem_zalloc(sizeof *p) : NULL;

	(void)from;
	(void)len;
	if (p)
		p->bev =
		    bufferevent_socket_new(evconnlistener_get_base(l), fd, BEV_OPT_CLOSE_ON_FREE);
	if (!p || !p->bev) {
		mem_free(p);
		(void)close(fd); /* the client sees that */
		return;
	}
	p->control = c;
	p->wait.done = on_durable;
	buf_init(&p->reply, 2 * LIMIT_VALUE);
	p->next = c->peers;
	c->peers = p;
	c->n_peers++;
	bufferevent_setcb(p->bev, on_readable, NULL, on_peer_event, p);
	(void)bufferevent_set_timeouts(p->bev, &patience, &patience); /* sockets have them */
	if (bufferevent_enable(p->bev, EV_READ | EV_WRITE) < 0)
		peer_free(p);
}

static int
listen_socket(struct control *c, const char *dir, int *out)
{
	struct sockaddr_un a;
	mode_t was;
	int fd, r = address(dir, &c->dir_fd, &a);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)unlinkat(c->dir_fd, SOCKET_NAME, 0); /* a dead server's, or none */
	was = umask(0177);
	r = bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, MAX_PEERS) < 0 ? -errno : 0;
	(void)umask(was);
	if (r < 0)
		(void)close(fd); /* r tells */
	else
		*out = fd;
	return r;
}

int
control_new(struct control **out, struct event_base *base, const char *dir,
    const struct command_env *env, struct durable *durable, char why[static COMMAND_WHY_SIZE])
{
	struct control *c = mem_zalloc(sizeof *c);
	int fd = -1, r = -ENOMEM;

	if (!c)
		goto out;
	c->env = env;
	c->durable = durable;
	c->dir_fd = -1;
	r = listen_socket(c, dir, &fd);
	if (r < 0)
		goto out;
	c->listener = evconnlistener_new(
	    base, on_accept, c, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!c->listener) {
		(void)close(fd); /* nothing was sent on it */
		r = -ENOMEM;
	}
out:
	if (r < 0) {
		snprintf(why, COMMAND_WHY_SIZE, "%.300s/" SOCKET_NAME ": %s", dir, strerror(-r));
		c = control_free(c);
	}
	*out = c;
	return r;
}

struct control *
control_free(struct control *c)
{
	if (!c)
		return NULL;
	while (c->peers)
		peer_free(c->peers);
	if (c->listener) {
		evconnlistener_free(c->listener);
		(void)unlinkat(c->dir_fd, SOCKET_NAME, 0); /* gone already is as good */
	}
	if (c->dir_fd >= 0)
		(void)close(c->dir_fd); /* O_PATH */
	mem_free(c);
	return NULL;
}

/* ---- asking ---- */

static int
connect_socket(const char *dir, int *out)
{
	static const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un a;
	int dir_fd, fd, r = address(dir, &dir_fd, &a);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = fd < 0 ? -errno : 0;
	if (r == 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
			  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
			  connect(fd, (struct sockaddr *)&a, sizeof a) < 0)) {
		r = -errno;
		(void)close(fd); /* r tells */
	}
	(void)close(dir_fd); /* O_PATH */
	if (r == 0)
		*out = fd;
	return r;
}

static int
send_question(int fd, size_t n, char *const *argv)
{
	struct buf line = BUF_INIT(LINE_MAX_BYTES);
	char cwd[4096];
	int r;

	if (!getcwd(cwd, sizeof cwd))
		return -errno;
	buf_addc(&line, '[');
	jtext_string(&line, span_of(cwd));
	for (size_t i = 0; i < n; i++) {
		buf_addc(&line, ',');
		jtext_string(&line, span_of(argv[i]));
	}
	buf_adds(&line, "]\n");
	r = buf_error(&line);
	for (size_t at = 0; r == 0 && at < line.len;) {
		ssize_t done = send(fd, line.data + at, line.len - at, MSG_NOSIGNAL);

		if (done < 0 && errno != EINTR)
			r = -errno;
		else if (done > 0)
			at += (size_t)done;
	}
	buf_fini(&line);
	return r;
}

static int
read_answer(int fd, struct buf *in)
{
	for (;;) {
		char *room = buf_room(in, 4096);
		ssize_t n = room ? recv(fd, room, 4096, 0) : 0;

		if (!room)
			return buf_error(in);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return in->len ? 0 : -ECONNRESET;
		buf_grown(in, (size_t)n);
	}
}

/* 0 with the answer appended, 1 with why, or -EBADMSG. */
static int
take_answer(const struct buf *in, struct buf *out, char *why)
{
	struct buf text = BUF_INIT(COMMAND_WHY_SIZE - 1);
	struct span doc, value;
	int r = -EBADMSG;

	if (scan_check(span_of_buf(in), SCAN_STRICT, &doc, NULL) != 0 ||
	    scan_type(doc) != SCAN_OBJECT)
		return -EBADMSG;
	if (scan_find(doc, "ok", &value) == 0 && value.p) {
		buf_add(out, value.p, value.n);
		r = buf_error(out);
	} else if (scan_find(doc, "error", &value) == 0 && value.p &&
		   scan_type(value) == SCAN_STRING && scan_string(value, &text) == 0) {
		snprintf(why, COMMAND_WHY_SIZE, "%s", buf_str(&text));
		r = 1;
	}
	buf_fini(&text);
	return r;
}

int
control_ask(const char *dir, size_t n, char *const *argv, struct buf *out,
    char why[static COMMAND_WHY_SIZE])
{
	struct buf in = BUF_INIT(2 * LIMIT_VALUE);
	int fd = -1, r = connect_socket(dir, &fd);

	if (r < 0) {
		snprintf(why, COMMAND_WHY_SIZE, "%.300s/" SOCKET_NAME ": %s", dir, strerror(-r));
		return r;
	}
	r = send_question(fd, n, argv);
	if (r == 0)
		r = read_answer(fd, &in);
	if (r == 0)
		r = take_answer(&in, out, why);
	if (r < 0) {
		snprintf(
		    why, COMMAND_WHY_SIZE, "the running server did not answer: %s", strerror(-r));
		r = -EIO; /* it may have done it: nobody may try again by another way */
	}
	(void)close(fd); /* all was read */
	buf_fini(&in);
	return r;
}
