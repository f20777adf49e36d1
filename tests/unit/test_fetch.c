/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edge/upstream/fetch on a real loop and the real libcurl, against real servers. Name resolution is
 * replaced.
 */
#include <netdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/base.h"
#include "base/mem.h"
#include "core/retry_after.h"
#include "edge/upstream/fetch_internal.h"
#include "edge/upstream/libcurl.h"
#include "tests/unit/check.h"
#include "tests/unit/tiny_server.h"

static atomic_int n_lookups, n_that_hear_signals;

/* Exported, so that libcurl calls it, too. */
__attribute__((visibility("default"))) int
getaddrinfo(const char *restrict name, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
	static const int ours[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR2 };
	sigset_t held;

	(void)name;
	(void)service;
	(void)hints;
	(void)out;
	(void)pthread_sigmask(SIG_SETMASK, NULL, &held);
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (!sigismember(&held, ours[i])) {
			n_that_hear_signals++;
			break;
		}
	n_lookups++;
	return EAI_NONAME;
}

/* --- one world per test ------------------------------------------------------------------- */

struct world {
	struct loop *loop;
	struct config config;
	struct upstream *upstream;
	struct tiny_server *server;
	struct fetch *fetch;
	struct fetch_request request;
	struct later next, turn;
	size_t most, before; /* bytes in a turn; at its begin */
	int more;            /* equal ones in a row */
	char url[128];
	/* What the server sends after it has read a request, then `endless`. */
	const char *response;
	const char *endless; /* NULL: nothing */
	char head[4096];     /* of the last request */
	atomic_int n_heads;

	/* The end. */
	int n_done;
	enum fetch_end end;
	int status;
	int64_t retry_after_ms;
	size_t body_n;
	enum payload_coding coding;
	char reason[512], etag[64];
};

static bool
on_request(void *env, int fd, const char *head)
{
	struct world *w = env;
	const char *endless = w->endless;

	(void)snprintf(w->head, sizeof w->head, "%s", head);
	w->n_heads++;
	if (!w->response)
		return true; /* silence */
	if (!tiny_print(fd, w->response))
		return false;
	while (endless && tiny_print(fd, endless))
		;
	return !endless;
}

static void
on_fetched(void *env, const struct fetch_result *r)
{
	struct world *w = env;

	w->n_done++;
	w->end = r->end;
	w->status = r->status;
	w->retry_after_ms = r->retry_after_ms;
	w->body_n = r->body->n;
	w->coding = r->body->coding;
	(void)snprintf(w->reason, sizeof w->reason, "%s", r->reason ? r->reason : "");
	(void)snprintf(w->etag, sizeof w->etag, "%s", r->etag ? r->etag : "");
	if (w->more == 0) {
		loop_stop(w->loop);
		return;
	}
	w->more--;
	loop_after_turn(w->loop, &w->next);
}

static void
on_next(struct later *job)
{
	struct world *w = CONTAINER_OF(job, struct world, next);

	assert_int_equal(upstream_fetch(w->upstream, &w->request, on_fetched, w, &w->fetch), 0);
}

static int64_t live_before; /* libcurl and OpenSSL keep some memory */

static int
set_up(void **state)
{
	struct world *w = mem_zalloc(sizeof *w);

	assert_non_null(w);
	live_before = mem_live() - 1;
	w->config.manager.timeout_ms = 10000;
	w->next.run = on_next;
	*state = w;
	if (loop_new(&w->loop) < 0)
		return -1;
	w->server = tiny_server_new(NULL, on_request, w);
	(void)snprintf(
	    w->url, sizeof w->url, "http://127.0.0.1:%d/list?a=b", tiny_server_port(w->server));
	return upstream_new(&w->upstream, w->loop, &w->config);
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	w->upstream = upstream_free(w->upstream);
	w->loop = loop_free(w->loop);
	tiny_server_free(w->server);
	mem_free(w);
	assert_int_equal(mem_live(), live_before);
	return 0;
}

/* The configuration has changed. */
static void
reconfigure(struct world *w)
{
	upstream_retire(w->upstream);
	assert_int_equal(upstream_new(&w->upstream, w->loop, &w->config), 0);
}

