/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait: above the rate (throttle), or for other expensive ones (fairness). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/socket.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/unit/api_fixture.h"

#define OBJECTS "/v1/organizations/$o/environment-objects"
#define TURNS   20 /* turns of the loop: enough for any request that does not wait */

/* The linker puts this clock in the place of the real one (Makefile). */
int64_t __real_clock_boot_ms(void);
int64_t __wrap_clock_boot_ms(void);
static int64_t ahead_ms;

int64_t
__wrap_clock_boot_ms(void)
{
	return __real_clock_boot_ms() + ahead_ms;
}

static bool
has_response(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

/* The first request of a second; those after it wait. */
static void
use_up_the_rate(struct api_fixture *f)
{
	assert_int_equal(api_set_rates(f->api, 1, 1), 0);
	assert_int_equal(API(f, "GET", "/v1/organizations"), 200);
}

static void
a_request_above_the_rate_waits_and_a_stop_serves_it(void **state)
{
	struct api_fixture *f = *state;
	int waiting[5];

	use_up_the_rate(f);
	for (size_t i = 0; i < N_ELEMENTS(waiting); i++)
		waiting[i] = API_BEGIN(f, "GET", "/v1/organizations");
	api_turns(f, TURNS);
	assert_false(has_response(waiting[4])); /* it would wait for 5 s */
	api_stop(f->api);
	for (size_t i = 0; i < N_ELEMENTS(waiting); i++)
		assert_int_equal(api_end(f, waiting[i]), 200);
}

/* The first five may wait. Of so many, the last one is refused, even on a slow machine. */
static void
one_that_would_wait_too_long_is_refused(void **state)
{
	struct api_fixture *f = *state;
	int waiting[16];

	use_up_the_rate(f);
	for (size_t i = 0; i < N_ELEMENTS(waiting); i++)
		waiting[i] = API_BEGIN(f, "GET", "/v1/organizations");
	assert_int_equal(api_end(f, waiting[15]), 429);
	assert_true(atoi(api_field(f, "Retry-After:")) > 0);
	for (size_t i = 0; i < 15; i++)
		close(waiting[i]);
}

static void
a_token_that_is_revoked_while_it_waits_is_refused(void **state)
{
	static const char body[] = "{\"name\":\"t\",\"scope\":\"ORGANIZATION\",\"role\":\"OWNER\"}";
	struct api_fixture *f = *state;
	char id[32], token[4096], path[128];
	int waiting;

	assert_int_equal(API(f, "POST", "/v1/organizations/$o/tokens", .body = body), 200);
	api_string(f, "id", id, sizeof id);
	api_string(f, "token", token, sizeof token);
	(void)snprintf(path, sizeof path, "/v1/organizations/$o/tokens/%s", id);
	assert_int_equal(api_set_rates(f->api, 1, 1), 0);
	assert_int_equal(API(f, "GET", "/v1/organizations", .token = token), 200);
	waiting = API_BEGIN(f, "GET", "/v1/organizations", .token = token);
	api_turns(f, TURNS);
	assert_int_equal(API(f, "DELETE", path), 204);
	api_stop(f->api);
	assert_int_equal(api_end(f, waiting), 401);
}

/* In the first round libevent and SQLite allocate memory that they keep. */
static void
a_client_that_goes_gives_its_memory_back(void **state)
{
	struct api_fixture *f = *state;
	int64_t live = 0;

	use_up_the_rate(f);
	for (int round = 0; round < 3; round++) {
		int waiting = API_BEGIN(f, "GET", "/v1/organizations");

		api_turns(f, TURNS);
		close(waiting);
		while (http_server_connections(f->http) > 0)
			api_turns(f, 1);
		api_turns(f, TURNS);
		if (round == 0)
			live = mem_live();
	}
	assert_int_equal(mem_live(), live);
}

/* All arrive in one turn of the loop: the first is served, the others in later turns. */
static void
lists_take_turns_and_each_is_served(void **state)
{
	struct api_fixture *f = *state;
	int lists[8];

	for (size_t i = 0; i < N_ELEMENTS(lists); i++)
		lists[i] = API_BEGIN(f, "GET", OBJECTS);
	for (size_t i = 0; i < N_ELEMENTS(lists); i++) {
		if (i == 3) {
			close(lists[i]); /* its client does not wait */
			continue;
		}
		assert_int_equal(api_end(f, lists[i]), 200);
	}
}

/* All that were read in one turn of the loop, but the first, wait for theirs. */
static void
lists_that_have_waited_for_long_are_refused(void **state)
{
	struct api_fixture *f = *state;
	int lists[3];

	for (size_t i = 0; i < N_ELEMENTS(lists); i++)
		lists[i] = API_BEGIN(f, "GET", OBJECTS);
	while (!has_response(lists[0]))
		api_turns(f, 1);
	ahead_ms += 5000;
	assert_int_equal(api_end(f, lists[0]), 200);
	for (size_t i = 1; i < N_ELEMENTS(lists); i++) {
		assert_int_equal(api_end(f, lists[i]), 503);
		assert_string_not_equal(api_field(f, "Retry-After:"), "");
	}
	assert_int_equal(API(f, "GET", OBJECTS), 200);
}

static void
lists_are_served_without_memory_for_turns(void **state)
{
	struct api_fixture *f = *state;

	for (int64_t n = 0; n < 400; n += 7) {
		int one = API_BEGIN(f, "GET", OBJECTS), other = API_BEGIN(f, "GET", OBJECTS);

		mem_fail_after(n);
		api_turns(f, TURNS);
		mem_fail_after(-1);
		close(one);
		close(other);
		api_turns(f, TURNS);
	}
	assert_int_equal(API(f, "GET", OBJECTS), 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, api_set_up, api_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_above_the_rate_waits_and_a_stop_serves_it),
		TEST(one_that_would_wait_too_long_is_refused),
		TEST(a_token_that_is_revoked_while_it_waits_is_refused),
		TEST(a_client_that_goes_gives_its_memory_back),
		TEST(lists_take_turns_and_each_is_served),
		TEST(lists_that_have_waited_for_long_are_refused),
		TEST(lists_are_served_without_memory_for_turns),
	};

	if (base_init() < 0 || store_global_init() < 0)
		return 1;
	http_global_init();
	log_setup(LOG_FORMAT_KV, LOG_ERROR);
	return cmocka_run_group_tests_name("api waiting", tests, NULL, NULL);
}
