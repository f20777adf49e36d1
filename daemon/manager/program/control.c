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
#include "base/log.h"
#include "base/mem.h"
#include "manager/api/durable.h"
#include "manager/fiber/runner.h"
#include "manager/program/control_internal.h"

#define MAX_WORDS 512
#define MAX_PEERS 16

struct peer {
	struct durable_wait wait; /* first */
	struct buf done;          /* the command's output, until its change is on disk */
	bool in_memory;           /* the change is in effect even if the disk fails */
	struct control *control;  /* NULL: the server has stopped, or the client has disconnected */
	struct bufferevent *bev;  /* NULL for the same reasons */
	struct peer *next;
	char *line; /* its request, with this length */
	size_t n_line;
	bool running; /* the command runs; it may wait for the store */
	/* For a backup. */
	struct store_copy *copy; /* NULL: none is being made */
	struct event *copied;
	char *path;     /* descriptor of the copy */
	bool send_file; /* the reply carries the copy's descriptor; its name is removed */
};

struct control {
	const struct command_env *env;
	struct durable *durable;
	struct event_base *base;
	const char *dir;
	struct evconnlistener *listener;
	struct peer *peers;
	int n_peers;
	int dir_fd;
};

static void
peer_leave(struct peer *p)
{
	struct peer **at = &p->control->peers;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->control->n_peers--;
	p->control = NULL;
	durable_forget(&p->wait);
	if (p->copied)
		event_free(p->copied);
	store_copy_cancel(p->copy);
	bufferevent_free(p->bev);
	p->bev = NULL;
}

/* Frees what would reply; the rest is freed when its command ends. */
static void
peer_free(struct peer *p)
{
	if (p->control)
		peer_leave(p);
	if (p->running)
		return;
	mem_free(p->path);
	mem_free(p->line);
	buf_fini(&p->done);
	mem_free(p);
}

/* --- replies -------------------------------------------------------------------------- */

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

/* The peer is freed when the reply is sent. */
static void
send_reply(struct peer *p, const struct buf *reply)
{
	bufferevent_setcb(p->bev, NULL, on_written, on_peer_event, p);
	if (buf_error(reply) || bufferevent_write(p->bev, buf_str(reply), reply->len) < 0)
		peer_free(p);
}

static void
reply_error(struct peer *p, const char *why)
{
	struct buf reply = BUF_INIT(CONTROL_REQUEST);

	buf_addc(&reply, '{');
	jtext_member_string(&reply, "error", span_of(why));
	buf_adds(&reply, "}\n");
	send_reply(p, &reply);
	buf_fini(&reply);
}

static void
reply_done(struct peer *p, const char *warning)
{
	struct buf reply = BUF_INIT(CONTROL_REPLY);

	buf_addc(&reply, '{');
	if (warning)
		jtext_member_string(&reply, "warning", span_of(warning));
	jtext_name(&reply, "ok");
	buf_add(&reply, buf_str(&p->done), p->done.len);
	buf_adds(&reply, "}\n");
	send_reply(p, &reply);
	buf_fini(&reply);
}

static void
on_durable(struct durable_wait *w, int r)
{
	struct peer *p = (struct peer *)w;

	if (r == 0) {
		reply_done(p, NULL);
	} else if (p->in_memory) {
		command_not_durable(&p->done);
		reply_done(p, COMMAND_NOT_DURABLE);
	} else {
		reply_error(p, "the change may not be on disk: see the log");
	}
}

/* --- backups -------------------------------------------------------------------------- */