/* A loop that was stopped does not run again. */
static void
begin_anew(struct world *w)
{
	w->upstream = upstream_free(w->upstream);
	w->loop = loop_free(w->loop);
	w->n_done = 0;
	assert_int_equal(loop_new(&w->loop), 0);
	assert_int_equal(upstream_new(&w->upstream, w->loop, &w->config), 0);
}

static void
fetch_with(struct world *w, const struct fetch_request *more)
{
	int want = 1 + w->more;

	w->request = *more;
	if (!w->request.url)
		w->request.url = w->url;
	w->request.token = span_of("secret-token");
	if (!w->request.max_body)
		w->request.max_body = 1 << 20;
	on_next(&w->next);
	assert_int_equal(loop_run(w->loop), 0);
	assert_int_equal(w->n_done, want);
}

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

/* --- tests -------------------------------------------------------------------------------- */

/* A signal delivered to a libcurl thread before exec would end the next program. */
static void
a_resolver_thread_blocks_signals(void **state)
{
	struct world *w = *state;
	sigset_t held;

	fetch_with(w, &(struct fetch_request){ .url = "http://name.example/" });
	assert_int_equal(w->end, FETCH_UNREACHABLE);
	assert_true(n_lookups > 0);
	assert_int_equal(n_that_hear_signals, 0);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &held);
	assert_false(sigismember(&held, SIGTERM));
}

static void
a_request_says_what_it_wants(void **state)
{
	struct world *w = *state;

	w->response = HEAD "ETag: \"1\"\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nraw!";
	fetch_with(w, &(struct fetch_request){ .if_none_match = "\"0\"", .wait_s = 7 });
	assert_non_null(strstr(w->head, "GET /list?a=b HTTP/1.1\r\n"));
	assert_non_null(strstr(w->head, "\r\nAuthorization: Bearer secret-token\r\n"));
	assert_non_null(strstr(w->head, "\r\nIf-None-Match: \"0\"\r\n"));
	assert_non_null(strstr(w->head, "\r\nPrefer: wait=7\r\n"));
	assert_non_null(strstr(w->head, "\r\nAccept-Encoding: gzip\r\n"));
	assert_int_equal(w->end, FETCH_ANSWERED);
	assert_int_equal(w->status, 200);
	assert_string_equal(w->etag, "\"1\"");
	/* Not unpacked here; the worker does that. */
	assert_int_equal(w->body_n, 4);
	assert_int_equal(w->coding, PAYLOAD_GZIP);
}

static void
a_proxy_is_asked_for_the_whole_url(void **state)
{
	struct world *w = *state;
	char proxy[64];

	(void)snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", tiny_server_port(w->server));
	w->config.manager.proxy = proxy;
	reconfigure(w);
	w->response = HEAD "Content-Length: 0\r\n\r\n";
	fetch_with(w, &(struct fetch_request){ .url = "http://manager.example/list?a=b" });
	assert_non_null(strstr(w->head, "GET http://manager.example/list?a=b HTTP/1.1\r\n"));
}

static void
a_body_larger_than_may_be_is_cut(void **state)
{
	struct world *w = *state;

	w->response = HEAD "Transfer-Encoding: chunked\r\n\r\n";
	w->endless = "10\r\n0123456789abcdef\r\n";
	fetch_with(w, &(struct fetch_request){ .max_body = 100000 });
	assert_int_equal(w->end, FETCH_TOO_BIG);
	assert_int_equal(w->body_n, 100000);
}

#define CHUNK 65536

/* After a turn; then the server gets the time to send more than one turn may read. */
static void
note_turn(struct later *job)
{
	struct world *w = CONTAINER_OF(job, struct world, turn);
	size_t n = w->n_done ? w->before : w->fetch->body.n;

	if (n - w->before > w->most)
		w->most = n - w->before;
	w->before = n;
	(void)usleep(2000);
	if (!w->n_done)
		loop_after_turn(w->loop, &w->turn);
}

static void
a_turn_reads_a_bounded_part_of_a_large_body(void **state)
{
	struct world *w = *state;
	char *chunk = mem_zalloc(CHUNK + 16);

	assert_non_null(chunk);
	(void)snprintf(chunk, CHUNK, "%x\r\n", CHUNK);
	memset(chunk + strlen(chunk), 'x', CHUNK);
	memcpy(chunk + strlen(chunk), "\r\n", 2);
	w->response = HEAD "Transfer-Encoding: chunked\r\n\r\n";
	w->endless = chunk;
	w->turn.run = note_turn;
	loop_after_turn(w->loop, &w->turn);
	fetch_with(w, &(struct fetch_request){ .max_body = 4000000 });
	assert_int_equal(w->body_n, 4000000);
	assert_in_range(w->most, 16 * 1024, 128 * 1024 + 16 * 1024);
	mem_free(chunk);
}

