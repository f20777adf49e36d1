/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "edge/socket/socket_file.h"

#define ACCEPTS_A_TURN    64
#define PAUSE_MS          100 /* without descriptors or memory; jittered by half */
#define COMPLAIN_EVERY_MS 10000
#define LOOK_EVERY_MS     4000 /* at the socket's file */

struct listener {
	struct loop *loop;
	const struct config *config;
	int fd, lock;        /* lock: -1: the socket was passed */
	bool own;            /* we made the socket: path and lock are ours */
	int reserve;         /* given up for a moment to refuse a client when descriptors are out */
	char *path;          /* NULL: the socket has no file that we can see */
	struct file_id file; /* at the path, when the socket was made or passed */
	struct why trouble;  /* "": none */
	struct event *readable, *resume;
	struct alarm *look;
	struct listener_calls calls;
	void *env;
	int64_t complained_ms;
	uint64_t pauses;
};

/* --- a passed socket ---------------------------------------------------------------------- */

/* The path that the socket was bound to; "": none. */
static void
bound_path(int fd, char path[static sizeof(struct sockaddr_un)])
{
	struct sockaddr_un a = { 0 };
	socklen_t size = sizeof a;

	*path = '\0';
	if (getsockname(fd, (struct sockaddr *)&a, &size) == 0 && a.sun_family == AF_UNIX)
		(void)snprintf(path, sizeof a, "%.*s", (int)sizeof a.sun_path, a.sun_path);
}

/*
 * Remembers the file at the path, if it is there: a socket of another mount namespace has none
 * here.
 */
static int
remember_file(struct listener *l, const char *path)
{
	if (!file_id_of(path, &l->file))
		return 0;
	l->path = mem_strdup(path);
	return l->path ? 0 : -ENOMEM;
}

static void
add_word(char *list, size_t size, const char *word)
{
	size_t n = strlen(list);

	(void)snprintf(list + n, size - n, "%s%s", n ? ", " : "", word);
}

/* One warning about what [socket] asks for and the socket unit decides. */
static void
warn_of_ignored(const struct listener *l)
{
	const struct config *c = l->config;
	char options[64] = "", settings[64] = "", unit[PASSED_UNIT_SIZE];
	struct stat st;

	if (!l->path || stat(l->path, &st) < 0)
		return;
	if (c->socket.path_set && strcmp(c->socket.path, l->path) != 0) {
		add_word(options, sizeof options, "path");
		add_word(settings, sizeof settings, "ListenStream=");
	}
	if (c->socket.group && !socket_file_has_group(&st, c->socket.group)) {
		add_word(options, sizeof options, "group");
		add_word(settings, sizeof settings, "SocketGroup=");
	}
	if (c->socket.mode_set && (st.st_mode & 0777) != c->socket.mode) {
		add_word(options, sizeof options, "mode");
		add_word(settings, sizeof settings, "SocketMode=");
	}
	if (!*options)
		return;
	passed_unit(unit);
	log_warn("[socket] options ignored: the service manager passed the socket",
	    LOG_STR("options", options), LOG_STR("socket", l->path), LOG_STR("unit", unit),
	    LOG_STR("instead", settings));
}

/* An older version of connd hands over no lock. */
static void
take_missing_lock(struct listener *l)
{
	struct why why;

	if (!l->own || !l->path || l->lock >= 0)
		return;
	l->lock = socket_file_lock(l->path, &why);
	if (l->lock < 0)
		log_warn("the socket has no lock", LOG_STR("reason", why.text));
}

static int
adopt(struct listener *l, struct passed *p, struct why *why)
{
	char path[sizeof(struct sockaddr_un)];

	bound_path(p->socket, path);
	if (*path && remember_file(l, path) < 0) {
		why_set(why, "out of memory");
		return -ENOMEM;
	}
	l->fd = p->socket;
	l->lock = p->lock;
	l->own = p->own;
	p->socket = p->lock = -1;
	if (l->own)
		take_missing_lock(l);
	else
		warn_of_ignored(l);
	return 0;
}

/* --- a socket of our own ------------------------------------------------------------------ */

static struct socket_file
wanted_file(const struct config *c)
{
	return (struct socket_file){
		.path = c->socket.path, .group = c->socket.group, .mode = c->socket.mode
	};
}

