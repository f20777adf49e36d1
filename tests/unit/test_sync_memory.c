/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sync through the real libcurl from a real server, with each of its allocations failing in turn:
 * it ends once, and the next one succeeds. libcurl, libevent and zlib allocate from base/mem, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/base.h"
#include "base/mem.h"
#include "edge/upstream/libcurl.h"
#include "edge/upstream/sync.h"
#include "tests/unit/tiny_server.h"

#define TIMEOUT_MS  200
#define MOMENT_MS   30
#define PATIENCE_MS 20000
#define MAX_TRIES   20
#define ALL         INT64_MAX

static atomic_bool asked_another;

static bool
on_request(void *env, int fd, const char *head)
{
	const char *type = strstr(head, "objectType=");
	char body[1024], answer[2048];

	if (!type) { /* it requests another list */
		*(atomic_bool *)env = true;
		return tiny_print(fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
	}
	(void)snprintf(body, sizeof body, "{\"totalCount\":%d,\"environmentObjects\":[%s]}",
	    strstr(type, "=CONNECTION") != NULL,
	    strstr(type, "=CONNECTION")
		? "{\"objectKey\":\"a\",\"objectType\":\"CONNECTION\",\"scope\":\"WORKSPACE\","
		  "\"connection\":{\"type\":\"http\",\"password\":\"p\"}}"
		: "");
	(void)snprintf(answer, sizeof answer,
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"t\"\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    strlen(body), body);
	return tiny_print(fd, answer);
}

struct world {
	struct tiny_server *server;
	char token_path[64], url_text[64];
	char *url;
	struct config config;
	struct loop *loop;
	struct worker *worker;
	struct upstream *upstream;
	struct sync *sync;
	struct event *memory_back, *patience;
	struct later again;
	int n_done, tries;
	enum sync_outcome outcome[2]; /* of the sync with failures, and of the next one */
	char reason[REPLICA_REASON_SIZE];
};

static bool
on_done(void *env, const struct sync_result *result)
{
	struct world *w = env;

	mem_fail_after(-1);
	assert_true(w->n_done < 2);
	w->outcome[w->n_done++] = result->outcome;
	(void)snprintf(w->reason, sizeof w->reason, "%s", result->reason);
	generation_unref(result->list.generation);
	/* With memory, only a busy machine is late: it may be so a few times. */
	if (w->n_done == 2 && result->outcome != SYNC_OK && w->tries++ < MAX_TRIES)
		w->n_done = 1;
	if (w->n_done == 1)
		loop_after_turn(w->loop, &w->again);
	else
		loop_stop(w->loop);
	return false;
}

static void
on_again(struct later *job)
{
	struct world *w = CONTAINER_OF(job, struct world, again);
	struct sync_basis basis = { 0 };
	sync_start(w->sync, &basis);
}

static void
on_memory_back(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	mem_fail_after(-1);
}

static void
on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	mem_fail_after(-1);
	fail_msg("the sync was lost");
}

static void
arm(struct event *timer, int ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	assert_int_equal(evtimer_add(timer, &tv), 0);
}

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct why why;
	int fd;

	w->server = tiny_server_new(NULL, on_request, &asked_another);
	strcpy(w->token_path, "/tmp/connd-test-XXXXXX");
	fd = mkstemp(w->token_path);
	if (fd < 0 || write(fd, "token", 5) != 5)
		return -1;
	close(fd);
	(void)snprintf(
	    w->url_text, sizeof w->url_text, "http://127.0.0.1:%d", tiny_server_port(w->server));
	w->url = w->url_text;
	w->config.manager.url = (struct config_list){ &w->url, 1 };
	w->config.manager.organization = (char *)(uintptr_t) "org";
	w->config.manager.workspace = (char *)(uintptr_t) "ws";
	w->config.manager.timeout_ms = TIMEOUT_MS;
	w->config.memory.max_bytes = 1 << 20;
	*state = w;
	w->again.run = on_again;
	return libcurl_load(&why);
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	libcurl_end();
	tiny_server_free(w->server);
	unlink(w->token_path);
	free(w);
	return 0;
}

static void
build_parts(struct world *w)
{
	struct sync_source source = { .config = &w->config, .token_path = w->token_path };

	assert_int_equal(loop_new(&w->loop), 0);
	assert_int_equal(worker_new(&w->worker, w->loop), 0);
	w->memory_back = evtimer_new(loop_base(w->loop), on_memory_back, w);
	w->patience = evtimer_new(loop_base(w->loop), on_patience, w);
	assert_int_equal(upstream_new(&w->upstream, w->loop, &w->config), 0);
	source.upstream = w->upstream;
	assert_int_equal(sync_new(&w->sync, w->loop, w->worker, &source, on_done, w), 0);
}

static void
free_parts(struct world *w)
{
	w->sync = sync_free(w->sync);
	w->worker = worker_free(w->worker);
	w->upstream = upstream_free(w->upstream);
	event_free(w->memory_back);
	event_free(w->patience);
	w->loop = loop_free(w->loop);
}

/* True if the sync succeeded in spite of the failure. */
static bool
survives(struct world *w, int64_t n, int64_t count)
{
	struct sync_basis basis = { 0 };

	build_parts(w);
	w->n_done = 0;
	w->tries = 0;
	arm(w->patience, PATIENCE_MS);
	arm(w->memory_back, count == ALL ? MOMENT_MS : PATIENCE_MS);
	mem_fail_some(n, count);
	sync_start(w->sync, &basis);
	assert_int_equal(loop_run(w->loop), 0);
	mem_fail_after(-1);
	assert_int_equal(w->n_done, 2);
	if (w->outcome[1] != SYNC_OK)
		fail_msg("allocation %d, the sync after: %s", (int)n, w->reason);
	free_parts(w);
	return w->outcome[0] == SYNC_OK;
}

static void
torture(struct world *w, int64_t count)
{
	int good_in_a_row = 0;
	int64_t n;

	/* Some failures do no harm, such as those of libcurl's caches. */
	for (n = 0; good_in_a_row < 60; n++)
		good_in_a_row = survives(w, n, count) ? good_in_a_row + 1 : 0;
	assert_true(n > 200);
	assert_false(asked_another);
}

static void
a_sync_survives_any_one_allocation_that_fails(void **state)
{
	torture(*state, 1);
}

static void
a_sync_survives_a_moment_without_memory(void **state)
{
	torture(*state, ALL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_sync_survives_any_one_allocation_that_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_sync_survives_a_moment_without_memory, set_up, tear_down),
	};

	if (base_init() < 0)
		return 1;
	loop_global_init();
	return cmocka_run_group_tests_name("sync_memory", tests, NULL, NULL);
}
