/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tiny_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD_BYTES (64 * 1024)

struct tiny_server {
	int fd, port;
	tiny_handler *handler;
	void *env;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t left;
	int n; /* connections */
};

struct connection {
	struct tiny_server *server;
	int fd;
};

bool
tiny_write(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return false;
		at += sent > 0 ? sent : 0;
		n -= sent > 0 ? (size_t)sent : 0;
	}
	return true;
}

bool
tiny_print(int fd, const char *text)
{
	return tiny_write(fd, text, strlen(text));
}

/* False if the client has closed. */
static bool
read_head(int fd, char head[static HEAD_BYTES])
{
	size_t n = 0;

	head[0] = '\0';
	while (!strstr(head, "\r\n\r\n") && n < HEAD_BYTES - 1) {
		ssize_t got = recv(fd, head + n, HEAD_BYTES - 1 - n, 0);

		if (got <= 0)
			return false;
		n += (size_t)got;
		head[n] = '\0';
	}
	return true;
}

static void
count(struct tiny_server *s, int n)
{
	pthread_mutex_lock(&s->lock);
	s->n += n;
	pthread_cond_signal(&s->left);
	pthread_mutex_unlock(&s->lock);
}

static void *
serve(void *arg)
{
	struct connection *c = arg;
	char *head = malloc(HEAD_BYTES);

	while (head && read_head(c->fd, head) && c->server->handler(c->server->env, c->fd, head))
		;
	free(head);
	close(c->fd);
	count(c->server, -1);
	free(c);
	return NULL;
}

static void *
run(void *arg)
{
	struct tiny_server *s = arg;
	pthread_t thread;
	int fd;

	while ((fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		struct connection *c = malloc(sizeof *c);

		if (!c)
			abort();
		*c = (struct connection){ s, fd };
		count(s, 1);
		if (pthread_create(&thread, NULL, serve, c) != 0)
			abort();
		pthread_detach(thread);
	}
	return NULL;
}

static int
listen_at(const char *path, int *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr *to = path ? (struct sockaddr *)&un : (struct sockaddr *)&in;
	socklen_t size = path ? sizeof un : sizeof in;
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (path)
		strncpy(un.sun_path, path, sizeof un.sun_path - 1);
	if (fd < 0 || bind(fd, to, size) < 0 || listen(fd, 64) < 0)
		abort();
	if (!path && getsockname(fd, to, &size) < 0)
		abort();
	*port = path ? 0 : ntohs(in.sin_port);
	return fd;
}

struct tiny_server *
tiny_server_new(const char *path, tiny_handler *handler, void *env)
{
	struct tiny_server *s = calloc(1, sizeof *s);

	if (!s)
		abort();
	s->fd = listen_at(path, &s->port);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->left, NULL);
	s->handler = handler;
	s->env = env;
	if (pthread_create(&s->thread, NULL, run, s) != 0)
		abort();
	return s;
}

int
tiny_server_port(const struct tiny_server *s)
{
	return s->port;
}

struct tiny_server *
tiny_server_free(struct tiny_server *s)
{
	(void)shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	pthread_mutex_lock(&s->lock);
	while (s->n > 0)
		pthread_cond_wait(&s->left, &s->lock);
	pthread_mutex_unlock(&s->lock);
	close(s->fd);
	free(s);
	return NULL;
}
