/* SPDX-License-Identifier: Apache-2.0 */
/* manager/http/server on a real loop, with deadlines of some tens of milliseconds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <cmocka.h>

#include <event2/event.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/http/server.h"

#define PATIENCE_MS 5000
#define H           " HTTP/1.1\r\nHost: h\r\n"

struct fixture {
	struct event_base *base;
	struct http_server *server;
	struct http_conn *held;
	int n_gone, n_done, n_stopped, n_admitted, n_responded, last_status;
	int pieces; /* bytes that a stream produces */
	int fail_at;
};

static struct fixture fx;

static void
on_gone(void *arg)
{
	(void)arg;
	fx.held = NULL;
	fx.n_gone++;
}

static int
more(void *arg, struct buf *out)
{
	(void)arg;
	if (fx.fail_at && fx.pieces == fx.fail_at)
		return -EIO;
	for (int i = 0; i < 100; i++)
		buf_adds(out, "0123456789");
	return --fx.pieces > 0;
}

static void
done(void *arg)
{
	(void)arg;
	fx.n_done++;
}

static void
hold_long(struct http_conn *conn)
{
	if (http_conn_hold_long(conn, on_gone, NULL) == 0)
		fx.held = conn; /* after another one was closed */
	else
		http_respond(conn, 503, NULL, "text/plain", SPAN_LITERAL("full"));
}

/* The token family, in a header field of the test. */
static void
identify(struct http_conn *conn)
{
	struct span family = http_request_field(http_conn_request(conn), "x-family", NULL);
	char name[32];

	if (!family.p)
		return;
	(void)snprintf(name, sizeof name, "%.*s", (int)family.n, family.p);
	http_conn_identify(conn, name[0] == 'o' ? SHARE_OWNER : SHARE_FAMILY, name);
}

static bool
on_admit(void *arg, struct http_conn *conn)
{
	(void)arg;
	fx.n_admitted++;
	identify(conn);
	if (!span_is(http_conn_request(conn)->path, "/denied"))
		return true;
	http_respond(conn, 401, NULL, "text/plain", SPAN_LITERAL("denied"));
	return false;
}

static void
on_responded(void *arg, struct http_conn *conn, int status, int64_t ms)
{
	(void)arg;
	(void)conn;
	assert_true(ms >= 0);
	fx.n_responded++;
	fx.last_status = status;
}

static void
on_request(void *arg, struct http_conn *conn)
{
	const struct http_request *r = http_conn_request(conn);
	struct http_header header[] = { { "X-Test", "yes" }, { 0 } };
	struct http_source source = { more, done, NULL };

	(void)arg;
	identify(conn);
	if (span_is(r->path, "/hold") || span_is(r->path, "/brief")) {
		if (span_is(r->path, "/hold"))
			hold_long(conn);
		else
			http_conn_hold(fx.held = conn, on_gone, NULL);
	} else if (span_is(r->path, "/withheld")) {
		http_conn_withhold(conn, on_gone, NULL);
		http_respond(conn, 200, header, "text/plain", SPAN_LITERAL("withheld"));
		fx.held = http_conn_is_withheld(conn) ? conn : NULL;
	} else if (span_is(r->path, "/stream")) {
		http_respond_stream(conn, 200, header, "text/plain", &source);
	} else {
		http_respond(conn, 200, header, "text/plain", r->body);
	}
}

static void
on_refuse(void *arg, struct http_conn *conn, int status, const char *why)
{
	(void)arg;
	assert_true(strlen(why) > 5);
	http_respond(conn, status, NULL, "text/plain", SPAN_LITERAL("refused"));
}

static void
on_stopped(void *arg)
{
	(void)arg;
	fx.n_stopped++;
}

