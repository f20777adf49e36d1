/* SPDX-License-Identifier: Apache-2.0 */
/* edge/process/httpd: requests of clients and probes, and clients that only hold connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/attr.h"
#include "base/base.h"
#include "base/mem.h"
#include "edge/process/httpd.h"

#define MANY (3 * HTTPD_CONNECTIONS)

struct world {
	struct loop *loop;
	struct httpd *h;
	int served;
};

static void
serve_ok(void *env, struct httpd_response *out)
{
	((struct world *)env)->served++;
	buf_adds(out->body, "ok\n");
}

static void
serve_bad(void *env, struct httpd_response *out)
{
	(void)env;
	out->status = 503;
	out->type = "text/odd";
	buf_adds(out->body, "not now\n");
}

static void
serve_too_much(void *env, struct httpd_response *out)
{
	(void)env;
	for (int i = 0; i < 1 << 20; i++)
		buf_addc(out->body, 'x');
}

static const struct httpd_path paths[] = {
	{ "/ok", serve_ok },
	{ "/bad", serve_bad },
	{ "/much", serve_too_much },
	{ NULL, NULL },
};

static int
set_up(void **state)
{
	struct world *w = mem_zalloc(sizeof *w);

	assert_non_null(w);
	assert_int_equal(loop_new(&w->loop), 0);
	assert_int_equal(httpd_new(&w->h, w->loop, paths, w), 0);
	assert_int_equal(httpd_listen(w->h, "127.0.0.1:0"), 0);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	httpd_free(w->h);
	loop_free(w->loop);
	mem_free(w);
	assert_int_equal(mem_live(), 0);
	return 0;
}

static void
turns(struct world *w)
{
	for (int i = 0; i < 20; i++)
		assert_true(event_base_loop(loop_base(w->loop), EVLOOP_NONBLOCK) >= 0);
}

static int
dial(struct world *w)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)httpd_port(w->h)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

/* Reads to the end of the stream. */
static void
read_all(struct world *w, int fd, char *out, size_t size)
{
	size_t n = 0;
	ssize_t r = 1;

	for (int i = 0; r != 0 && i < 1000; i++) {
		turns(w);
		r = recv(fd, out + n, size - 1 - n, MSG_DONTWAIT);
		assert_true(r >= 0 || errno == EAGAIN);
		n += r > 0 ? (size_t)r : 0;
	}
	assert_int_equal(r, 0);
	out[n] = '\0';
	close(fd);
}

static void
say(int fd, const char *text, size_t n)
{
	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void
requests_get_what_they_ask_for(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *request;
		size_t n;
		const char *begins, *ends;
	} rows[] = {
#define ROW(request, begins, ends) { request, sizeof(request) - 1, begins, ends }
		ROW("GET /ok HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\nok\n"),
		ROW("GET /ok HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\nok\n"),
		ROW("GET /ok?a=b HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\nok\n"),
		ROW("HEAD /ok HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\n"),
		ROW("GET /bad HTTP/1.1\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\n",
		    "not now\n"),
		ROW("GET /much HTTP/1.1\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\n",
		    "\r\n\r\n"),
		ROW("GET /else HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "Not Found\n"),
		ROW("GET /okay HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", "Not Found\n"),
		ROW("POST /ok HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 405 ",
		    "Method Not Allowed\n"),
		ROW("\r\n\r\n", "HTTP/1.1 400 ", "Bad Request\n"),
		ROW("hello\r\n\r\n", "HTTP/1.1 400 ", "Bad Request\n"),
		ROW("GET /ok\r\n\r\n", "HTTP/1.1 400 ", "Bad Request\n"),
		ROW("GET /ok HTTP/2.0\r\n\r\n", "HTTP/1.1 400 ", "Bad Request\n"),
		ROW("GET /ok HTTP/1.1 x\r\n\r\n", "HTTP/1.1 400 ", "Bad Request\n"),
		ROW("GET /ok HTTP/1.1\r\n\0\r\n\r\n", "HTTP/1.1 400 ", "Bad Request\n"),
#undef ROW
	};

	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char got[4096];
		int fd = dial(w);
		size_t n;

		say(fd, rows[i].request, rows[i].n);
		read_all(w, fd, got, sizeof got);
		n = strlen(got);
		if (strncmp(got, rows[i].begins, strlen(rows[i].begins)) != 0 ||
		    n < strlen(rows[i].ends) ||
		    strcmp(got + n - strlen(rows[i].ends), rows[i].ends) != 0)
			fail_msg("row %zu: %s", i, got);
	}
}

