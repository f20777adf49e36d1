/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typical requests to the whole manager. Each is repeated with its 1st, 2nd, 3rd ... allocation and
 * all later ones failing, until it completes. Whatever the response, the manager continues to work,
 * and no memory leaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/why.h"
#include "manager/api/api.h"
#include "tests/unit/check.h"
#include "tests/unit/store_places.h"

#define PATIENCE_MS   10000
#define MOST          20000 /* allocations of one request */
#define TURNS         12    /* idle turns of the loop after which nothing more is expected */
#define HEALTHY_EVERY 64

static const struct store_actor nobody;
static const uint8_t kek[SEAL_KEY_SIZE] = { 9 };

static struct {
	char dir[TEST_DIR_SIZE];
	struct event_base *base;
	struct keys *keys;
	struct store *s;
	struct token_authority *a;
	struct api *api;
	struct http_server *http;
	struct id org, ws, dep, token;
	struct buf text;     /* of an OWNER's token */
	char object[32];     /* made for the request */
	unsigned n;          /* the attempt */
	char reply[1 << 20]; /* the last response */
} fx;

/* --- fixture -------------------------------------------------------------------------- */

static void
make_places(void)
{
	static const struct id none = { "" };
	struct token_request q = { SPAN_LITERAL("owner"), SCOPE_ORGANIZATION, { "" }, ROLE_OWNER,
		0 };
	struct why why = { "" };

	assert_int_equal(store_create(&fx.s, fx.dir, fx.keys, &why), 0);
	assert_int_equal(token_authority_new(&fx.a, fx.s), 0);
	fx.org = test_place(fx.s, SCOPE_ORGANIZATION, &none, "o");
	fx.ws = test_place(fx.s, SCOPE_WORKSPACE, &fx.org, "w");
	fx.dep = test_place(fx.s, SCOPE_DEPLOYMENT, &fx.ws, "d");
	assert_int_equal(store_organization_set_secrets(fx.s, &fx.org, true, &nobody), 0);
	q.scope_id = fx.org;
	buf_init(&fx.text, 4096);
	assert_int_equal(token_issue(fx.a, &q, clock_wall_ms(), &nobody, &fx.token, &fx.text), 0);
}

static int
start(bool threaded)
{
	struct http_options o = { .max_connections = 64 };
	struct http_handler handler;
	struct why why;

	memset(&fx, 0, sizeof fx);
	test_dir_make(fx.dir, "test_manager_torture");
	fx.keys = keys_from_bytes(kek);
	make_places();
	if (threaded)
		assert_int_equal(store_sync_in_thread(fx.s), 0);
	fx.base = event_base_new();
	assert_non_null(fx.base);
	assert_int_equal(api_new(&fx.api, fx.base, fx.s, fx.a), 0);
	handler = api_handler(fx.api);
	assert_int_equal(http_server_new(&fx.http, fx.base, &o, &handler), 0);
	assert_int_equal(http_server_listen(fx.http, "127.0.0.1:0", &why), 0);
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	return start(false);
}

/* As in the program: a thread writes changes to the disk, which allocates, too. */
static int
set_up_threaded(void **state)
{
	(void)state;
	return start(true);
}

static int
tear_down(void **state)
{
	(void)state;
	http_server_free(fx.http);
	api_free(fx.api);
	event_base_free(fx.base);
	libevent_global_shutdown();
	token_authority_free(fx.a);
	store_close(fx.s);
	keys_free(fx.keys);
	buf_fini(&fx.text);
	test_dir_remove(fx.dir);
	return 0;
}

/* --- a client ------------------------------------------------------------------------- */

static int
dial(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_server_port(fx.http)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static bool
is_whole(const char *text, size_t n)
{
	const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "\r\nContent-Length: ");

	if (!end)
		return false;
	if (strstr(text, "\r\nTransfer-Encoding: chunked"))
		return n >= 5 && !strcmp(text + n - 5, "0\r\n\r\n");
	return n >= (size_t)(end + 4 - text) + (length ? strtoul(length + 18, NULL, 10) : 0);
}

/*
 * Runs the loop until the response is complete, the connection has ended, or nothing more arrives.
 */