static int
make_own(struct listener *l, struct why *why)
{
	struct socket_file f = wanted_file(l->config);

	l->own = true;
	l->lock = socket_file_lock(f.path, why);
	if (l->lock < 0)
		return l->lock;
	l->fd = socket_file_listen(&f, why);
	if (l->fd < 0)
		return l->fd;
	if (remember_file(l, f.path) == 0)
		return 0;
	(void)unlink(f.path);
	why_set(why, "out of memory");
	return -ENOMEM;
}

/* --- accepting ----------------------------------------------------------------------------- */

static void
pause_accepting(struct listener *l, int err)
{
	int64_t now_ms = clock_boot_ms(), pause_ms = rnd_between(PAUSE_MS / 2, PAUSE_MS * 3 / 2);
	struct timeval tv = { .tv_usec = (suseconds_t)pause_ms * 1000 };

	/* The timer got its memory when it was first added; if even that failed, stay awake. */
	if (evtimer_add(l->resume, &tv) == 0)
		(void)event_del(l->readable);
	l->pauses++;
	if (now_ms - l->complained_ms < COMPLAIN_EVERY_MS)
		return;
	log_warn("accepting is paused", LOG_STR("reason", strerror(err)),
	    LOG_INT("pause_ms", pause_ms), LOG_INT("pauses", (int64_t)l->pauses));
	l->complained_ms = now_ms;
	l->pauses = 0;
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	if (l->reserve < 0)
		l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	(void)event_add(l->readable, NULL);
}

/*
 * Out of descriptors: with the reserve given up, the first client in the queue learns at once that
 * it is not served, instead of hanging in the backlog.
 */
static void
refuse_one(struct listener *l)
{
	int fd;

	if (l->reserve < 0)
		return;
	(void)close(l->reserve);
	fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		(void)close(fd);
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
on_readable(evutil_socket_t listening, short what, void *arg)
{
	struct listener *l = arg;
	int fd;

	(void)what;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			l->calls.accepted(l->env, fd);
			continue;
		}
		switch (errno) {
		case EMFILE:
		case ENFILE:
			pause_accepting(l, errno);
			refuse_one(l);
			return;
		case ENOBUFS:
		case ENOMEM:
			pause_accepting(l, errno);
			return;
		default: /* EAGAIN: none left; ECONNABORTED and the like: that one has gone */
			return;
		}
	}
}

/* --- the socket's file ---------------------------------------------------------------------- */

/* Logs and reports a change: new trouble, other trouble, or none any more (NULL). */
static void
set_trouble(struct listener *l, const char *sentence)
{
	if (strcmp(l->trouble.text, sentence ? sentence : "") == 0)
		return;
	why_set(&l->trouble, "%s", sentence ? sentence : "");
	if (sentence)
		log_error("clients cannot connect", LOG_STR("reason", sentence));
	else
		log_info("clients can connect again", LOG_STR("socket", l->path));
	if (l->calls.trouble)
		l->calls.trouble(l->env, sentence);
}

static struct event *
accept_event(struct listener *l, int fd)
{
	struct event *e = event_new(loop_base(l->loop), fd, EV_READ | EV_PERSIST, on_readable, l);

	if (e && event_add(e, NULL) < 0) {
		event_free(e);
		return NULL;
	}
	return e;
}