static void
a_head_that_comes_byte_by_byte_is_read_and_an_endless_one_is_refused(void **state)
{
	static const char request[] = "GET /ok HTTP/1.1\r\nA: b\r\n\r\n";
	struct world *w = *state;
	char got[4096], filler[9000];
	int fd = dial(w);

	for (size_t i = 0; i < sizeof request - 1; i++) {
		say(fd, request + i, 1);
		turns(w);
	}
	read_all(w, fd, got, sizeof got);
	assert_non_null(strstr(got, "\r\n\r\nok\n"));
	fd = dial(w);
	memset(filler, 'a', sizeof filler);
	say(fd, filler, sizeof filler);
	read_all(w, fd, got, sizeof got);
	assert_non_null(strstr(got, "HTTP/1.1 431 "));
}

static void
clients_that_stay_silent_keep_nobody_from_a_response(void **state)
{
	struct world *w = *state;
	int silent[MANY], fd;
	char got[4096];

	for (int i = 0; i < MANY; i++) {
		silent[i] = dial(w);
		turns(w);
	}
	fd = dial(w);
	say(fd, "GET /ok HTTP/1.1\r\n\r\n", 20);
	read_all(w, fd, got, sizeof got);
	assert_non_null(strstr(got, "\r\n\r\nok\n"));
	assert_int_equal(
	    recv(silent[0], got, 1, MSG_DONTWAIT), 0); /* it was closed for a new one */
	assert_int_equal(recv(silent[MANY - 1], got, 1, MSG_DONTWAIT), -1);
	for (int i = 0; i < MANY; i++)
		close(silent[i]);
}

static void
it_moves_and_stays_where_it_was_when_it_cannot(void **state)
{
	struct world *w = *state;
	int before = httpd_port(w->h), fd, r;
	struct httpd *other;
	char where[64], got[4096];

	assert_int_equal(httpd_new(&other, w->loop, paths, w), 0);
	r = httpd_listen(other, "[::1]:0");
	assert_true(r == 0 || r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT); /* without IPv6 */
	assert_int_equal(httpd_listen(other, "localhost:0"), 0);
	assert_int_equal(httpd_listen(other, "nowhere:0"), -EINVAL);
	(void)snprintf(where, sizeof where, "127.0.0.1:%d", before);
	assert_int_equal(httpd_listen(other, where), -EADDRINUSE);
	assert_true(httpd_port(other) != 0 && httpd_port(other) != before);
	assert_int_equal(httpd_listen(w->h, NULL), 0);
	assert_int_equal(httpd_port(w->h), 0);
	assert_int_equal(httpd_listen(other, where), 0);
	httpd_free(w->h);
	w->h = other;
	fd = dial(w);
	say(fd, "GET /ok HTTP/1.1\r\n\r\n", 20);
	read_all(w, fd, got, sizeof got);
	assert_int_equal(w->served, 1);
}

static void
no_memory_costs_one_connection_and_no_more(void **state)
{
	struct world *w = *state;
	char got[4096];
	ssize_t r;

	for (int n = 0; n < 12; n++) {
		int fd = dial(w);

		say(fd, "GET /ok HTTP/1.1\r\n\r\n", 20);
		mem_fail_after(n);
		turns(w);
		mem_fail_after(-1);
		turns(w);
		r = recv(fd, got, sizeof got, MSG_DONTWAIT);
		assert_true(r >= 0 || errno == ECONNRESET);
		close(fd);
		turns(w);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_get_what_they_ask_for),
		TEST(a_head_that_comes_byte_by_byte_is_read_and_an_endless_one_is_refused),
		TEST(clients_that_stay_silent_keep_nobody_from_a_response),
		TEST(it_moves_and_stays_where_it_was_when_it_cannot),
		TEST(no_memory_costs_one_connection_and_no_more),
	};

	if (base_init() < 0)
		return 1;
	loop_global_init();
	return cmocka_run_group_tests_name("httpd", tests, NULL, NULL);
}