static void
hear(int fd)
{
	size_t n = 0;

	for (int quiet = 0; quiet < TURNS;) {
		ssize_t got;

		assert_true(event_base_loop(fx.base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
		got = recv(fd, fx.reply + n, sizeof fx.reply - 1 - n, MSG_DONTWAIT);
		if (got > 0)
			n += (size_t)got;
		fx.reply[n] = '\0';
		if (got == 0 || (got < 0 && errno != EAGAIN) || is_whole(fx.reply, n))
			break;
		quiet = got > 0 ? 0 : quiet + 1;
	}
}

/*
 * {o} {w} {d} {t} {x} {n}: ids of the organization, Workspace, Deployment, token, object; the
 * attempt.
 */
static void
expand(struct buf *out, const char *pattern)
{
	for (const char *p = pattern; *p; p++) {
		if (p[0] != '{' || !p[1] || p[2] != '}') {
			buf_addc(out, *p);
			continue;
		}
		switch (p[1]) {
		case 'o':
			buf_adds(out, fx.org.s);
			break;
		case 'w':
			buf_adds(out, fx.ws.s);
			break;
		case 'd':
			buf_adds(out, fx.dep.s);
			break;
		case 't':
			buf_adds(out, fx.token.s);
			break;
		case 'x':
			buf_adds(out, fx.object);
			break;
		case 'n':
			buf_addf(out, "%u", fx.n);
			break;
		default:
			fail();
		}
		p += 2;
	}
}

struct step {
	const char *method, *path, *body; /* body: NULL for none */
	const char *fields;               /* more of them, each ended by CR LF; NULL for none */
	bool object;                      /* one is made for it first */
	int status;                       /* of its response, when there is memory */
};

static const char objects[] = "/v1/organizations/{o}/environment-objects";

/* Paths that are relative to the objects begin with '?', '/{' or are empty. */
static bool
is_relative(const char *path)
{
	return path[0] != '/' || path[1] == '{';
}

static void
make_text(const struct step *s, struct buf *out)
{
	struct buf body = BUF_INIT(1 << 20);

	if (s->body)
		expand(&body, s->body);
	buf_addf(out, "%s ", s->method);
	if (is_relative(s->path))
		expand(out, objects);
	expand(out, s->path);
	buf_addf(out, " HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n", buf_str(&fx.text));
	if (s->fields)
		expand(out, s->fields);
	if (s->body)
		buf_addf(out, "Content-Length: %zu\r\n", body.len);
	buf_adds(out, "\r\n");
	buf_add(out, buf_str(&body), body.len);
	assert_int_equal(buf_error(out), 0);
	buf_fini(&body);
}

static void
say(int fd, const struct step *s)
{
	struct buf text = BUF_INIT(2 << 20);

	make_text(s, &text);
	assert_int_equal(send(fd, text.data, text.len, MSG_NOSIGNAL), text.len);
	buf_fini(&text);
}

/* Without failing allocations the response must be good. */
static void
ask(const struct step *s)
{
	int64_t deadline = clock_boot_ms() + PATIENCE_MS;
	int fd = dial();

	say(fd, s);
	do {
		hear(fd);
		assert_true(clock_boot_ms() < deadline);
	} while (!fx.reply[0]);
	if (strncmp(fx.reply, "HTTP/1.1 20", 11) != 0)
		fail_msg("%s %s: %.300s", s->method, s->path, fx.reply);
	close(fd);
}

static void
make_object(void)
{
	static const struct step create = { "POST", "",
		"{\"objectType\":\"CONNECTION\",\"objectKey\":\"object_{n}\",\"scope\":"
		"\"DEPLOYMENT\","
		"\"scopeEntityId\":\"{d}\",\"connection\":{\"type\":\"postgres\",\"host\":\"h\","
		"\"password\":\"p\",\"extra\":{\"a\":\"b\"}}}",
		NULL, false, 200 };
	const char *id;

	ask(&create);
	id = strstr(fx.reply, "\"id\":\"");
	assert_non_null(id);
	(void)snprintf(fx.object, sizeof fx.object, "%.25s", id + 6);
}

/* --- the requests --------------------------------------------------------------------- */

static const struct step day[] = {
	{ "GET", "/healthz", NULL, NULL, false, 200 },
	{ "GET", "/v1/openapi.yaml", NULL, NULL, false, 200 },
	{ "GET", "/v1/nowhere", NULL, NULL, false, 404 },
	{ "GET", "/v1/organizations", NULL, NULL, false, 200 },
	{ "GET", "/v1/organizations/{o}", NULL, NULL, false, 200 },
	{ "GET", "/v1/organizations/{o}/workspaces", NULL, NULL, false, 200 },
	{ "GET", "/v1/organizations/{o}/deployments?sorts=name:desc", NULL, NULL, false, 200 },
	{ "GET", "/v1/organizations/{o}/deployments/{d}", NULL, NULL, false, 200 },
	{ "GET", "/v1/organizations/{o}/connection-auth-types", NULL, NULL, false, 200 },
	{ "POST", "/v1/organizations/{o}/deployments",
	    "{\"name\":\"d{n}\",\"workspaceId\":\"{w}\"}", NULL, false, 200 },
	{ "POST", "/v1/organizations/{o}/workspaces", "{\"name\":\"w{n}\"}", NULL, false, 200 },
	{ "POST", "/v1/organizations/{o}/projects", "{\"name\":\"p{n}\",\"workspaceId\":\"{w}\"}",
	    NULL, false, 200 },
	{ "POST", "/v1/organizations/{o}/tokens",
	    "{\"name\":\"t{n}\",\"scope\":\"DEPLOYMENT\",\"scopeEntityId\":\"{d}\",\"role\":"
	    "\"MEMBER\"}",
	    NULL, false, 200 },
	{ "GET", "/v1/organizations/{o}/tokens?limit=5", NULL, NULL, false, 200 },
	{ "GET", "/v1/organizations/{o}/tokens/{t}", NULL, NULL, false, 200 },
	{ "POST", "",
	    "{\"objectType\":\"AIRFLOW_VARIABLE\",\"objectKey\":\"v{n}\",\"scope\":\"WORKSPACE\","
	    "\"scopeEntityId\":\"{w}\",\"airflowVariable\":{\"value\":\"x\",\"isSecret\":true},"
	    "\"links\":[{\"scope\":\"DEPLOYMENT\",\"scopeEntityId\":\"{d}\",\"overrides\":"
	    "{\"airflowVariable\":{\"value\":\"y\"}}}]}",
	    NULL, false, 200 },
	{ "POST", "", "{\"objectType\":", NULL, false, 400 },
	{ "POST", "", "{\"objectType\":\"CONNECTION\"}", NULL, false, 400 },
	{ "GET", "?limit=3", NULL, NULL, false, 200 },
	{ "HEAD", "?limit=3", NULL, NULL, false, 200 },
	{ "GET",
	    "?deploymentId={d}&resolveLinked=true&showSecrets=true&limit=20&sorts=objectKey:asc",
	    NULL, NULL, false, 200 },
	{ "GET", "?deploymentId={d}&objectKey=large&resolveLinked=true", NULL, NULL, false, 200 },
	{ "GET", "?deploymentId={d}&limit=x", NULL, NULL, false, 400 },
	{ "GET", "?deploymentId={d}", NULL, "If-None-Match: *\r\n", false, 304 },
	{ "GET", "/{x}", NULL, NULL, true, 200 },
	{ "POST", "/{x}",
	    "{\"connection\":{\"type\":\"postgres\",\"host\":\"i{n}\",\"password\":\"\"}}", NULL,
	    true, 200 },
	{ "GET", "/{x}/history", NULL, NULL, true, 200 },
	{ "POST", "/{x}/restore", "{\"version\":1}", NULL, true, 200 },
	{ "POST", "/{x}/promote", "{}", NULL, true, 200 },
	{ "DELETE", "/{x}", NULL, NULL, true, 204 },
	{ "GET", "/v1/organizations/{o}/audit-log?limit=10", NULL, NULL, false, 200 },
	{ "PATCH", "", "{}", NULL, false, 405 },
	{ "GET", "", NULL, "Authorization: Bearer again\r\n", false, 401 },
	{ "POST", "", "{}", "Transfer-Encoding: chunked\r\n", false, 400 },
};

static void
is_healthy(void)
{
	static const struct step look = { "GET", "/v1/organizations", NULL, NULL, false, 200 };

	ask(&look);
}

/* Runs a request with n allocations. False if it did not need more. */
static bool
attempt(int64_t n, const struct buf *text)
{
	bool enough;
	int fd = dial();

	mem_fail_after(n);
	assert_int_equal(send(fd, text->data, text->len, MSG_NOSIGNAL), text->len);
	hear(fd);
	enough = mem_fail_left() > 0;
	mem_fail_after(-1);
	close(fd);
	for (int i = 0; i < 3; i++)
		assert_true(event_base_loop(fx.base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
	return !enough;
}

static void
has_status(const struct step *s)
{
	char want[16];

	(void)snprintf(want, sizeof want, "HTTP/1.1 %d ", s->status);
	if (strncmp(fx.reply, want, strlen(want)) != 0)
		fail_msg("%s %s: %.300s", s->method, s->path, fx.reply);
}

static void
torture(const struct step *s)
{
	for (int64_t n = 0;; n++) {
		struct buf text = BUF_INIT(2 << 20);
		bool more;

		assert_true(n < MOST);
		fx.n++;
		if (s->object)
			make_object();
		make_text(s, &text);
		more = attempt(n, &text);
		if (!more)
			has_status(s);
		buf_fini(&text);
		if (n % HEALTHY_EVERY == 0 || !more)
			is_healthy();
		if (!more)
			return;
	}
}

static void
a_day_without_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(day); i++)
		torture(&day[i]);
}

/* A list that is held, a change to it and both responses. */
static void
a_held_list_without_memory(void **state)
{
	static const struct step list = { "GET", "?deploymentId={d}&resolveLinked=true", NULL,
		"If-None-Match: *\r\nPrefer: wait=50\r\n", false, 200 };
	static const struct step change = { "POST", "",
		"{\"objectType\":\"AIRFLOW_VARIABLE\",\"objectKey\":\"h{n}\",\"scope\":"
		"\"DEPLOYMENT\","
		"\"scopeEntityId\":\"{d}\",\"airflowVariable\":{\"value\":\"x\"}}",
		NULL, false, 200 };
	bool enough = false;

	(void)state;
	for (int64_t n = 0; !enough; n += 3) {
		struct buf one = BUF_INIT(1 << 16), other = BUF_INIT(1 << 16);
		int held = dial(), changing = dial();

		assert_true(n < MOST);
		fx.n++;
		make_text(&list, &one);
		make_text(&change, &other);
		mem_fail_after(n);
		assert_int_equal(send(held, one.data, one.len, MSG_NOSIGNAL), one.len);
		hear(held);
		assert_int_equal(send(changing, other.data, other.len, MSG_NOSIGNAL), other.len);
		hear(changing);
		hear(held);
		enough = mem_fail_left() > 0;
		mem_fail_after(-1);
		close(held);
		close(changing);
		buf_fini(&one);
		buf_fini(&other);
		is_healthy();
	}
	assert_non_null(strstr(fx.reply, "HTTP/1.1 200"));
}

static void
a_held_list_without_memory_and_a_thread(void **state)
{
	a_held_list_without_memory(state);
}

/* Starts the server and the API. */
static void
a_start_without_memory(void **state)
{
	(void)state;
	fx.http = http_server_free(fx.http);
	fx.api = api_free(fx.api);
	for (int64_t n = 0;; n++) {
		struct event_base *base = event_base_new();
		struct http_options o = { .max_connections = 8 };
		struct http_server *http = NULL;
		struct api *api = NULL;
		struct http_handler handler = { 0 };
		struct why why;
		int r;

		assert_non_null(base);
		mem_fail_after(n);
		r = api_new(&api, base, fx.s, fx.a);
		if (r == 0) {
			handler = api_handler(api);
			r = http_server_new(&http, base, &o, &handler);
		}
		if (r == 0)
			r = http_server_listen(http, "127.0.0.1:0", &why);
		mem_fail_after(-1);
		http_server_free(http);
		api_free(api);
		event_base_free(base);
		if (r == 0)
			return;
		assert_true(n < MOST);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_day_without_memory),
		TEST(a_held_list_without_memory),
		cmocka_unit_test_setup_teardown(
		    a_held_list_without_memory_and_a_thread, set_up_threaded, tear_down),
		TEST(a_start_without_memory),
	};

	if (base_init() < 0 || store_global_init() < 0)
		return 1;
	http_global_init();
	log_setup(LOG_FORMAT_KV, LOG_ERROR);
	return cmocka_run_group_tests_name("manager torture", tests, NULL, NULL);
}
