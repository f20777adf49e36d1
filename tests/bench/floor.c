/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline of a Unix-socket server on this machine: epoll, recv, send, and no work in between.
 *
 *	floor SOCKET REPLY-FILE
 *
 * Sends the bytes of REPLY-FILE for every NUL in the input. It has no access rules, error handling
 * or limits; it exists only for comparison.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_BATCH 1024

static char reply[65536], *batch, input[1 << 18];
static size_t reply_len;

static void
die(const char *what)
{
	(void)fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
read_reply(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (!f)
		die(path);
	reply_len = fread(reply, 1, sizeof reply, f);
	(void)fclose(f);
	batch = malloc(MAX_BATCH * (reply_len + 1));
	if (!batch)
		die("memory");
	for (size_t i = 0; i < MAX_BATCH; i++)
		memcpy(batch + i * reply_len, reply, reply_len);
}

static int
listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof at.sun_path)
		die("socket");
	memcpy(at.sun_path, path, strlen(path));
	if (bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0)
		die(path);
	return fd;
}

/* Sends, blocking: these clients read. 0, or -1 when the client has closed. */
static int
answer(int fd)
{
	ssize_t n = recv(fd, input, sizeof input, 0);
	size_t asked = 0;

	if (n <= 0)
		return -1;
	for (const char *p = input, *end = input + n;
	     p < end && (p = memchr(p, 0, (size_t)(end - p))); p++)
		asked++;
	while (asked) {
		size_t now = asked < MAX_BATCH ? asked : MAX_BATCH, done = 0;

		while (done < now * reply_len) {
			n = send(fd, batch + done, now * reply_len - done, MSG_NOSIGNAL);
			if (n < 0)
				return -1;
			done += (size_t)n;
		}
		asked -= now;
	}
	return 0;
}

static void
add(int ep, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) < 0)
		die("epoll_ctl");
}

int
main(int argc, char *argv[])
{
	struct epoll_event events[256];
	int listener, ep;

	if (argc != 3) {
		(void)fprintf(stderr, "usage: floor SOCKET REPLY-FILE\n");
		return 2;
	}
	read_reply(argv[2]);
	listener = listen_at(argv[1]);
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep < 0)
		die("epoll");
	add(ep, listener);
	for (;;) {
		int ready = epoll_wait(ep, events, 256, -1);

		for (int i = 0; i < ready; i++) {
			int fd = events[i].data.fd;

			if (fd == listener) {
				fd = accept(listener, NULL, NULL);
				if (fd >= 0)
					add(ep, fd);
			} else if (answer(fd) < 0) {
				(void)close(fd);
			}
		}
	}
}
