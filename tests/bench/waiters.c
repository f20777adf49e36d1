/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long after the response to an update the clients that wait for the change get theirs.
 *
 *	waiters PORT CLIENTS UPDATES LIST-FILE TAG UPDATE-FILE TOKENS-FILE
 *
 * CLIENTS connections each send LIST-FILE, a list request without its last empty line, with one of
 * the tokens in TOKENS-FILE (one per line, used in turn), the current ETag TAG, and Prefer: wait.
 * Prints "held" when the manager holds all requests, and waits for a line on stdin. Then sends
 * UPDATE-FILE ("########" in it becomes the round) UPDATES times, each when all clients wait again.
 * For each update it prints one JSON line: the median, the 99th percentile and the maximum of the
 * times from reading the update's 200 to reading a waiting client's whole response, in
 * microseconds.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REPLY 65536
#define TAG   80

struct client {
	int fd;
	size_t got;   /* the head of the response, kept; its body, counted */
	size_t whole; /* length of the response; 0: its head has not ended */
	char head[2048];
	char tag[TAG];
	const char *token; /* and its line's end */
};

static char list[8192], update[8192], tokens[4 << 20], piece[REPLY];
static double *taken;
static int n_clients;

static void
die(const char *what)
{
	(void)fprintf(
	    stderr, "waiters: %s: %s\n", what, errno ? strerror(errno) : "not understood");
	exit(1);
}

static double
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
dial(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
	    connect(fd, (const struct sockaddr *)&to, sizeof to) < 0)
		die("connect");
	return fd;
}

static void
read_text(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(text, 1, size - 1, f) : 0;

	if (n == 0 || n == size - 1)
		die(path);
	(void)fclose(f);
}

static void
send_all(int fd, const char *text)
{
	size_t n = strlen(text);

	if (send(fd, text, n, MSG_NOSIGNAL) != (ssize_t)n)
		die("send");
}

static void
take_tag(struct client *c)
{
	const char *tag = strcasestr(c->head, "\r\nETag: ");
	size_t n = tag ? strcspn(tag + 8, "\r") : 0;

	if (n == 0 || n >= TAG)
		die("ETag");
	memcpy(c->tag, tag + 8, n);
	c->tag[n] = '\0';
}

/* Once the head has come, computes the length of the response. */
static void
look_at_head(struct client *c)
{
	const char *end, *length;

	c->head[c->got < sizeof c->head ? c->got : sizeof c->head - 1] = '\0';
	end = strstr(c->head, "\r\n\r\n");
	if (!end)
		return;
	c->whole = (size_t)(end + 4 - c->head);
	if (strncmp(c->head, "HTTP/1.1 304 ", 13) == 0)
		return;
	length = strcasestr(c->head, "\r\nContent-Length: ");
	if (strncmp(c->head, "HTTP/1.1 200 ", 13) != 0 || !length || length > end)
		die(c->head);
	c->whole += strtoul(length + 18, NULL, 10);
}

/* Reads once. True if the response is complete. */
static bool
read_some(struct client *c)
{
	ssize_t n = recv(c->fd, piece, sizeof piece, 0);

	if (n <= 0)
		die("recv");
	if (!c->whole) {
		size_t room = sizeof c->head - 1 - c->got;

		memcpy(c->head + c->got, piece, (size_t)n < room ? (size_t)n : room);
	}
	c->got += (size_t)n;
	if (!c->whole)
		look_at_head(c);
	return c->whole && c->got >= c->whole;
}

static void
read_reply(struct client *c)
{
	c->got = c->whole = 0;
	while (!read_some(c))
		;
}

static void
ask(struct client *c, const char *more)
{
	char text[sizeof list + 8192 + 2 * TAG];

	(void)snprintf(text, sizeof text,
	    "%sAuthorization: Bearer %.*s\r\nIf-None-Match: %s\r\n%s\r\n", list,
	    (int)strcspn(c->token, "\n"), c->token, c->tag, more);
	c->got = c->whole = 0;
	send_all(c->fd, text);
}