/* Listens at the new descriptor, after accepting the clients in the old one's queue. */
static int
replace_socket(struct listener *l, int fd)
{
	struct event *e = accept_event(l, fd);
	int client;

	if (!e)
		return -ENOMEM;
	while ((client = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		l->calls.accepted(l->env, client);
	event_free(l->readable);
	(void)close(l->fd);
	l->readable = e;
	l->fd = fd;
	(void)file_id_of(l->path, &l->file);
	return 0;
}

/* Takes the lock again if its file was removed. */
static int
renew_lock(struct listener *l, struct why *why)
{
	int fd;

	if (socket_file_is_locked(l->path, l->lock))
		return 0;
	fd = socket_file_lock(l->path, why);
	if (fd < 0)
		return fd;
	if (l->lock >= 0)
		(void)close(l->lock);
	l->lock = fd;
	return 0;
}

static int
make_again(struct listener *l, struct why *why)
{
	struct socket_file f = wanted_file(l->config);
	int r = renew_lock(l, why), fd;

	if (r < 0)
		return r;
	f.path = l->path;
	fd = socket_file_listen(&f, why);
	if (fd < 0)
		return fd;
	r = replace_socket(l, fd);
	if (r < 0) {
		why_set(why, "out of memory");
		(void)unlink(l->path);
		(void)close(fd);
	}
	return r;
}

static void
look_after_own(struct listener *l)
{
	struct why why, sentence;

	if (make_again(l, &why) == 0) {
		log_warn("the socket's file had gone: made again", LOG_STR("socket", l->path));
		set_trouble(l, NULL);
		return;
	}
	why_set(&sentence, "the file of the socket %s has gone: %s", l->path, why.text);
	set_trouble(l, sentence.text);
}

static void
complain_of_passed(struct listener *l)
{
	char unit[PASSED_UNIT_SIZE];
	struct why sentence;

	passed_unit(unit);
	why_set(&sentence,
	    "the file of the socket %s has gone, which the service manager passed: restart %s",
	    l->path, unit);
	set_trouble(l, sentence.text);
}

void
listener_look(struct listener *l)
{
	struct why why;
	struct file_id now;

	if (!l->path)
		return;
	if (file_id_of(l->path, &now) && file_id_equal(now, l->file)) {
		set_trouble(l, NULL);
		if (l->own)
			(void)renew_lock(l, &why); /* or at the next look */
	} else if (l->own) {
		look_after_own(l);
	} else {
		complain_of_passed(l);
	}
}

static void
on_look(void *arg)
{
	struct listener *l = arg;

	listener_look(l);
	alarm_after(l->look, LOOK_EVERY_MS);
}

/* --- birth and end -------------------------------------------------------------------------- */

int
listener_new(struct listener **out, struct loop *loop, const struct config *config,
    struct passed *passed, struct why *why)
{
	struct listener *l = mem_zalloc(sizeof *l);
	int r;

	why_set(why, "out of memory");
	if (!l)
		return -ENOMEM;
	l->loop = loop;
	l->config = config;
	l->fd = l->lock = l->reserve = -1;
	l->complained_ms = -COMPLAIN_EVERY_MS;
	r = passed->socket >= 0 ? adopt(l, passed, why) : make_own(l, why);
	if (r < 0) {
		listener_free(l);
		return r;
	}
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	*out = l;
	return 0;
}

void
listener_use(struct listener *l, const struct config *config)
{
	l->config = config;
}

int
listener_start(struct listener *l, const struct listener_calls *calls, void *env)
{
	l->calls = *calls;
	l->env = env;
	l->resume = evtimer_new(loop_base(l->loop), on_resume, l);
	l->readable = accept_event(l, l->fd);
	if (!l->resume || !l->readable || alarm_new(&l->look, l->loop, on_look, l) < 0)
		return -ENOMEM;
	alarm_after(l->look, LOOK_EVERY_MS);
	return 0;
}

void
listener_stop(struct listener *l)
{
	if (l->readable)
		(void)event_del(l->readable);
	if (l->resume)
		(void)evtimer_del(l->resume);
	if (l->look)
		alarm_set(l->look, INT64_MAX);
}

struct passed
listener_shows(const struct listener *l)
{
	return (struct passed){ .socket = l->fd, .lock = l->lock, .own = l->own, .resumed = true };
}

struct passed
listener_give(struct listener *l)
{
	struct passed p = listener_shows(l);

	l->fd = l->lock = -1;
	mem_free(l->path);
	l->path = NULL;
	return p;
}

bool
listener_was_passed(const struct listener *l)
{
	return !l->own;
}

const char *
listener_path(const struct listener *l)
{
	return l->path ? l->path : l->config->socket.path;
}

/* The file of a socket of our own, unless the path leads to another one now. */
static void
remove_file(struct listener *l)
{
	struct file_id now;

	if (l->own && l->path && file_id_of(l->path, &now) && file_id_equal(now, l->file))
		(void)unlink(l->path);
}

struct listener *
listener_free(struct listener *l)
{
	if (!l)
		return NULL;
	if (l->readable)
		event_free(l->readable);
	if (l->resume)
		event_free(l->resume);
	alarm_free(l->look);
	remove_file(l);
	if (l->fd >= 0)
		(void)close(l->fd);
	if (l->lock >= 0)
		(void)close(l->lock); /* last: the path is free, or another's, from now on */
	if (l->reserve >= 0)
		(void)close(l->reserve);
	mem_free(l->path);
	mem_free(l);
	return NULL;
}