static int
set_up(void **state)
{
	struct http_options o = { .max_connections = 8,
		.max_input = 100000,
		.head_ms = 60,
		.body_ms = 60,
		.idle_ms = 150,
		.write_ms = 200,
		.stream_ms = 2000,
		.grace_ms = 100 };
	struct http_handler handler = { .admit = on_admit,
		.request = on_request,
		.refuse = on_refuse,
		.responded = on_responded };
	struct why why;

	(void)state;
	fx = (struct fixture){ 0 };
	fx.base = event_base_new();
	assert_non_null(fx.base);
	assert_int_equal(http_server_new(&fx.server, fx.base, &o, &handler), 0);
	assert_int_equal(http_server_listen(fx.server, "127.0.0.1:0", &why), 0);
	assert_true(http_server_port(fx.server) > 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	http_server_free(fx.server);
	event_base_free(fx.base);
	libevent_global_shutdown();
	assert_int_equal(mem_live(), 0);
	return 0;
}

static int
dial(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_server_port(fx.server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Runs the loop until the client has read to the end of the connection, or has read `until`. */
static char *
hear(int fd, const char *until)
{
	static char text[1 << 20];
	int64_t deadline = clock_boot_ms() + PATIENCE_MS;
	size_t n = 0;
	ssize_t got;

	do {
		assert_true(clock_boot_ms() < deadline);
		(void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
		got = recv(fd, text + n, sizeof text - 1 - n, MSG_DONTWAIT);
		if (got > 0)
			n += (size_t)got;
		text[n] = '\0';
		if (until && strstr(text, until))
			return text;
	} while (got > 0 || (got < 0 && errno == EAGAIN));
	if (until)
		fail_msg("the end, and no %s in: %s", until, text);
	return text;
}

static void
run_until(const int *counter, int want)
{
	int64_t deadline = clock_boot_ms() + PATIENCE_MS;

	while (*counter < want) {
		assert_true(clock_boot_ms() < deadline);
		(void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
	}
}

static void
an_answer_has_what_it_needs_and_the_connection_goes_on(void **state)
{
	int fd = dial();
	char *text;

	(void)state;
	say(fd, "POST /echo" H "Content-Length: 3\r\n\r\nabc");
	text = hear(fd, "abc");
	assert_true(strncmp(text, "HTTP/1.1 200 OK\r\n", 17) == 0);
	assert_non_null(strstr(text, "\r\nX-Test: yes\r\n"));
	assert_non_null(strstr(text, "\r\nContent-Length: 3\r\n"));
	assert_non_null(strstr(text, "\r\n\r\nabc"));
	assert_non_null(strstr(text, "\r\nX-Request-Id: "));
	assert_non_null(strstr(text, "\r\nDate: "));
	say(fd, "POST /echo" H "Content-Length: 3\r\nConnection: close\r\n\r\ndef");
	text = hear(fd, NULL);
	assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
	assert_non_null(strstr(text, "def"));
	close(fd);
}

static void
a_header_that_drips_is_cut(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "GET / HT");
	assert_non_null(strstr(hear(fd, NULL), "HTTP/1.1 408 "));
	close(fd);
}

static void
a_body_that_does_not_come_is_cut(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "POST /echo" H "Content-Length: 3\r\n\r\na");
	assert_non_null(strstr(hear(fd, NULL), "HTTP/1.1 408 "));
	close(fd);
}

static void
silence_ends_a_connection_without_a_word(void **state)
{
	int fresh = dial(), used;

	(void)state;
	assert_string_equal(hear(fresh, NULL), "");
	used = dial();
	say(used, "GET /" H "\r\n");
	assert_non_null(strstr(hear(used, "\r\n\r\n"), "\r\nContent-Length: 0\r\n"));
	assert_string_equal(hear(used, NULL), "");
	close(fresh);
	close(used);
}

static void
a_stream_goes_in_chunks(void **state)
{
	int fd = dial();
	char *text;

	(void)state;
	fx.pieces = 300;
	say(fd, "GET /stream" H "\r\n");
	text = hear(fd, "\r\n0\r\n\r\n");
	assert_non_null(strstr(text, "\r\nTransfer-Encoding: chunked\r\n"));
	assert_true(strlen(text) > 300000);
	assert_int_equal(fx.n_done, 1);
	close(fd);
}

static void
a_stream_of_one_piece_has_a_length(void **state)
{
	int fd = dial();
	char *text;

	(void)state;
	fx.pieces = 1;
	say(fd, "GET /stream" H "Connection: close\r\n\r\n");
	text = hear(fd, NULL);
	assert_non_null(strstr(text, "\r\nContent-Length: 1000\r\n"));
	assert_int_equal(fx.n_done, 1);
	close(fd);
}

static void
http_1_0_gets_a_stream_to_the_end_of_the_connection(void **state)
{
	int fd = dial();
	char *text;

	(void)state;
	fx.pieces = 50;
	say(fd, "GET /stream HTTP/1.0\r\n\r\n");
	text = hear(fd, NULL);
	assert_null(strstr(text, "chunked"));
	assert_int_equal(strlen(strstr(text, "\r\n\r\n") + 4), 50000);
	close(fd);
}

static void
head_gets_no_body_and_the_next_request_its_own(void **state)
{
	int fd = dial();
	char *text;

	(void)state;
	fx.pieces = 5;
	say(fd, "HEAD /stream" H "\r\nPOST /echo" H
		"Content-Length: 4\r\nConnection: close\r\n\r\nnext");
	text = hear(fd, NULL);
	/* Right after the head, the next response begins: a request id may hold any digits. */
	assert_memory_equal(strstr(text, "\r\n\r\n") + 4, "HTTP/1.1 ", 9);
	assert_non_null(strstr(text, "next"));
	assert_int_equal(fx.n_done, 1);
	close(fd);
}

static void
a_stream_that_fails_is_cut_so_that_it_shows(void **state)
{
	int fd = dial();
	char *text;

	(void)state;
	fx.pieces = 10;
	fx.fail_at = 5;
	say(fd, "GET /stream" H "\r\n");
	text = hear(fd, NULL);
	assert_non_null(strstr(text, "chunked"));
	assert_null(strstr(text, "\r\n0\r\n\r\n"));
	assert_int_equal(fx.n_done, 1);
	close(fd);
	/* An error in the first piece can still become an error response. */
	fd = dial();
	fx.pieces = 5;
	say(fd, "GET /stream" H "\r\n");
	assert_non_null(strstr(hear(fd, NULL), "HTTP/1.1 500 "));
	assert_int_equal(fx.n_done, 2);
	close(fd);
}

static void
a_client_that_does_not_read_is_cut(void **state)
{
	int fd = dial(), small = 4096;

	(void)state;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	fx.pieces = 1 << 20;
	say(fd, "GET /stream" H "\r\n");
	run_until(&fx.n_done, 1);
	assert_true(fx.pieces > 0);
	close(fd);
}

static void
a_held_call_is_answered_when_it_is_time(void **state)
{
	int fd = dial();
	int64_t later;

	(void)state;
	say(fd, "GET /hold" H "\r\nPOST /echo" H "Content-Length: 4\r\n\r\nnext");
	later = clock_boot_ms() + 200; /* longer than a connection may be idle */
	while (clock_boot_ms() < later || !fx.held)
		(void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
	assert_int_equal(fx.n_gone, 0);
	http_respond(fx.held, 200, NULL, "text/plain", SPAN_LITERAL("held"));
	assert_true(strstr(hear(fd, "next"), "held") != NULL);
	assert_int_equal(fx.n_gone, 0);
	close(fd);
}

static void
who_goes_while_a_call_is_held_is_noticed(void **state)
{
	static const char *const ways[] = { "GET /hold" H "\r\n",
		"GET /hold" H "\r\nGET /unread" H "\r\n" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		int fd = dial();

		say(fd, ways[i]);
		while (!fx.held)
			(void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
		for (int k = 0; k < 5; k++)
			(void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
		close(fd);
		run_until(&fx.n_gone, i + 1);
		assert_null(fx.held);
	}
}

static void
half_a_close_leaves_a_brief_hold(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "GET /brief" H "\r\n");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	while (!fx.held)
		(void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
	for (int k = 0; k < 5; k++)
		(void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
	assert_int_equal(fx.n_gone, 0);
	http_respond(fx.held, 200, NULL, "text/plain", SPAN_LITERAL("held"));
	assert_non_null(strstr(hear(fd, NULL), "held"));
	close(fd);
}

static void
the_idlest_makes_room(void **state)
{
	int fds[9];

	(void)state;
	for (int i = 0; i < 9; i++) {
		fds[i] = dial();
		for (int k = 0; k < 5; k++)
			(void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(http_server_connections(fx.server), 8);
	assert_string_equal(hear(fds[0], NULL), "");
	say(fds[8], "POST /echo" H "Content-Length: 2\r\n\r\nhi");
	(void)hear(fds[8], "hi");
	for (int i = 0; i < 9; i++)
		close(fds[i]);
}

static void
a_stop_lets_calls_end_and_no_longer_than_grace(void **state)
{
	int idle = dial(), busy = dial(), stuck = dial();

	(void)state;
	say(busy, "POST /echo" H "Content-Length: 4\r\n\r\nla");
	say(stuck, "GET /hold" H "\r\n");
	while (!fx.held)
		(void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
	http_server_stop(fx.server, on_stopped, NULL);
	assert_string_equal(hear(idle, NULL), "");
	say(busy, "st");
	assert_non_null(strstr(hear(busy, NULL), "Connection: close"));
	assert_int_equal(fx.n_stopped, 0);
	run_until(&fx.n_stopped, 1);
	assert_int_equal(fx.n_gone, 1);
	assert_int_equal(http_server_connections(fx.server), 0);
	close(idle);
	close(busy);
	close(stuck);
}

static void
addresses_are_read(void **state)
{
	static const char *const bad[] = { "", ":", "127.0.0.1", "127.0.0.1:", ":80", "::1:80",
		"[::1]80", "127.0.0.1:port", "127.0.0.1:99999999", "256.0.0.1:0" };
	struct why why;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		why.text[0] = '\0';
		if (http_server_listen(fx.server, bad[i], &why) >= 0)
			fail_msg("%s was taken", bad[i]);
		assert_true(strlen(why.text) > 5);
	}
	assert_int_equal(http_server_listen(fx.server, "localhost:0", &why), 0);
	assert_false(http_server_is_exposed(fx.server));
	assert_int_equal(http_server_listen(fx.server, "0.0.0.0:0", &why), 0);
	assert_true(http_server_is_exposed(fx.server));
}

static struct http_conn *
hold(int fd, const char *more)
{
	char text[256];
	struct http_conn *conn;

	(void)snprintf(text, sizeof text, "GET /hold" H "%s\r\n", more);
	say(fd, text);
	while (!fx.held)
		(void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
	conn = fx.held;
	fx.held = NULL;
	return conn;
}

static struct http_shared *
digits(int n)
{
	struct http_header header[] = { { "X-Shared", "yes" }, { 0 } };
	struct buf b = BUF_INIT((size_t)n * 10 + 64);
	struct http_shared *s;

	for (int i = 0; i < n; i++)
		buf_adds(&b, "0123456789");
	s = http_shared_new(200, header, "text/plain", &b);
	assert_non_null(s);
	return s;
}

static void
a_shared_answer_lives_until_the_last_has_it(void **state)
{
	struct http_header own[] = { { "X-Own", "mine" }, { 0 } };
	struct http_shared *shared = digits(5000);
	int one = dial(), two = dial();
	struct http_conn *first = hold(one, "Connection: close\r\n"), *second = hold(two, "");
	const char *text;

	(void)state;
	http_respond_shared(first, shared, own);
	http_respond_shared(second, shared, NULL);
	http_shared_unref(shared);
	text = hear(one, NULL);
	assert_non_null(strstr(text, "\r\nContent-Length: 50000\r\n"));
	assert_non_null(strstr(text, "\r\nX-Shared: yes\r\n"));
	assert_non_null(strstr(text, "\r\nX-Own: mine\r\n"));
	assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
	text = hear(two, NULL); /* idle for too long, in the end */
	assert_int_equal(strlen(strstr(text, "\r\n\r\n") + 4), 50000);
	assert_null(strstr(text, "X-Own"));
	assert_null(strstr(text, "Connection"));
	close(one);
	close(two);
}

static void
skip_head(int fd)
{
	char c;

	for (size_t seen = 0; seen < 4;) {
		assert_int_equal(recv(fd, &c, 1, 0), 1);
		seen = c == "\r\n\r\n"[seen] ? seen + 1 : c == '\r';
	}
}

/* What the socket does not accept at once is sent later, in order, while others are served. */
static void
a_shared_answer_waits_for_who_is_slow(void **state)
{
	enum { N = 1200000 };
	static char piece[100000];
	struct http_shared *shared = digits(N);
	int fd = dial();
	struct http_conn *conn = hold(fd, "Connection: close\r\n");
	int64_t deadline = clock_boot_ms() + PATIENCE_MS;
	size_t body = 0;
	ssize_t got;

	(void)state;
	http_respond_shared(conn, shared, NULL);
	http_shared_unref(shared);
	skip_head(fd); /* it is on its way before the loop goes on */
	do {
		assert_true(clock_boot_ms() < deadline);
		(void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
		got = recv(fd, piece, sizeof piece, MSG_DONTWAIT);
		for (ssize_t i = 0; i < got; i++, body++)
			assert_int_equal(piece[i], '0' + (int)(body % 10));
	} while (got != 0);
	assert_int_equal(body, 10 * N);
	close(fd);
}

static void
a_head_that_is_too_long_is_no_answer(void **state)
{
	static char value[8192];
	struct http_header header[] = { { "X-Long", value }, { 0 } };
	int fd = dial();
	struct http_conn *conn = hold(fd, "");

	(void)state;
	memset(value, 'x', sizeof value - 1);
	http_respond(conn, 200, header, "text/plain", SPAN_LITERAL("body"));
	assert_string_equal(hear(fd, NULL), "");
	close(fd);
}

static void
turns(int n)
{
	for (int i = 0; i < n; i++)
		(void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
}

static void
who_may_not_send_a_body_learns_that_at_its_head(void **state)
{
	static char body[1 << 16];
	int fd = dial();
	struct http_stats stats;
	const char *text;

	(void)state;
	say(fd, "POST /denied" H "Content-Length: 1000000\r\n\r\n");
	turns(5);
	assert_int_equal(fx.last_status, 401);
	for (int i = 0; i < 3; i++) /* it sends on without looking */
		assert_true(send(fd, body, sizeof body, MSG_NOSIGNAL) > 0);
	turns(20);
	http_server_stats(fx.server, &stats);
	assert_true(stats.input_bytes < 4096);
	text = hear(fd, "denied");
	assert_non_null(strstr(text, "HTTP/1.1 401 "));
	assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
	close(fd);
}

static void
a_body_that_is_admitted_is_continued(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "POST /echo" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	(void)hear(fd, "HTTP/1.1 100 Continue\r\n\r\n");
	say(fd, "abc");
	(void)hear(fd, "abc");
	assert_int_equal(fx.n_admitted, 1);
	say(fd, "POST /denied" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_null(strstr(hear(fd, NULL), "100 Continue"));
	close(fd);
}

/* Seven of eight may be held. */
static void
the_heaviest_family_gives_way_and_is_told(void **state)
{
	int heavy[6], light, owner;
	struct http_stats stats;

	(void)state;
	for (int i = 0; i < 6; i++) {
		heavy[i] = dial();
		(void)hold(heavy[i], "X-Family: heavy\r\n");
	}
	light = dial();
	(void)hold(light, "X-Family: light\r\n");
	assert_int_equal(fx.n_gone, 0);
	owner = dial();
	(void)hold(owner, "X-Family: owner\r\n");
	assert_int_equal(fx.n_gone, 1);
	assert_non_null(strstr(hear(heavy[0], NULL), "HTTP/1.1 503 "));
	close(heavy[0]);
	turns(5);
	/* The caller with the most connections gets no more, and no other is closed for it. */
	heavy[0] = dial();
	say(heavy[0], "GET /hold" H "X-Family: heavy\r\n\r\n");
	(void)hear(heavy[0], "HTTP/1.1 503 ");
	http_server_stats(fx.server, &stats);
	assert_int_equal(stats.held, 7);
	assert_int_equal(stats.gave_way[SHARE_HELD], 2);
	for (int i = 0; i < 6; i++)
		close(heavy[i]);
	close(light);
	close(owner);
}

static void
a_new_client_gets_in_and_the_heaviest_caller_goes(void **state)
{
	int heavy[6], light[2], fd;

	(void)state;
	for (int i = 0; i < 2; i++) {
		light[i] = dial();
		say(light[i], i ? "GET /" H "X-Family: light\r\n\r\n"
				: "GET /" H "X-Family: lighter\r\n\r\n");
		(void)hear(light[i], "\r\n\r\n");
	}
	for (int i = 0; i < 6; i++) {
		heavy[i] = dial();
		(void)hold(heavy[i], "X-Family: heavy\r\n");
	}
	fd = dial();
	say(fd, "POST /echo" H "Content-Length: 2\r\n\r\nhi");
	(void)hear(fd, "hi");
	assert_int_equal(fx.n_gone, 1); /* idle connections of others stay */
	assert_non_null(strstr(hear(heavy[0], NULL), "HTTP/1.1 503 "));
	assert_int_equal(http_server_connections(fx.server), 8);
	close(fd);
	for (int i = 0; i < 6; i++)
		close(heavy[i]);
	for (int i = 0; i < 2; i++)
		close(light[i]);
}

/* All of them were sent before the server looks at the first. */
static void
a_flood_of_connections_closes_none_before_its_request_was_read(void **state)
{
	int fds[40];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(fds); i++) {
		fds[i] = dial();
		say(fds[i], "POST /echo" H "Content-Length: 2\r\n\r\nhi");
	}
	for (size_t i = 0; i < N_ELEMENTS(fds); i++) {
		(void)hear(fds[i], "hi");
		close(fds[i]);
	}
}

static void
requests_together_have_a_room_too(void **state)
{
	static char half[60000];
	int one = dial(), other = dial();
	struct http_stats stats;

	(void)state;
	memset(half, 'x', sizeof half);
	say(one, "POST /echo" H "X-Family: a\r\nContent-Length: 120000\r\n\r\n");
	say(other, "POST /echo" H "X-Family: b\r\nContent-Length: 10\r\n\r\n12345");
	turns(5);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(send(one, half, sizeof half - 1, MSG_NOSIGNAL), sizeof half - 1);
		turns(20);
	}
	assert_non_null(strstr(hear(one, NULL), "HTTP/1.1 503 "));
	http_server_stats(fx.server, &stats);
	assert_int_equal(stats.gave_way[SHARE_INPUT], 1);
	say(other, "67890");
	assert_non_null(strstr(hear(other, "1234567890"), "HTTP/1.1 200 "));
	close(one);
	close(other);
}

static void
each_response_is_counted_once(void **state)
{
	int fd = dial();

	(void)state;
	fx.pieces = 3;
	say(fd, "GET /stream" H "\r\nGET /" H "\r\nGET nowhere" H "\r\n");
	assert_non_null(strstr(hear(fd, NULL), "HTTP/1.1 400 "));
	assert_int_equal(fx.n_responded, 3);
	assert_int_equal(fx.last_status, 400);
	close(fd);
}

static void
a_withheld_response_is_sent_when_it_is_released(void **state)
{
	int fd = dial();
	struct http_conn *conn;

	(void)state;
	say(fd, "GET /withheld" H "\r\nGET /" H "\r\n");
	turns(10);
	assert_int_equal(fx.n_responded, 0);
	conn = fx.held;
	assert_true(http_conn_is_withheld(conn));
	http_conn_release(conn);
	(void)hear(fd, "withheld");
	run_until(&fx.n_responded, 2);
	/* Or another response is sent in its place. */
	say(fd, "GET /withheld" H "\r\n");
	turns(10);
	http_conn_discard(fx.held);
	http_respond(fx.held, 500, NULL, "text/plain", SPAN_LITERAL("instead"));
	assert_null(strstr(hear(fd, "instead"), "withheld"));
	/* Or its client closes the connection. */
	say(fd, "GET /withheld" H "\r\n");
	turns(10);
	assert_int_equal(fx.n_gone, 0);
	http_server_stop(fx.server, on_stopped, NULL);
	run_until(&fx.n_gone, 1);
	close(fd);
}

/* The most complex exchanges above, with the n-th allocation failing. */
static void
memory_that_is_out_ends_connections_and_nothing_else(void **state)
{
	static const char *const texts[] = { "GET /stream" H "\r\n",
		"POST /echo" H "X-Family: a\r\nContent-Length: 3\r\n\r\nabc", "GET /hold" H "\r\n",
		"GET /withheld" H "\r\n", "GET nowhere" H "\r\n" };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
		for (int n = 0; n < 60; n++) {
			int fd = dial();

			fx.pieces = 3;
			fx.held = NULL;
			mem_fail_after(n);
			say(fd, texts[i]);
			turns(6);
			if (fx.held && http_conn_is_withheld(fx.held))
				http_conn_release(fx.held);
			else if (fx.held)
				http_respond(fx.held, 200, NULL, NULL, (struct span){ 0 });
			turns(3);
			mem_fail_after(-1);
			close(fd);
			turns(3);
		}
	}
	while (http_server_connections(fx.server) > 0)
		turns(1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_has_what_it_needs_and_the_connection_goes_on),
		TEST(a_header_that_drips_is_cut),
		TEST(a_body_that_does_not_come_is_cut),
		TEST(silence_ends_a_connection_without_a_word),
		TEST(a_stream_goes_in_chunks),
		TEST(a_stream_of_one_piece_has_a_length),
		TEST(http_1_0_gets_a_stream_to_the_end_of_the_connection),
		TEST(head_gets_no_body_and_the_next_request_its_own),
		TEST(a_stream_that_fails_is_cut_so_that_it_shows),
		TEST(a_client_that_does_not_read_is_cut),
		TEST(a_held_call_is_answered_when_it_is_time),
		TEST(who_goes_while_a_call_is_held_is_noticed),
		TEST(half_a_close_leaves_a_brief_hold),
		TEST(the_idlest_makes_room),
		TEST(a_stop_lets_calls_end_and_no_longer_than_grace),
		TEST(addresses_are_read),
		TEST(a_shared_answer_lives_until_the_last_has_it),
		TEST(a_shared_answer_waits_for_who_is_slow),
		TEST(a_head_that_is_too_long_is_no_answer),
		TEST(who_may_not_send_a_body_learns_that_at_its_head),
		TEST(a_body_that_is_admitted_is_continued),
		TEST(the_heaviest_family_gives_way_and_is_told),
		TEST(a_new_client_gets_in_and_the_heaviest_caller_goes),
		TEST(a_flood_of_connections_closes_none_before_its_request_was_read),
		TEST(requests_together_have_a_room_too),
		TEST(each_response_is_counted_once),
		TEST(a_withheld_response_is_sent_when_it_is_released),
		TEST(memory_that_is_out_ends_connections_and_nothing_else),
	};

	if (base_init() < 0)
		return 1;
	http_global_init();
	log_setup(LOG_FORMAT_KV, LOG_ERROR);
	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