static void
hold(struct client *c)
{
	ask(c, "Prefer: wait=60\r\n");
}

/*
 * The manager has one loop: when it responds to this request, it has read all that was sent before.
 * No waiting client may have a response yet.
 */
static void
settle(struct client *control, int ep)
{
	static const struct timespec pause = { .tv_nsec = 20000000 };
	struct epoll_event e;

	for (int i = 0; i < 5; i++) {
		ask(control, "");
		read_reply(control);
		(void)nanosleep(&pause, NULL);
	}
	errno = 0;
	if (epoll_wait(ep, &e, 1, 0) != 0)
		die("a call was not held");
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
change(struct client *control, int ep, int round, char *mark)
{
	struct epoll_event events[256];
	int left = n_clients;
	double began;
	char digits[16];

	(void)snprintf(digits, sizeof digits, "%08d", round);
	memcpy(mark, digits, 8);
	send_all(control->fd, update);
	read_reply(control);
	began = now_us();
	while (left) {
		/*
		 * Polls without sleeping: a sleeping client would add the cost of its wake-up to
		 * the manager.
		 */
		int ready = epoll_wait(ep, events, 256, 0);

		if (ready < 0 || now_us() - began > 10e6)
			die("nobody was told");
		for (int i = 0; i < ready; i++)
			if (read_some(events[i].data.ptr))
				taken[--left] = now_us() - began;
	}
	qsort(taken, (size_t)n_clients, sizeof *taken, compare);
	(void)printf("{\"p50_us\": %.1f, \"p99_us\": %.1f, \"last_us\": %.1f}\n",
	    taken[n_clients / 2], taken[(size_t)n_clients * 99 / 100], taken[n_clients - 1]);
}

static const char *
next_token(const char *token)
{
	const char *end = strchr(token, '\n');

	return end && end[1] ? end + 1 : tokens;
}

static struct client *
begin(int port, const char *tag, int ep)
{
	struct client *clients = calloc((size_t)n_clients + 1, sizeof *clients);
	struct client *control = clients ? clients + n_clients : NULL;

	taken = calloc((size_t)n_clients, sizeof *taken);
	if (!control || !taken)
		die("memory");
	control->fd = dial(port);
	control->token = tokens;
	(void)snprintf(control->tag, TAG, "%s", tag);
	for (struct client *c = clients; c < control; c++) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

		c->fd = dial(port);
		memcpy(c->tag, control->tag, TAG);
		c->token = c == clients ? tokens : next_token(c[-1].token);
		if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e) < 0)
			die("epoll_ctl");
		hold(c);
	}
	settle(control, ep);
	return clients;
}

int
main(int argc, char *argv[])
{
	struct rlimit files;
	struct client *clients, *control;
	char *mark;
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (argc != 8 || (n_clients = atoi(argv[2])) < 1) {
		(void)fprintf(stderr,
		    "usage: waiters PORT CLIENTS UPDATES LIST-FILE TAG UPDATE-FILE TOKENS-FILE\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	read_text(argv[4], list, sizeof list);
	read_text(argv[6], update, sizeof update);
	read_text(argv[7], tokens, sizeof tokens);
	mark = strstr(update, "########");
	if (!mark)
		die(argv[6]);
	clients = begin(atoi(argv[1]), argv[5], ep);
	control = &clients[n_clients];
	(void)printf("held\n");
	(void)fflush(stdout);
	if (getchar() == EOF)
		return 1;
	for (int round = 0; round < atoi(argv[3]); round++) {
		change(control, ep, round, mark);
		for (int i = 0; i < n_clients; i++) {
			take_tag(&clients[i]);
			hold(&clients[i]);
		}
		memcpy(control->tag, clients[0].tag, TAG);
		settle(control, ep);
	}
	free(taken);
	free(clients);
	return 0;
}
