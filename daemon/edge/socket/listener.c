/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"

#define FIRST_PASSED_FD   3
#define MAX_PASSED        16
#define FD_NAME           "varlink"
#define OWN_FD_NAME       "varlink-own" /* bound by the connd that this process was before */
#define BACKLOG           65535         /* the kernel cuts it to net.core.somaxconn */
#define ACCEPTS_A_TURN    64
#define PAUSE_MS          100 /* without descriptors or memory; jittered by half */
#define COMPLAIN_EVERY_MS 10000

struct listener {
	struct loop *loop;
	int fd;
	int reserve; /* given up for a moment to refuse a client when descriptors are out */
	char *path;  /* NULL: the socket was passed */
	dev_t dev;   /* of the socket we bound, to unlink no other */
	ino_t ino;
	struct event *readable, *resume;
	void (*accepted)(void *env, int fd);
	void *env;
	int64_t complained_ms;
	uint64_t pauses;
};

/* errno as -errno, after a sentence about it. */
static int PRINTF(2, 3) complain(char why[static LISTENER_WHY_SIZE], const char *fmt, ...)
{
	int err = errno;
	size_t n;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, LISTENER_WHY_SIZE, fmt, ap);
	va_end(ap);
	n = strlen(why);
	(void)snprintf(why + n, LISTENER_WHY_SIZE - n, ": %s", strerror(err));
	return -err;
}

/* --- a passed socket ---------------------------------------------------------------------- */

/* How many descriptors are for us; the variables are gone afterwards, for children's sake. */
static int
passed_count(char names[static 256])
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	const char *n = getenv("LISTEN_FDNAMES");
	long count = 0;

	(void)snprintf(names, 256, "%s", n ? n : "");
	if (pid && fds && strtol(pid, NULL, 10) == (long)getpid())
		count = strtol(fds, NULL, 10);
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (count < 0)
		return 0;
	return count > MAX_PASSED ? MAX_PASSED : (int)count;
}

/* The index of the descriptor with this name, or -1. */
static int
index_of(const char *wanted, const char *names, int count)
{
	size_t n;

	for (int i = 0; i < count && *names; i++) {
		n = strcspn(names, ":");
		if (n == strlen(wanted) && strncmp(names, wanted, n) == 0)
			return i;
		names += n + (names[n] == ':');
	}
	return -1;
}

