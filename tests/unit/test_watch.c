/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Held list requests, between a real store and real sockets: which clients get a response when, and
 * that no memory leaks.
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
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/why.h"
#include "manager/api/api.h"
#include "tests/unit/check.h"
#include "tests/unit/store_places.h"
#include "manager/store/history.h"

#define PATIENCE_MS 5000
#define N_CLIENTS   24

static const struct store_actor nobody;
static const uint8_t kek[SEAL_KEY_SIZE] = { 9 };

/* An organization with two Deployments, and a token for each. */
struct fixture {
	char dir[TEST_DIR_SIZE];
	struct event_base *base;
	struct keys *keys;
	struct store *s;
	struct token_authority *a;
	struct api *api;
	struct http_server *http;
	struct id org, ws, dep[2], token[2];
	struct buf text[2];
	int made; /* number of objects, to make unique keys */
};

static void
make_places(struct fixture *f)
{
	static const struct id none = { "" };
	struct why why = { "" };

	assert_int_equal(store_create(&f->s, f->dir, f->keys, &why), 0);
	assert_int_equal(token_authority_new(&f->a, f->s), 0);
	f->org = test_place(f->s, SCOPE_ORGANIZATION, &none, "o");
	f->ws = test_place(f->s, SCOPE_WORKSPACE, &f->org, "w");
	assert_int_equal(store_organization_set_secrets(f->s, &f->org, true, &nobody), 0);
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "b" : "a";
		struct token_request q = { span_of(name), SCOPE_DEPLOYMENT, { "" }, ROLE_MEMBER,
			0 };

		f->dep[i] = test_place(f->s, SCOPE_DEPLOYMENT, &f->ws, name);
		q.scope_id = f->dep[i];
		buf_init(&f->text[i], 4096);
		assert_int_equal(
		    token_issue(f->a, &q, clock_wall_ms(), &nobody, &f->token[i], &f->text[i]), 0);
	}
}

