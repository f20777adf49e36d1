/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline of responding to all waiting clients from one thread: an epoll loop that sends
 * prepared responses, each with one send(). What the manager needs more is its own work.
 *
 *	waitfloor BODY-SIZE
 *
 * Prints its port. Holds requests with Prefer, and responds to those without at once. Responds to a
 * POST, and then to all held requests, with a body of BODY-SIZE bytes.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 4096

static int held[CLIENTS], n_held;
static char answer[65536];
static size_t answer_size;

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
make_answer(size_t body)
{
	int n = snprintf(answer, sizeof answer,
	    "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
	    "X-Request-Id: 00000000000000000000000000000000\r\nX-API-Version: 1.0\r\n"
	    "Cache-Control: no-store\r\nETag: \"0000000000000000-1\"\r\n"
	    "Preference-Applied: wait=60\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    body);

	if (body > sizeof answer - (size_t)n)
		die("body");
	memset(answer + n, 'x', body);
	answer_size = (size_t)n + body;
}

static void
give_answer(int fd)
{
	if (send(fd, answer, answer_size, MSG_NOSIGNAL) != (ssize_t)answer_size)
		die("send");
}

static int
open_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, CLIENTS) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &n) < 0)
		die("listen");
	(void)printf("%d\n", ntohs(at.sin_port));
	(void)fflush(stdout);
	return fd;
}

static void
take(int ep, int listener)
{
	struct epoll_event e = { .events = EPOLLIN };
	int on = 1;

	e.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (e.data.fd < 0 || setsockopt(e.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
	    epoll_ctl(ep, EPOLL_CTL_ADD, e.data.fd, &e) < 0)
		die("accept");
}

static void
forget(int fd)
{
	for (int i = 0; i < n_held; i++)
		if (held[i] == fd)
			held[i--] = held[--n_held];
	(void)close(fd);
}

/* Clients send a request with one call and wait for the response, so it arrives complete. */
static void
serve(int fd)
{
	char text[8192];
	ssize_t n = recv(fd, text, sizeof text - 1, 0);

	if (n <= 0) {
		forget(fd);
		return;
	}
	text[n] = '\0';
	if (strstr(text, "\r\nPrefer: ") && n_held < CLIENTS) {
		held[n_held++] = fd;
		return;
	}
	give_answer(fd);
	if (strncmp(text, "POST ", 5) != 0)
		return;
	for (int i = 0; i < n_held; i++)
		give_answer(held[i]);
	n_held = 0;
}

int
main(int argc, char *argv[])
{
	struct epoll_event events[64];
	int ep = epoll_create1(EPOLL_CLOEXEC), listener, n;
	struct epoll_event e = { .events = EPOLLIN };

	if (argc != 2) {
		(void)fprintf(stderr, "usage: waitfloor BODY-SIZE\n");
		return 2;
	}
	make_answer(strtoul(argv[1], NULL, 10));
	listener = e.data.fd = open_port();
	if (epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e) < 0)
		die("epoll_ctl");
	while ((n = epoll_wait(ep, events, 64, -1)) > 0)
		for (int i = 0; i < n; i++)
			if (events[i].data.fd == listener)
				take(ep, listener);
			else
				serve(events[i].data.fd);
	die("epoll_wait");
}