/* Sends the reply with the descriptor of the copy. */
static int
send_file(struct peer *p, int file)
{
	static char reply[] = "{\"ok\":{}}\n";
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec piece = { reply, sizeof reply - 1 };
	struct msghdr m = { .msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof file);
	memcpy(CMSG_DATA(c), &file, sizeof file);
	/* The socket's buffer is empty, so the whole reply fits. */
	return sendmsg(bufferevent_getfd(p->bev), &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void
give_file(struct peer *p)
{
	int file = open(p->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = file < 0 ? -errno : 0;

	(void)unlink(p->path); /* the descriptor is enough */
	if (r == 0)
		r = send_file(p, file);
	if (file >= 0)
		(void)close(file); /* it was only read */
	if (r < 0)
		log_error("the backup could not be sent to the subcommand",
		    LOG_STR("reason", strerror(-r)));
	peer_free(p);
}

static void
on_copied(evutil_socket_t fd, short what, void *arg)
{
	struct why why;
	struct peer *p = arg;
	int r = store_copy_end(p->copy, &why);

	(void)fd;
	(void)what;
	p->copy = NULL;
	if (r < 0) {
		reply_error(p, why.text);
	} else if (p->send_file) {
		give_file(p);
	} else {
		buf_addc(&p->done, '{');
		jtext_member_string(&p->done, "file", span_of(p->path));
		buf_addc(&p->done, '}');
		reply_done(p, NULL);
	}
}

static bool
is_copying(const struct control *c)
{
	for (const struct peer *p = c->peers; p; p = p->next)
		if (p->copy)
			return true;
	return false;
}

/* NULL: out of memory. */
static char *
copy_path(const struct control *c, const char *file)
{
	size_t n = strlen(c->dir) + sizeof "/" COMMAND_COPY_NAME;
	char *path;

	if (strcmp(file, "-") != 0)
		return mem_strdup(file);
	path = mem_alloc(n);
	if (path)
		(void)snprintf(path, n, "%s/" COMMAND_COPY_NAME, c->dir);
	return path;
}

static void
begin_backup(struct peer *p, const struct options *o)
{
	struct control *c = p->control;
	int r = -ENOMEM;

	if (is_copying(c)) {
		reply_error(p, "another backup is being made: try again when it has ended");
		return;
	}
	p->send_file = strcmp(o->file, "-") == 0;
	p->path = copy_path(c, o->file);
	if (p->send_file)
		command_remove_copies(c->dir);
	if (p->path)
		r = store_copy_begin(&p->copy, c->env->store, p->path);
	if (r == 0) {
		p->copied = event_new(c->base, store_copy_fd(p->copy), EV_READ, on_copied, p);
		r = p->copied && event_add(p->copied, NULL) == 0 ? 0 : -ENOMEM;
	}
	if (r == -EOPNOTSUPP)
		reply_error(
		    p, "the database is on PostgreSQL: copy it with pg_dump, and keep the key");
	else if (r < 0)
		reply_error(p, strerror(-r));
}

/* --- requests ------------------------------------------------------------------------- */

/* The words of a request, decoded one behind the other in text. 0 or -EBADMSG. */
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

/* Replies with the command's output or `why`, as soon as its change is on disk. */
static void
reply(struct peer *p, int r, uint64_t commits_before, bool durable, const char *why)
{
	struct durable *d = p->control->durable;

	if (r < 0) {
		reply_error(p, why);
	} else if (!durable) {
		command_not_durable(&p->done);
		reply_done(p, COMMAND_NOT_DURABLE);
	} else if (store_commits(p->control->env->store) == commits_before ||
		   !durable_wait(d, &p->wait, &r)) {
		on_durable(&p->wait, r);
	}
}

static void
run_command(struct peer *p, const struct options *o)
{
	const struct command_env *env = p->control->env;
	uint64_t before = store_commits(env->store);
	struct why why = { "out of memory" };
	bool durable = true;
	int r;

	p->in_memory = command_works_in_memory(o);
	p->running = true;
	r = command_run(env, o, &p->done, &durable, &why);
	p->running = false;
	if (p->control)
		reply(p, r < 0 ? r : buf_error(&p->done), before, durable, why.text);
	else
		peer_free(p);
}

static void
serve_request(void *arg)
{
	struct peer *p = arg;
	struct span line = { p->line, p->n_line };
	struct buf text = BUF_INIT(CONTROL_REQUEST), paths = BUF_INIT(CONTROL_REQUEST);
	struct why why = { "the request cannot be read" };
	char *argv[MAX_WORDS];
	struct cli_line words;
	struct options o;
	size_t n;

	/* The first word is the client's directory, from which its relative paths are meant. */
	if (read_words(line, &text, &n, argv) < 0 || n == 0 ||
	    arguments_read((int)n, argv, &o, &words, &why) != CLI_RUN ||
	    !arguments_resolve_paths(&o, argv[0], &paths, &why))
		reply_error(p, why.text);
	else if (o.verb == VERB_BACKUP)
		begin_backup(p, &o);
	else
		run_command(p, &o);
	buf_fini(&text);
	buf_fini(&paths);
}

static void
on_readable(struct bufferevent *bev, void *arg)
{
	struct peer *p = arg;
	struct evbuffer *in = bufferevent_get_input(bev);

	p->line = evbuffer_readln(in, &p->n_line, EVBUFFER_EOL_LF);
	if (!p->line) {
		if (evbuffer_get_length(in) > CONTROL_REQUEST)
			peer_free(p);
		return;
	}
	(void)bufferevent_disable(bev, EV_READ); /* one request a connection */
	runner_must_run(p->control->env->runner, serve_request, p);
}

/* --- the socket ----------------------------------------------------------------------- */

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int len, void *arg)
{
	static const struct timeval patience = { .tv_sec = CONTROL_WAIT_S };
	struct control *c = arg;
	struct peer *p = c->n_peers < MAX_PEERS ? mem_zalloc(sizeof *p) : NULL;

	(void)from;
	(void)len;
	if (p)
		p->bev =
		    bufferevent_socket_new(evconnlistener_get_base(l), fd, BEV_OPT_CLOSE_ON_FREE);
	if (!p || !p->bev) {
		mem_free(p);
		(void)close(fd); /* the client notices that */
		return;
	}
	p->control = c;
	p->wait.done = on_durable;
	buf_init(&p->done, CONTROL_REPLY);
	p->next = c->peers;
	c->peers = p;
	c->n_peers++;
	bufferevent_setcb(p->bev, on_readable, NULL, on_peer_event, p);
	(void)bufferevent_set_timeouts(p->bev, &patience, &patience); /* a socket has them */
	if (bufferevent_enable(p->bev, EV_READ | EV_WRITE) < 0)
		peer_free(p);
}

static int
listen_socket(struct control *c, const char *dir, int *out)
{
	struct sockaddr_un a;
	mode_t was;
	int fd, r = control_address(dir, &c->dir_fd, &a);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)unlinkat(c->dir_fd, CONTROL_NAME, 0); /* one of a dead server, or none */
	was = umask(0177);
	r = bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, MAX_PEERS) < 0 ? -errno : 0;
	(void)umask(was);
	if (r < 0)
		(void)close(fd); /* r says why */
	else
		*out = fd;
	return r;
}

int
control_new(struct control **out, struct event_base *base, const char *dir,
    const struct command_env *env, struct durable *durable, struct why *why)
{
	struct control *c = mem_zalloc(sizeof *c);
	int fd = -1, r = -ENOMEM;

	if (!c)
		goto out;
	c->env = env;
	c->durable = durable;
	c->base = base;
	c->dir = dir;
	c->dir_fd = -1;
	command_remove_copies(dir);
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
		why_set(why, "%.300s/" CONTROL_NAME ": %s", dir, strerror(-r));
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
		(void)unlinkat(c->dir_fd, CONTROL_NAME, 0); /* it may be gone already */
	}
	if (c->dir_fd >= 0)
		(void)close(c->dir_fd); /* O_PATH */
	mem_free(c);
	return NULL;
}