static int
set_up(void **state)
{
	struct fixture *f = mem_zalloc(sizeof *f);
	struct http_options o = { .max_connections = 64 };
	struct http_handler handler;
	struct why why;

	assert_non_null(f);
	test_dir_make(f->dir, "test_watch");
	f->keys = keys_from_bytes(kek);
	make_places(f);
	f->base = event_base_new();
	assert_non_null(f->base);
	assert_int_equal(api_new(&f->api, f->base, f->s, f->a), 0);
	handler = api_handler(f->api);
	assert_int_equal(http_server_new(&f->http, f->base, &o, &handler), 0);
	assert_int_equal(http_server_listen(f->http, "127.0.0.1:0", &why), 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	http_server_free(f->http);
	api_free(f->api);
	event_base_free(f->base);
	token_authority_free(f->a);
	store_close(f->s);
	keys_free(f->keys);
	buf_fini(&f->text[0]);
	buf_fini(&f->text[1]);
	test_dir_remove(f->dir);
	mem_free(f);
	return 0;
}

/* --- clients -------------------------------------------------------------------------- */

static int
dial(struct fixture *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_server_port(f->http)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static void
ask_with(
    struct fixture *f, int fd, int dep, bool secrets, const struct buf *token, const char *more)
{
	struct buf b = BUF_INIT(8192);

	buf_addf(&b,
	    "GET /v1/organizations/%s/environment-objects?deploymentId=%s&resolveLinked=true"
	    "&showSecrets=%s "
	    "HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer %s\r\n%s\r\n",
	    f->org.s, f->dep[dep].s, secrets ? "true" : "false", buf_str(token), more);
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(send(fd, b.data, b.len, MSG_NOSIGNAL), b.len);
	buf_fini(&b);
}

static void
ask(struct fixture *f, int fd, int dep, const char *more)
{
	ask_with(f, fd, dep, true, &f->text[dep], more);
}

static void
turn(struct fixture *f)
{
	assert_true(event_base_loop(f->base, EVLOOP_NONBLOCK) >= 0);
}

/* Reads one complete response, or what came before the connection ended ("": nothing). */
static const char *
hear(struct fixture *f, int fd)
{
	static char text[65536];
	int64_t deadline = clock_boot_ms() + PATIENCE_MS;
	size_t n = 0;

	for (;;) {
		ssize_t got = recv(fd, text + n, sizeof text - 1 - n, MSG_DONTWAIT);
		const char *end, *length;

		assert_true(clock_boot_ms() < deadline);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			return n ? text : "";
		n += got > 0 ? (size_t)got : 0;
		text[n] = '\0';
		end = strstr(text, "\r\n\r\n");
		length = strstr(text, "\r\nContent-Length: ");
		if (end &&
		    n >= (size_t)(end + 4 - text) + (length ? strtoul(length + 18, NULL, 10) : 0))
			return text;
		turn(f);
	}
}

static bool
is_silent(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* If-None-Match with the current ETag, and further fields. */
static void
tag_of(struct fixture *f, int dep, const char *more, char out[static 256])
{
	int fd = dial(f);
	const char *tag;

	ask(f, fd, dep, "");
	tag = strstr(hear(f, fd), "\r\nETag: ");
	assert_non_null(tag);
	(void)snprintf(
	    out, 256, "If-None-Match: %.*s\r\n%s", (int)strcspn(tag + 8, "\r"), tag + 8, more);
	close(fd);
}

/* N_CLIENTS wait, alternately for one Deployment and the other, each for as long as its number. */
static void
hold_all(struct fixture *f, int fds[static N_CLIENTS])
{
	for (int i = 0; i < N_CLIENTS; i++) {
		char more[256], wait[32];

		(void)snprintf(wait, sizeof wait, "Prefer: wait=%d\r\n", 10 + i / 4);
		tag_of(f, i % 2, wait, more);
		fds[i] = dial(f);
		ask(f, fds[i], i % 2, more);
	}
	for (int i = 0; i < 10; i++)
		turn(f);
	for (int i = 0; i < N_CLIENTS; i++)
		assert_true(is_silent(fds[i]));
}

static void
close_all(const int fds[static N_CLIENTS])
{
	for (int i = 0; i < N_CLIENTS; i++)
		close(fds[i]);
}

#define N_TOKENS 5
/* Clients that wait for the view of Deployment 0, each with its own token. */
struct waiters {
	struct id token[N_TOKENS];
	struct buf text[N_TOKENS];
	int fd[N_TOKENS];
};

/*
 * The token of the second expires in expires_in_s (0: never); that of the fourth is for the
 * organization.
 */
static void
hold_tokens(struct fixture *f, struct waiters *w, int64_t expires_in_s)
{
	char more[256];

	tag_of(f, 0, "Prefer: wait=50\r\n", more);
	for (int i = 0; i < N_TOKENS; i++) {
		struct token_request q = { SPAN_LITERAL("t"), SCOPE_DEPLOYMENT, f->dep[0],
			ROLE_MEMBER, i == 1 ? expires_in_s : 0 };

		if (i == 3) {
			q.scope = SCOPE_ORGANIZATION;
			q.scope_id = f->org;
		}
		buf_init(&w->text[i], 4096);
		assert_int_equal(
		    token_issue(f->a, &q, clock_wall_ms(), &nobody, &w->token[i], &w->text[i]), 0);
		w->fd[i] = dial(f);
		ask_with(f, w->fd[i], 0, true, &w->text[i], more);
	}
	for (int i = 0; i < 10; i++)
		turn(f);
	for (int i = 0; i < N_TOKENS; i++)
		assert_true(is_silent(w->fd[i]));
}

static void
waiters_fini(struct waiters *w)
{
	for (int i = 0; i < N_TOKENS; i++) {
		buf_fini(&w->text[i]);
		close(w->fd[i]);
	}
}

/* All but one of them get the change; that one gets what is expected. */
static void
assert_all_but(struct fixture *f, struct waiters *w, int odd, const char *status, const char *words)
{
	for (int i = 0; i < N_TOKENS; i++) {
		const char *text = hear(f, w->fd[i]);

		assert_non_null(strstr(text, i == odd ? status : "HTTP/1.1 200 OK\r\n"));
		assert_non_null(strstr(text, i == odd ? words : "\"a_0\""));
	}
}

/* Counts the reads of secrets by that token in the audit log. */
struct reads {
	const struct id *token;
	int n;
};

static int
count_read(void *arg, const struct store_audit *a)
{
	struct reads *reads = arg;

	reads->n += a->action == AUDIT_READ_SECRETS && id_equal(&a->by.token, reads->token) ? 1 : 0;
	return 0;
}

static int
reads_of(struct fixture *f, const struct id *token)
{
	struct store_audit_query q = { .organization = f->org, .limit = -1 };
	struct reads reads = { token, 0 };
	int64_t total;

	assert_int_equal(store_audit_list(f->s, &q, count_read, &reads, &total), 0);
	return reads.n;
}

/* Creates a variable in that Deployment. */
static void
change(struct fixture *f, int dep)
{
	char key[16];
	struct store_object_request q = { .type = MANAGER_AIRFLOW_VARIABLE,
		.value = SPAN_LITERAL("{\"value\":\"x\",\"isSecret\":false}"),
		.scope = SCOPE_DEPLOYMENT,
		.scope_id = f->dep[dep] };
	struct store_fault fault;
	struct id id;

	(void)snprintf(key, sizeof key, "%c_%d", 'a' + dep, f->made++);
	q.key = span_of(key);
	assert_int_equal(store_object_create(f->s, &q, &nobody, &id, &fault), 0);
}

/* --- tests ---------------------------------------------------------------------------- */

static void
each_is_told_of_its_own_view(void **state)
{
	struct fixture *f = *state;
	int fds[N_CLIENTS];
	char applied[64];

	hold_all(f, fds);
	for (int dep = 0; dep < 2; dep++) {
		change(f, dep);
		for (int i = 0; i < N_CLIENTS; i++) {
			const char *text;

			if (i % 2 != dep)
				continue;
			text = hear(f, fds[i]);
			assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
			(void)snprintf(applied, sizeof applied,
			    "\r\nPreference-Applied: wait=%d\r\n", 10 + i / 4);
			assert_non_null(strstr(text, applied));
			assert_non_null(strstr(text, dep ? "\"b_1\"" : "\"a_0\""));
			assert_non_null(strstr(text, "\"totalCount\":1}"));
		}
		for (int i = 0; i < N_CLIENTS; i++)
			assert_true(is_silent(fds[i]));
	}
	close_all(fds);
}

/* A response for one token is not given to another without the right, even for the same request. */
static void
a_token_that_is_revoked_meanwhile_gets_nothing(void **state)
{
	struct fixture *f = *state;
	int fds[N_CLIENTS];

	hold_all(f, fds);
	change(f, 0);
	change(f, 1);
	assert_int_equal(token_revoke(f->a, &f->token[1], clock_wall_ms(), &nobody), 0);
	for (int i = 0; i < N_CLIENTS; i++)
		assert_non_null(
		    strstr(hear(f, fds[i]), i % 2 ? "HTTP/1.1 401 " : "HTTP/1.1 200 OK\r\n"));
	close_all(fds);
}

/* Others get the same response in the same turn, before and after it. */
static void
among_many_tokens_only_the_revoked_one_gets_nothing(void **state)
{
	struct fixture *f = *state;
	struct waiters w;

	hold_tokens(f, &w, 0);
	change(f, 0);
	assert_int_equal(token_revoke(f->a, &w.token[1], clock_wall_ms(), &nobody), 0);
	assert_all_but(f, &w, 1, "HTTP/1.1 401 ", "revoked");
	/* The audit log has a read of each client, although they share a response. */
	for (int i = 0; i < N_TOKENS; i++)
		assert_int_equal(reads_of(f, &w.token[i]), i == 1 ? 0 : 1);
	waiters_fini(&w);
}

static void
among_many_tokens_only_the_expired_one_gets_nothing(void **state)
{
	static const struct timespec nap = { .tv_nsec = 10000000 };
	struct fixture *f = *state;
	int64_t deadline = clock_boot_ms() + PATIENCE_MS, end_ms = clock_wall_ms() + 2000;
	struct waiters w;

	hold_tokens(f, &w, 2);
	while (clock_wall_ms() <
	       end_ms) { /* the loop is blocked: its timer does not end the request */
		assert_true(clock_boot_ms() < deadline);
		(void)nanosleep(&nap, NULL);
	}
	change(f, 0);
	assert_all_but(f, &w, 1, "HTTP/1.1 401 ", "expired");
	waiters_fini(&w);
}

static void
a_switch_that_goes_off_meanwhile_keeps_secrets_from_everybody(void **state)
{
	struct fixture *f = *state;
	int plain = dial(f);
	struct waiters w;
	char more[256];

	hold_tokens(f, &w, 0);
	tag_of(f, 0, "Prefer: wait=50\r\n", more);
	ask_with(f, plain, 0, false, &w.text[0], more);
	for (int i = 0; i < 10; i++)
		turn(f);
	change(f, 0);
	assert_int_equal(store_organization_set_secrets(f->s, &f->org, false, &nobody), 0);
	for (int i = 0; i < N_TOKENS; i++)
		assert_non_null(strstr(hear(f, w.fd[i]), "HTTP/1.1 403 "));
	assert_non_null(strstr(hear(f, plain), "HTTP/1.1 200 OK\r\n"));
	for (int i = 0; i < N_TOKENS; i++)
		assert_int_equal(reads_of(f, &w.token[i]), 0);
	close(plain);
	waiters_fini(&w);
}

static void
a_deployment_that_goes_takes_its_tokens_along(void **state)
{
	struct fixture *f = *state;
	struct waiters w;

	hold_tokens(f, &w, 0);
	change(f, 0);
	assert_int_equal(store_entity_delete(f->s, SCOPE_DEPLOYMENT, &f->dep[0], &nobody), 0);
	for (int i = 0; i < N_TOKENS; i++)
		assert_non_null(
		    strstr(hear(f, w.fd[i]), i == 3 ? "HTTP/1.1 404 " : "HTTP/1.1 401 "));
	waiters_fini(&w);
}

/* The earlier result is no longer valid; the token is looked up again. */
static void
a_place_that_is_renamed_meanwhile_takes_nothing_away(void **state)
{
	struct fixture *f = *state;
	uint64_t rights;
	struct waiters w;
	const struct store_entity_set named = { .name = SPAN_LITERAL("x") };

	hold_tokens(f, &w, 0);
	rights = store_rights(f->s);
	assert_int_equal(store_entity_update(f->s, SCOPE_WORKSPACE, &f->ws, &named, &nobody), 0);
	assert_true(store_rights(f->s) != rights);
	rights = store_rights(f->s);
	change(f, 0);
	assert_true(store_rights(f->s) == rights);
	assert_all_but(f, &w, -1, "", "");
	waiters_fini(&w);
}

static void
a_change_that_is_none_for_it_leaves_it_waiting(void **state)
{
	struct fixture *f = *state;
	int fds[N_CLIENTS];

	hold_all(f, fds);
	/* The rights of the token are checked again; nothing has changed. */
	assert_int_equal(store_organization_set_secrets(f->s, &f->org, true, &nobody), 0);
	for (int i = 0; i < 10; i++)
		turn(f);
	for (int i = 0; i < N_CLIENTS; i++)
		assert_true(is_silent(fds[i]));
	change(f, 0);
	assert_non_null(strstr(hear(f, fds[0]), "\"a_0\""));
	close_all(fds);
}

static void
who_goes_gives_all_back(void **state)
{
	struct fixture *f = *state;
	int fds[N_CLIENTS];
	int64_t before, deadline = clock_boot_ms() + PATIENCE_MS;

	hold_all(f, fds);
	close_all(fds);
	while (http_server_connections(f->http) > 0) {
		assert_true(clock_boot_ms() < deadline);
		turn(f);
	}
	before = mem_live();
	hold_all(f, fds);
	assert_true(mem_live() > before);
	change(f, 0); /* some are due when their clients close */
	close_all(fds);
	while (http_server_connections(f->http) > 0) {
		assert_true(clock_boot_ms() < deadline);
		turn(f);
	}
	change(f, 1);
	turn(f);
}

/*
 * Whichever allocation fails: no client waits for ever, and none gets an incomplete response as a
 * complete one.
 */
static void
memory_that_is_out_ends_waits_all_the_same(void **state)
{
	struct fixture *f = *state;
	int fds[N_CLIENTS], n_good = 0;

	for (int64_t n = 0; n < 60; n += 3) {
		hold_all(f, fds);
		change(f, 0);
		mem_fail_after(n);
		for (int i = 0; i < 10; i++)
			turn(f);
		mem_fail_after(-1);
		for (int i = 0; i < N_CLIENTS; i += 2) {
			const char *text = hear(f, fds[i]);

			n_good += strstr(text, "HTTP/1.1 200 OK\r\n") != NULL;
			assert_true(!text[0] || strstr(text, "HTTP/1.1 200 OK\r\n") ||
				    strstr(text, "HTTP/1.1 500 "));
		}
		close_all(fds);
		for (int i = 0; i < 10; i++)
			turn(f);
	}
	assert_true(n_good > 0);
}

static void
a_stop_tells_everybody(void **state)
{
	struct fixture *f = *state;
	int fds[N_CLIENTS], late = dial(f);
	char more[256];

	hold_all(f, fds);
	tag_of(f, 0, "Prefer: wait=50\r\n", more);
	api_stop(f->api);
	for (int i = 0; i < N_CLIENTS; i++)
		assert_non_null(strstr(hear(f, fds[i]), "HTTP/1.1 304 "));
	ask(f, late, 0, more);
	assert_non_null(strstr(hear(f, late), "HTTP/1.1 304 "));
	close(late);
	close_all(fds);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_is_told_of_its_own_view),
		TEST(a_token_that_is_revoked_meanwhile_gets_nothing),
		TEST(among_many_tokens_only_the_revoked_one_gets_nothing),
		TEST(among_many_tokens_only_the_expired_one_gets_nothing),
		TEST(a_switch_that_goes_off_meanwhile_keeps_secrets_from_everybody),
		TEST(a_deployment_that_goes_takes_its_tokens_along),
		TEST(a_place_that_is_renamed_meanwhile_takes_nothing_away),
		TEST(a_change_that_is_none_for_it_leaves_it_waiting),
		TEST(who_goes_gives_all_back),
		TEST(memory_that_is_out_ends_waits_all_the_same),
		TEST(a_stop_tells_everybody),
	};

	if (base_init() < 0)
		return 1;
	http_global_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
