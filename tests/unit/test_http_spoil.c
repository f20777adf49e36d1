/* SPDX-License-Identifier: Apache-2.0 */
/* manager/http: what a client receives of a response that fault injection damages. */
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

#define PATIENCE_MS 10000
#define BODY_SIZE   200
#define PIECES      3

static struct {
	struct event_base *base;
	struct http_server *server;
	enum http_spoil how;
	int pieces, n_done;
	char body[BODY_SIZE];
	char text[8192]; /* what the client received, to the end of the connection */
	int error;       /* how the connection ended; 0: in order */
} fx;

static int
more(void *arg, struct buf *out)
{
	(void)arg;
	buf_add(out, fx.body, sizeof fx.body);
	return --fx.pieces > 0;
}

static void
done(void *arg)
{
	(void)arg;
	fx.n_done++;
}

static void
on_request(void *arg, struct http_conn *conn)
{
	struct http_source source = { more, done, NULL };

	(void)arg;
	http_conn_spoil(conn, fx.how);
	if (span_is(http_conn_request(conn)->path, "/stream"))
		http_respond_stream(conn, 200, NULL, "text/plain", &source);
	else
		http_respond(conn, 200, NULL, "text/plain", (struct span){ fx.body, BODY_SIZE });
}

static void
on_refuse(void *arg, struct http_conn *conn, int status, const char *why)
{
	(void)arg;
	http_respond(conn, status, NULL, "text/plain", span_of(why));
}

static int
set_up(void **state)
{
	struct http_options o = { .max_connections = 8 };
	struct http_handler handler = { .request = on_request, .refuse = on_refuse };
	struct why why;

	(void)state;
	memset(&fx, 0, sizeof fx);
	memset(fx.body, 'a', sizeof fx.body);
	fx.base = event_base_new();
	assert_non_null(fx.base);
	assert_int_equal(http_server_new(&fx.server, fx.base, &o, &handler), 0);
	assert_int_equal(http_server_listen(fx.server, "127.0.0.1:0", &why), 0);
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

/* Sends a request on a keep-alive connection, and reads to the end of the connection. */
static const char *
get(const char *path, enum http_spoil how)
{
	int64_t deadline = clock_boot_ms() + PATIENCE_MS;
	char request[128];
	int fd = dial(),
	    n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
	size_t len = 0;
	ssize_t got;

	fx.how = how;
	fx.pieces = PIECES;
	assert_int_equal(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
	do {
		assert_true(clock_boot_ms() < deadline);
		(void)event_base_loop(fx.base, EVLOOP_NONBLOCK);
		got = recv(fd, fx.text + len, sizeof fx.text - 1 - len, MSG_DONTWAIT);
		fx.error = got < 0 ? errno : 0;
		len += got > 0 ? (size_t)got : 0;
	} while (got > 0 || fx.error == EAGAIN);
	fx.text[len] = '\0';
	close(fd);
	return fx.text;
}

static size_t
count(const char *text, char c)
{
	size_t n = 0;

	for (text = strstr(text, "\r\n\r\n"); text && *text; text++)
		n += *text == c;
	return n;
}

static void
a_reset_connection_had_no_byte(void **state)
{
	(void)state;
	assert_string_equal(get("/", HTTP_SPOIL_RESET), "");
	assert_int_equal(fx.error, ECONNRESET);
}

/* Whatever is wrong with the body, the head is that of a good response. */
static void
has_head_of(size_t length)
{
	char field[64];

	(void)snprintf(field, sizeof field, "\r\nContent-Length: %zu\r\n", length);
	assert_non_null(strstr(fx.text, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(fx.text, field));
	assert_int_equal(fx.error, 0);
}

static void
half_of_a_truncated_body_comes(void **state)
{
	(void)state;
	assert_int_equal(count(get("/", HTTP_SPOIL_TRUNCATE), 'a'), BODY_SIZE / 2);
	has_head_of(BODY_SIZE);
}

static void
a_malformed_body_has_its_length(void **state)
{
	(void)state;
	assert_int_equal(count(get("/", HTTP_SPOIL_MALFORMED), 'a'), BODY_SIZE / 2);
	assert_int_equal(count(fx.text, '<'), BODY_SIZE / 2);
	has_head_of(BODY_SIZE);
}

static void
a_dripping_body_comes_whole(void **state)
{
	(void)state;
	assert_int_equal(count(get("/", HTTP_SPOIL_DRIP), 'a'), BODY_SIZE);
	has_head_of(BODY_SIZE);
}

/* One piece suffices; then the source is released. */
static void
a_stream_is_spoiled_in_its_first_piece(void **state)
{
	(void)state;
	assert_int_equal(count(get("/stream", HTTP_SPOIL_TRUNCATE), 'a'), BODY_SIZE / 2);
	has_head_of(BODY_SIZE);
	assert_int_equal(fx.n_done, 1);
	assert_string_equal(get("/stream", HTTP_SPOIL_RESET), "");
	assert_int_equal(fx.n_done, 2);
}

static void
memory_that_is_out_ends_the_connection_alone(void **state)
{
	(void)state;
	for (enum http_spoil how = HTTP_SPOIL_RESET; how <= HTTP_SPOIL_MALFORMED; how++) {
		for (int n = 0; n < 40; n++) {
			mem_fail_after(n);
			(void)get("/", how);
			mem_fail_after(-1);
		}
	}
	assert_int_equal(count(get("/", HTTP_SPOIL_TRUNCATE), 'a'), BODY_SIZE / 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_reset_connection_had_no_byte),
		TEST(half_of_a_truncated_body_comes),
		TEST(a_malformed_body_has_its_length),
		TEST(a_dripping_body_comes_whole),
		TEST(a_stream_is_spoiled_in_its_first_piece),
		TEST(memory_that_is_out_ends_the_connection_alone),
	};

	if (base_init() < 0)
		return 1;
	http_global_init();
	log_setup(LOG_FORMAT_KV, LOG_ERROR);
	return cmocka_run_group_tests_name("spoil", tests, NULL, NULL);
}
