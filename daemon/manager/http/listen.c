/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: TCP, and Unix sockets with a lock file beside them. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <netinet/in.h>

#include <event2/listener.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"
#include "base/why.h"
#include "manager/http/http_internal.h"

#define BACKLOG     4096
#define UNIX_PREFIX "unix:"
#define UNIX_MODE   0666 /* the token decides */

struct listener {
	struct http_server *server;
	struct evconnlistener *socket;
	bool is_unix;
	int lock_fd; /* of a Unix socket; -1 without */
	ino_t inode; /* its file's */
	char path[sizeof((struct sockaddr_un *)0)->sun_path];
	char address[sizeof UNIX_PREFIX + 128];
};

/* --- addresses as text ---------------------------------------------------------------- */

/* The path of "unix:PATH", or NULL. */
static const char *
unix_path(const char *where)
{
	size_t n = sizeof UNIX_PREFIX - 1;

	return strncmp(where, UNIX_PREFIX, n) == 0 ? where + n : NULL;
}

static bool
bad_address(struct why *why, const char *where, const char *what)
{
	why_set(why, "%.120s: %s", where, what);
	return false;
}

bool
http_address_is_valid(const char *where, struct why *why)
{
	const char *path = unix_path(where);
	char host[URL_SIZE];
	int port;

	if (!path)
		return url_split_address(where, host, &port) == 0 ||
		       bad_address(
			   why, where, "not an address: expected ADDRESS:PORT or unix:PATH");
	if (path[0] != '/' || path[strlen(path) - 1] == '/')
		return bad_address(
		    why, where, "expected the absolute path of a socket behind unix:");
	if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
		return bad_address(why, where, "the path of a socket has at most 107 bytes");
	return true;
}

/* --- accepting ------------------------------------------------------------------------ */

/* Writes the key of an address: an IPv4 address, an IPv6 /64 (one customer), or a Unix user. */
static void
address_key(int fd, const struct sockaddr *from, struct share_key *key)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)from;
	struct ucred peer = { 0 };
	socklen_t n = sizeof peer;

	*key = (struct share_key){ .bytes = { (char)from->sa_family } };
	if (from->sa_family == AF_INET) {
		memcpy(key->bytes + 1, &v4->sin_addr, sizeof v4->sin_addr);
	} else if (from->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		key->bytes[0] = AF_INET;
		memcpy(key->bytes + 1, v6->sin6_addr.s6_addr + 12, 4);
	} else if (from->sa_family == AF_INET6) {
		memcpy(key->bytes + 1, &v6->sin6_addr, 8);
	} else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0) {
		memcpy(key->bytes + 1, &peer.uid, sizeof peer.uid);
	}
}

static void
on_accept(
    struct evconnlistener *e, evutil_socket_t fd, struct sockaddr *from, int from_len, void *arg)
{
	struct listener *l = arg;
	struct share_key key;

	(void)e;
	(void)from_len;
	address_key(fd, from, &key);
	server_accepted(l->server, fd, &key, !l->is_unix);
}

static void
on_accept_error(struct evconnlistener *e, void *arg)
{
	struct listener *l = arg;

	(void)e;
	server_cannot_accept(l->server, EVUTIL_SOCKET_ERROR());
}

void
listener_set_accepting(struct listener *l, bool on)
{
	(void)(on ? evconnlistener_enable(l->socket) : evconnlistener_disable(l->socket));
}

const char *
listener_address(const struct listener *l)
{
	return l->address;
}

void
listener_free(struct listener *l)
{
	struct stat st;

	if (l->socket)
		evconnlistener_free(l->socket);
	if (l->lock_fd >= 0) {
		if (stat(l->path, &st) == 0 && st.st_ino == l->inode)
			(void)unlink(l->path); /* it may be gone already */
		(void)close(l->lock_fd);       /* nothing was written to it */
	}
	mem_free(l);
}

/* --- sockets -------------------------------------------------------------------------- */

