/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load generator for any server that sends one terminated reply per request.
 *
 *	load SOCKET REQUEST-FILE TERMINATOR CLIENTS DEPTH MILLISECONDS
 *
 * SOCKET is a path, or a port of 127.0.0.1. TERMINATOR is the text at the end of a reply, "\0" for
 * a NUL. CLIENTS connections each keep DEPTH requests in flight. Prints one JSON line: the number
 * of replies, seconds, and percentiles of the time from sending a request to the end of its reply.
 * One client with a depth of 1 blocks, as a worker would.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BUFFER    (1 << 20)
#define MAX_DEPTH 1024
/* Latencies are counted in classes of 0.1 us up to 0.1 s; the last class has all above. */
#define CLASS_NS  100
#define N_CLASSES 1000000

struct client {
	int fd;
	int depth;
	uint64_t sent_ns[MAX_DEPTH]; /* a ring: replies come in order */
	unsigned first, under_way;
	size_t matched; /* how much of the terminator the last read ended with */
};

static char request[65536], batch[BUFFER], reply[BUFFER], terminator[16];
static size_t request_len, terminator_len;
static uint32_t classes[N_CLASSES + 1];
static uint64_t answered;

static void
die(const char *what)
{
	(void)fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int
dial_port(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
	    connect(fd, (const struct sockaddr *)&to, sizeof to) < 0)
		die("connect");
	return fd;
}

static int
dial_path(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof to.sun_path)
		die("socket");
	memcpy(to.sun_path, path, strlen(path));
	if (connect(fd, (const struct sockaddr *)&to, sizeof to) < 0)
		die(path);
	return fd;
}

static void
send_requests(struct client *c, int n)
{
	uint64_t now = now_ns();
	size_t len = (size_t)n * request_len, done = 0;

	for (int i = 0; i < n; i++) {
		c->sent_ns[(c->first + c->under_way) % MAX_DEPTH] = now;
		c->under_way++;
	}
	while (done < len) {
		ssize_t sent = send(c->fd, batch + done, len - done, MSG_NOSIGNAL);

		if (sent <= 0)
			die("send");
		done += (size_t)sent;
	}
}

static void
one_answered(struct client *c, uint64_t now)
{
	uint64_t ns = now - c->sent_ns[c->first], at = ns / CLASS_NS;

	c->first = (c->first + 1) % MAX_DEPTH;
	c->under_way--;
	classes[at < N_CLASSES ? at : N_CLASSES]++;
	answered++;
}

/* Reads once. Returns the number of replies that ended. */
static int
read_replies(struct client *c)
{
	ssize_t n = recv(c->fd, reply, sizeof reply, 0);
	uint64_t now = now_ns();
	int ended = 0;

	if (n <= 0)
		die("recv");
	/*
	 * No backtracking: the first byte of a terminator does not occur again in it, or does not
	 * occur alone before it (the end of an HTTP head).
	 */
	for (const char *p = reply, *end = reply + n; p < end; p++) {
		if (c->matched == 0) {
			p = memchr(p, terminator[0], (size_t)(end - p));
			if (!p)
				break;
			c->matched = 1;
		} else {
			c->matched =
			    *p == terminator[c->matched] ? c->matched + 1 : *p == terminator[0];
		}
		if (c->matched == terminator_len) {
			c->matched = 0;
			ended++;
			one_answered(c, now);
		}
	}
	return ended;
}

static void
run(struct client *clients, int n, uint64_t until_ns)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event events[256];

	if (ep < 0)
		die("epoll");
	for (int i = 0; i < n; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = &clients[i] };

		if (epoll_ctl(ep, EPOLL_CTL_ADD, clients[i].fd, &e) < 0)
			die("epoll_ctl");
		send_requests(&clients[i], clients[i].depth);
	}
	while (now_ns() < until_ns) {
		int ready = epoll_wait(ep, events, 256, 1000);

		for (int i = 0; i < ready; i++) {
			struct client *c = events[i].data.ptr;
			int ended = read_replies(c);

			if (ended)
				send_requests(c, ended);
		}
	}
	(void)close(ep);
}

static void
run_blocking(struct client *c, uint64_t until_ns)
{
	while (now_ns() < until_ns) {
		send_requests(c, 1);
		while (c->under_way)
			(void)read_replies(c);
	}
}

static double
percentile_us(double p)
{
	uint64_t want = (uint64_t)((double)answered * p), sum = 0;

	for (size_t i = 0; i <= N_CLASSES; i++) {
		sum += classes[i];
		if (sum > want)
			return (double)i * CLASS_NS / 1000.0;
	}
	return 0;
}

static void
read_request(const char *path, int depth)
{
	FILE *f = fopen(path, "rb");

	if (!f)
		die(path);
	request_len = fread(request, 1, sizeof request, f);
	(void)fclose(f);
	if (request_len == 0 || request_len * (size_t)depth > sizeof batch)
		die("request");
	for (int i = 0; i < depth; i++)
		memcpy(batch + (size_t)i * request_len, request, request_len);
}

int
main(int argc, char *argv[])
{
	struct client *clients;
	uint64_t began;
	int n, depth;

	if (argc != 7) {
		(void)fprintf(stderr,
		    "usage: load SOCKET REQUEST-FILE TERMINATOR CLIENTS DEPTH MILLISECONDS\n");
		return 2;
	}
	n = atoi(argv[4]);
	depth = atoi(argv[5]);
	if (n < 1 || depth < 1 || depth > MAX_DEPTH)
		return 2;
	terminator_len = strcmp(argv[3], "\\0") == 0 ? 1 : strlen(argv[3]);
	if (terminator_len >= sizeof terminator)
		return 2;
	if (strcmp(argv[3], "\\0") != 0)
		memcpy(terminator, argv[3], terminator_len);
	read_request(argv[2], depth);
	clients = calloc((size_t)n, sizeof *clients);
	if (!clients)
		die("memory");
	for (int i = 0; i < n; i++) {
		clients[i].fd =
		    strchr(argv[1], '/') ? dial_path(argv[1]) : dial_port((uint16_t)atoi(argv[1]));
		clients[i].depth = depth;
	}
	began = now_ns();
	if (n == 1 && depth == 1)
		run_blocking(clients, began + (uint64_t)atoi(argv[6]) * 1000000u);
	else
		run(clients, n, began + (uint64_t)atoi(argv[6]) * 1000000u);
	(void)printf("{\"answered\": %llu, \"seconds\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
		     "\"p999_us\": %.1f}\n",
	    (unsigned long long)answered, (double)(now_ns() - began) / 1e9, percentile_us(0.50),
	    percentile_us(0.99), percentile_us(0.999));
	free(clients);
	return 0;
}