static bool
socket_option_is(int fd, int option, int wanted)
{
	int value = -1;
	socklen_t size = sizeof value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

/* The path is ours to unlink at the end, while it leads to this very socket. */
static void
remember_path(struct listener *l, const char *path, const char *now_at)
{
	struct stat st;

	if (lstat(now_at, &st) < 0)
		return;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	l->path = mem_strdup(path); /* NULL: it stays behind, and is replaced by the next connd */
}

/* 1: taken; 0: none was passed; -errno. */
static int
adopt(struct listener *l, const char *path, char why[static LISTENER_WHY_SIZE])
{
	char names[256];
	int count = passed_count(names), at, fd, own;

	if (count == 0)
		return 0;
	own = index_of(OWN_FD_NAME, names, count);
	at = own >= 0 ? own : index_of(FD_NAME, names, count);
	if (at < 0 && count == 1)
		at = 0;
	for (int i = 0; i < count; i++)
		if (i != at)
			(void)close(FIRST_PASSED_FD + i);
	if (at < 0) {
		errno = EINVAL;
		return complain(why, "%d sockets were passed and none is named " FD_NAME, count);
	}
	fd = FIRST_PASSED_FD + at;
	if (!socket_option_is(fd, SO_DOMAIN, AF_UNIX) ||
	    !socket_option_is(fd, SO_TYPE, SOCK_STREAM) ||
	    !socket_option_is(fd, SO_ACCEPTCONN, 1)) {
		errno = EINVAL;
		return complain(why, "the passed descriptor is no listening Unix stream socket");
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return complain(why, "cannot prepare the passed socket");
	l->fd = fd;
	if (own >= 0)
		remember_path(l, path, path);
	return 1;
}

/* --- a socket of our own ------------------------------------------------------------------ */

static struct sockaddr_un
address_of(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	return a;
}

/* 0: nobody answers at path, it may be replaced. */
static int
probe(const char *path, char why[static LISTENER_WHY_SIZE])
{
	struct sockaddr_un a = address_of(path);
	struct stat st;
	int fd, r = 0;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : complain(why, "%s", path);
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return complain(why, "%s is there and is no socket", path);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return complain(why, "cannot make a socket");
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0 || errno == EAGAIN) {
		errno = EADDRINUSE;
		r = complain(why, "somebody already answers at %s", path);
	} else if (errno != ECONNREFUSED && errno != ENOENT) {
		r = complain(why, "cannot tell whether %s is in use", path);
	}
	(void)close(fd);
	return r;
}

static int
give_to_group(const char *path, const char *group, char why[static LISTENER_WHY_SIZE])
{
	struct group *g;

	if (!group)
		return 0;
	errno = 0;
	g = getgrnam(group);
	if (!g) {
		errno = errno ? errno : ENOENT;
		return complain(why, "[socket] group %s", group);
	}
	if (chown(path, (uid_t)-1, g->gr_gid) < 0)
		return complain(why, "cannot give %s to group %s", path, group);
	return 0;
}

/* Everything that must be true before a client may find it, on the name nobody looks for. */
static int
prepare(struct listener *l, const char *tmp, const struct listener_options *o,
    char why[static LISTENER_WHY_SIZE])
{
	struct sockaddr_un a = address_of(tmp);
	struct stat st;
	mode_t old;
	int r;

	if (lstat(tmp, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(tmp); /* a crash left it */
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return complain(why, "cannot make a socket");
	old = umask(0177);
	r = bind(l->fd, (struct sockaddr *)&a, sizeof a);
	(void)umask(old);
	if (r < 0)
		return complain(why, "cannot bind %s", tmp);
	r = give_to_group(tmp, o->group, why);
	if (r < 0)
		return r;
	if (chmod(tmp, o->mode) < 0)
		return complain(why, "cannot set the mode of %s", tmp);
	if (listen(l->fd, BACKLOG) < 0)
		return complain(why, "cannot listen at %s", tmp);
	return 0;
}

static int
bind_own(struct listener *l, const struct listener_options *o, char why[static LISTENER_WHY_SIZE])
{
	char tmp[LIMIT_SOCKET_PATH + 1];
	int r;

	if ((size_t)snprintf(tmp, sizeof tmp, "%s.tmp", o->path) >= sizeof tmp) {
		errno = ENAMETOOLONG;
		return complain(why, "[socket] path %s", o->path);
	}
	r = probe(o->path, why);
	if (r < 0)
		return r;
	r = prepare(l, tmp, o, why);
	if (r < 0) {
		(void)unlink(tmp);
		return r;
	}
	remember_path(l, o->path, tmp);
	if (rename(tmp, o->path) < 0) {
		r = complain(why, "cannot put the socket at %s", o->path);
		(void)unlink(tmp);
		return r;
	}
	return 0;
}

/* --- accepting ----------------------------------------------------------------------------- */

static void
pause_accepting(struct listener *l, int err)
{
	int64_t now_ms = clock_boot_ms(), pause_ms = rnd_between(PAUSE_MS / 2, PAUSE_MS * 3 / 2);
	struct timeval tv = { .tv_usec = (suseconds_t)pause_ms * 1000 };

	/* The timer's room was made when it was first added; if even that failed, stay awake. */
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
 * Out of descriptors: with the reserve given up, the first in the queue learns at once that we can
 * not serve it, instead of hanging in the backlog.
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
			l->accepted(l->env, fd);
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

/* --- birth and end -------------------------------------------------------------------------- */

int
listener_new(struct listener **out, struct loop *loop, const struct listener_options *options,
    char why[static LISTENER_WHY_SIZE])
{
	struct listener *l = mem_zalloc(sizeof *l);
	int r;

	if (!l) {
		errno = ENOMEM;
		return complain(why, "the listener");
	}
	l->loop = loop;
	l->fd = l->reserve = -1;
	l->complained_ms = -COMPLAIN_EVERY_MS;
	r = adopt(l, options->path, why);
	if (r == 0)
		r = bind_own(l, options, why);
	if (r < 0) {
		listener_free(l);
		return r;
	}
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	*out = l;
	return 0;
}

int
listener_start(struct listener *l, void (*accepted)(void *env, int fd), void *env)
{
	l->accepted = accepted;
	l->env = env;
	l->readable = event_new(loop_base(l->loop), l->fd, EV_READ | EV_PERSIST, on_readable, l);
	l->resume = evtimer_new(loop_base(l->loop), on_resume, l);
	if (!l->readable || !l->resume || event_add(l->readable, NULL) < 0)
		return -ENOMEM;
	return 0;
}

void
listener_stop(struct listener *l)
{
	if (l->readable)
		(void)event_del(l->readable);
	if (l->resume)
		(void)evtimer_del(l->resume);
}

int
listener_give(struct listener *l, const char **name)
{
	int fd = l->fd;

	*name = l->path ? OWN_FD_NAME : FD_NAME;
	mem_free(l->path);
	l->path = NULL;
	l->fd = -1;
	return fd;
}

bool
listener_was_passed(const struct listener *l)
{
	return !l->path;
}

struct listener *
listener_free(struct listener *l)
{
	struct stat st;

	if (!l)
		return NULL;
	if (l->readable)
		event_free(l->readable);
	if (l->resume)
		event_free(l->resume);
	/* A successor may have put its own there meanwhile. */
	if (l->path && lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
		(void)unlink(l->path);
	if (l->fd >= 0)
		(void)close(l->fd);
	if (l->reserve >= 0)
		(void)close(l->reserve);
	mem_free(l->path);
	mem_free(l);
	return NULL;
}