/* Asks the kernel for the socket's address, and notes whether other machines can reach it. */
static void
note_address(struct http_server *s, struct listener *l, int fd)
{
	struct sockaddr_storage at = { 0 };
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&at;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&at;
	char host[INET6_ADDRSTRLEN] = "";
	socklen_t n = sizeof at;

	s->port = 0;
	if (getsockname(fd, (struct sockaddr *)&at, &n) < 0)
		return;
	l->is_unix = at.ss_family == AF_UNIX;
	if (at.ss_family == AF_INET) {
		s->port = ntohs(v4->sin_port);
		s->exposed |= ntohl(v4->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET;
	} else if (at.ss_family == AF_INET6) {
		s->port = ntohs(v6->sin6_port);
		s->exposed |= !IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
	}
	if (getnameinfo((struct sockaddr *)&at, n, host, sizeof host, NULL, 0, NI_NUMERICHOST) ==
		0 &&
	    !l->is_unix)
		(void)snprintf(l->address, sizeof l->address,
		    at.ss_family == AF_INET6 ? "[%s]:%d" : "%s:%d", host, s->port);
}

/* Takes fd. 0: the server owns l. On failure l is freed. */
static int
adopt(struct http_server *s, struct listener *l, int fd)
{
	int r = s->n_listeners < HTTP_MAX_LISTENERS ? -ENOMEM : -ENOSPC;

	if (r != -ENOSPC && evutil_make_socket_nonblocking(fd) == 0)
		l->socket = evconnlistener_new(
		    s->base, on_accept, l, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!l->socket) {
		(void)close(fd); /* nothing was accepted on it */
		listener_free(l);
		return r;
	}
	l->server = s;
	evconnlistener_set_error_cb(l->socket, on_accept_error);
	note_address(s, l, fd);
	s->listeners[s->n_listeners++] = l;
	return 0;
}

static struct listener *
listener_new(void)
{
	struct listener *l = mem_zalloc(sizeof *l);

	if (l)
		l->lock_fd = -1;
	return l;
}

int
http_server_adopt(struct http_server *s, int fd)
{
	struct listener *l = listener_new();

	if (l)
		return adopt(s, l, fd);
	(void)close(fd); /* nothing was accepted on it */
	return -ENOMEM;
}

/* --- TCP ------------------------------------------------------------------------------ */

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
		(void)close(fd); /* r tells */
	}
	return r;
}

static int
listen_tcp(struct http_server *s, const char *where, struct why *why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	char host[URL_SIZE], service[16];
	int port, r;

	if (url_split_address(where, host, &port) < 0)
		return -EINVAL; /* why is set: the text was checked before */
	(void)snprintf(service, sizeof service, "%d", port);
	r = getaddrinfo(host, service, &hints, &found);
	if (r) {
		(void)bad_address(why, where, gai_strerror(r));
		return -EADDRNOTAVAIL;
	}
	r = bind_first(found);
	freeaddrinfo(found);
	return r >= 0 ? http_server_adopt(s, r) : r;
}

/* --- Unix sockets --------------------------------------------------------------------- */

/*
 * Opens and locks PATH's .NAME.lock. The descriptor; -EADDRINUSE when another process has it;
 * -errno.
 */
static int
take_lock(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	char lock[sizeof((struct sockaddr_un *)0)->sun_path + 8];
	struct stat ours, there;
	int fd;

	(void)snprintf(lock, sizeof lock, "%.*s.%s.lock", (int)(name - path), path, name);
	for (;;) {
		fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &ours) < 0) {
			int r = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;

			(void)close(fd); /* r tells */
			return r;
		}
		/* If the file was removed meanwhile, its lock excludes nobody. */
		if (stat(lock, &there) == 0 && there.st_ino == ours.st_ino &&
		    there.st_dev == ours.st_dev)
			return fd;
		(void)close(fd); /* once more */
	}
}

/* We hold the lock, so an existing socket belongs to a dead server. Other files are not touched. */
static int
remove_stale(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	return unlink(path) < 0 ? -errno : 0;
}

/*
 * A listening socket at its final name and with its final mode before the first client, or -errno.
 */
static int
bind_unix(const char *path, ino_t *inode)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct stat st;
	int fd, r;

	memcpy(a.sun_path, path, strlen(path));
	r = remove_stale(path);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || chmod(path, UNIX_MODE) < 0 ||
	    stat(path, &st) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		(void)close(fd); /* r tells */
		return r;
	}
	*inode = st.st_ino;
	return fd;
}

static int
listen_unix(struct http_server *s, const char *path)
{
	struct listener *l = listener_new();
	int fd;

	if (!l)
		return -ENOMEM;
	(void)snprintf(l->path, sizeof l->path, "%s", path);
	(void)snprintf(l->address, sizeof l->address, UNIX_PREFIX "%s", path);
	l->lock_fd = take_lock(path);
	fd = l->lock_fd < 0 ? l->lock_fd : bind_unix(path, &l->inode);
	if (fd >= 0)
		return adopt(s, l, fd);
	listener_free(l);
	return fd;
}

int
http_server_listen(struct http_server *s, const char *where, struct why *why)
{
	const char *path = unix_path(where);
	int r;

	if (!http_address_is_valid(where, why))
		return -EINVAL;
	why->text[0] = '\0';
	r = path ? listen_unix(s, path) : listen_tcp(s, where, why);
	if (r == -EADDRINUSE && path)
		(void)bad_address(why, where, "another connd-manager serves this socket");
	else if (r == -EEXIST)
		(void)bad_address(why, where, "there is a file that is not a socket");
	else if (r < 0 && !why->text[0])
		why_set(why, "cannot listen on %.120s: %s", where, strerror(-r));
	return r;
}