static void
a_refusal_is_read_in_part(void **state)
{
	struct world *w = *state;

	w->response = "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n";
	w->endless = "10\r\n0123456789abcdef\r\n";
	fetch_with(w, &(struct fetch_request){ 0 });
	assert_int_equal(w->end, FETCH_ANSWERED);
	assert_int_equal(w->status, 500);
	assert_int_equal(w->body_n, 64 * 1024);
}

static void
a_body_that_is_not_wanted_is_not_kept(void **state)
{
	struct world *w = *state;

	w->response = HEAD "Content-Length: 5\r\n\r\n12345";
	fetch_with(w, &(struct fetch_request){ .discard_body = true });
	assert_int_equal(w->end, FETCH_ANSWERED);
	assert_int_equal(w->body_n, 5);
}

/* libcurl keeps each line: without our limit, memory would grow until the time-out. */
static void
endless_heads_and_trailers_end_at_their_cap(void **state)
{
	static const struct {
		const char *response, *endless;
	} rows[] = {
		{ HEAD, "X-Field: 0123456789012345678901234567890123456789\r\n" },
		{ "HTTP/1.1 103 Early Hints\r\n\r\n",
		    "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" },
		{ HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
		    "X-Trailer: 0123456789012345678901234567890123456789\r\n" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		w->response = rows[i].response;
		w->endless = rows[i].endless;
		fetch_with(w, &(struct fetch_request){ 0 });
		assert_int_equal(w->end, FETCH_BAD);
		assert_non_null(strstr(w->reason, "are too long"));
		begin_anew(w);
	}
}

static void
retry_after_is_read_with_care(void **state)
{
	static const struct {
		const char *value;
		int64_t ms;
	} rows[] = {
		{ "7", 7000 },
		{ "0", 0 },
		{ "99999999", RETRY_AFTER_MAX_CAP_MS },
		{ "Thu, 01 Jan 1998 00:00:00 GMT", 0 },
		{ "soon", 0 },
		{ "-5", 0 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char response[256];

		(void)snprintf(response, sizeof response,
		    "HTTP/1.1 503 Busy\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n",
		    rows[i].value);
		w->response = response;
		fetch_with(w, &(struct fetch_request){ 0 });
		assert_int_equal(w->status, 503);
		if (w->retry_after_ms != rows[i].ms)
			fail_msg("%s: %d ms", rows[i].value, (int)w->retry_after_ms);
		begin_anew(w);
	}
}

/* --- deadlines ---------------------------------------------------------------------------- */

static CURLMcode
say_nothing(CURLM *multi, curl_socket_t fd, int mask, int *running)
{
	(void)multi;
	(void)fd;
	(void)mask;
	*running = 1;
	return CURLM_OK;
}

/* As after a failed allocation: libcurl reports neither an end nor a time-out. */
static void
a_fetch_ends_even_when_libcurl_says_nothing(void **state)
{
	typeof(libcurl.multi_socket_action) real = libcurl.multi_socket_action;
	struct world *w = *state;

	w->config.manager.timeout_ms = 10;
	reconfigure(w);
	libcurl.multi_socket_action = say_nothing;
	fetch_with(w, &(struct fetch_request){ 0 });
	libcurl.multi_socket_action = real;
	assert_int_equal(w->end, FETCH_UNREACHABLE);
}

static CURLMcode
fail_now(CURLM *multi, curl_socket_t fd, int mask, int *running)
{
	(void)multi;
	(void)fd;
	(void)mask;
	*running = 0;
	return CURLM_INTERNAL_ERROR;
}

static void
a_libcurl_that_lost_its_transfers_is_begun_anew(void **state)
{
	typeof(libcurl.multi_socket_action) real = libcurl.multi_socket_action;
	struct world *w = *state;

	libcurl.multi_socket_action = fail_now;
	fetch_with(w, &(struct fetch_request){ 0 });
	libcurl.multi_socket_action = real;
	assert_int_equal(w->end, FETCH_FAILED);
}

static void
a_server_that_is_silent_times_out(void **state)
{
	struct world *w = *state;

	w->config.manager.timeout_ms = 100;
	reconfigure(w);
	fetch_with(w, &(struct fetch_request){ 0 });
	assert_int_equal(w->end, FETCH_UNREACHABLE);
	assert_string_equal(w->reason, "Timeout was reached");
}

/* --- the Unix socket ---------------------------------------------------------------------- */

struct unix_world {
	char dir[TEST_DIR_SIZE], path[TEST_DIR_SIZE + 16];
	struct tiny_server *server;
	char *user;
};

static void
serve_at_socket(struct unix_world *u, struct world *w)
{
	test_dir_make(u->dir, "fetch");
	(void)snprintf(u->path, sizeof u->path, "%s/m.sock", u->dir);
	u->server = tiny_server_new(u->path, on_request, w);
	w->response = HEAD "Content-Length: 2\r\n\r\n{}";
}

static void
end_of_socket(struct unix_world *u, struct world *w)
{
	w->upstream = upstream_free(w->upstream);
	tiny_server_free(u->server);
	test_dir_remove(u->dir);
}

static void
a_unix_socket_of_our_own_user_is_asked(void **state)
{
	struct world *w = *state;
	struct unix_world u;

	serve_at_socket(&u, w);
	w->more = 2; /* on the same connection */
	fetch_with(
	    w, &(struct fetch_request){ .url = "http://localhost/list", .socket_path = u.path });
	if (w->end != FETCH_ANSWERED)
		fail_msg("%s", w->reason);
	assert_int_equal(w->status, 200);
	assert_non_null(strstr(w->head, "GET /list HTTP/1.1\r\nHost: localhost\r\n"));
	end_of_socket(&u, w);
}

/* No byte is sent, because the first ones contain the token; and the connection is not reused. */
static void
a_unix_socket_of_another_user_is_not_asked(void **state)
{
	char another[16], *names[] = { another };
	struct world *w = *state;
	struct unix_world u;

	(void)snprintf(another, sizeof another, "%u", (unsigned)geteuid() + 1);
	w->config.manager.socket_user = (struct config_list){ names, 1 };
	serve_at_socket(&u, w);
	reconfigure(w);
	w->more = 2;
	fetch_with(
	    w, &(struct fetch_request){ .url = "http://localhost/list", .socket_path = u.path });
	assert_int_equal(w->end, FETCH_UNREACHABLE);
	assert_int_equal(w->n_heads, 0);
	assert_non_null(
	    strstr(w->reason, "which is not in [manager] socket_user: nothing was sent"));
	end_of_socket(&u, w);
}

static void
a_unix_socket_that_is_not_there_says_so(void **state)
{
	struct world *w = *state;

	fetch_with(w, &(struct fetch_request){
			  .url = "http://localhost/list", .socket_path = "/nowhere/m.sock" });
	assert_int_equal(w->end, FETCH_UNREACHABLE);
	assert_string_equal(
	    w->reason, "cannot connect to /nowhere/m.sock: No such file or directory");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_resolver_thread_blocks_signals),
		TEST(a_request_says_what_it_wants),
		TEST(a_proxy_is_asked_for_the_whole_url),
		TEST(a_body_larger_than_may_be_is_cut),
		TEST(a_turn_reads_a_bounded_part_of_a_large_body),
		TEST(a_refusal_is_read_in_part),
		TEST(a_body_that_is_not_wanted_is_not_kept),
		TEST(endless_heads_and_trailers_end_at_their_cap),
		TEST(retry_after_is_read_with_care),
		TEST(a_fetch_ends_even_when_libcurl_says_nothing),
		TEST(a_libcurl_that_lost_its_transfers_is_begun_anew),
		TEST(a_server_that_is_silent_times_out),
		TEST(a_unix_socket_of_our_own_user_is_asked),
		TEST(a_unix_socket_of_another_user_is_not_asked),
		TEST(a_unix_socket_that_is_not_there_says_so),
	};

	struct why why;

	if (base_init() < 0)
		return 1;
	loop_global_init();
	if (libcurl_load(&why) < 0)
		return 1;
	return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
