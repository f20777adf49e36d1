/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of sidecars: how they are read, which are kept, and what is said of a silent one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "manager/api/input/report.h"
#include "manager/api/sidecars.h"
#include "tests/unit/api_fixture.h"
#include "manager/store/sidecar.h"

#define ID       "0123456789abcdef0123456789abcdef"
#define BEGIN    "{\"id\":\"" ID "\",\"name\":\"w\",\"version\":\"1\""
#define SIDECARS "/v1/organizations/$o/sidecars"

static void
a_report_is_read_by_its_rules(void **state)
{
	static const struct {
		const char *text, *shown; /* NULL: refused */
		int64_t age_ms;
	} table[] = {
		{ BEGIN "}", "{\"version\":\"1\",\"generation\":0}", -1 },
		{ BEGIN ",\"generation\":5,\"ageMs\":7,\"state\":\"stale\",\"snapshot\":\"off\","
			"\"lastError\":\"a \\\"b\\\"\",\"other\":1}",
		    "{\"version\":\"1\",\"generation\":5,\"state\":\"stale\",\"snapshot\":\"off\","
		    "\"lastError\":\"a \\\"b\\\"\"}",
		    7 },
		{ BEGIN ",\"lastError\":\"\"}", "{\"version\":\"1\",\"generation\":0}", -1 },
		{ BEGIN ",\"ageMs\":-1}", NULL, 0 },
		{ BEGIN ",\"ageMs\":1e3}", NULL, 0 },
		{ BEGIN ",\"state\":\"FRESH\"}", NULL, 0 },
		{ BEGIN ",\"snapshot\":\"x\"}", NULL, 0 },
		{ BEGIN ",\"version\":\"2\"}", NULL, 0 },
		{ BEGIN, NULL, 0 },
		{ "{\"id\":\"" ID "\",\"name\":\"w\"}", NULL, 0 },
		{ "{\"id\":\"" ID "00\",\"name\":\"w\",\"version\":\"1\"}", NULL, 0 },
		{ "", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct buf shown = BUF_INIT(REPORT_TEXT_MAX);
		struct report r;
		int got = report_read(span_of(table[i].text), &r, &shown);

		if (got != (table[i].shown ? 0 : -EINVAL))
			fail_msg("row %zu: %d", i, got);
		if (table[i].shown) {
			assert_string_equal(buf_str(&shown), table[i].shown);
			assert_string_equal(r.id, ID);
			assert_string_equal(r.name, "w");
			assert_int_equal(r.age_ms, table[i].age_ms);
		}
		buf_fini(&shown);
	}
}

static void
the_longest_report_fits(void **state)
{
	struct buf text = BUF_INIT(REPORT_MAX), shown = BUF_INIT(REPORT_TEXT_MAX);
	struct report r;

	(void)state;
	buf_adds(&text, BEGIN ",\"lastError\":\"");
	for (int i = 0; i < 200; i++)
		buf_adds(&text, "\\u0001");
	buf_adds(&text, "\"}");
	assert_int_equal(report_read(span_of_buf(&text), &r, &shown), 0);
	buf_fini(&shown);
	buf_fini(&text);
}

/* Stores one as if its report had come then. */
static void
put(struct api_fixture *f, const char *name, int64_t seen_ms, int64_t confirmed_ms)
{
	struct store_sidecar c = { .scope = SCOPE_DEPLOYMENT,
		.scope_id = f->dep[0],
		.organization = f->org,
		.workspace = f->ws,
		.name = span_of(name),
		.report = SPAN_LITERAL("{}"),
		.seen_ms = seen_ms,
		.confirmed_ms = confirmed_ms };

	(void)snprintf(c.id, sizeof c.id, "%032d", atoi(name));
	assert_int_equal(store_sidecar_put(f->s, &c, 1), 0);
}

static void
a_silent_sidecar_is_said_to_be(void **state)
{
	struct api_fixture *f = *state;
	int64_t now = clock_wall_ms();

	put(f, "1", now, now);
	put(f, "2", now - SIDECARS_SILENT_MS - 1000, now - SIDECARS_SILENT_MS - 1000);
	put(f, "3", now - SIDECARS_KEPT_MS - 1000, now);
	assert_int_equal(API(f, "GET", SIDECARS), 200);
	assert_non_null(strstr(f->body, "\"newest\":1,\"behind\":0,\"silent\":1"));
	assert_non_null(strstr(f->body, "\"totalCount\":2"));
}

static void
a_later_report_is_not_replaced_by_an_earlier_one(void **state)
{
	struct api_fixture *f = *state;
	int64_t now = clock_wall_ms();

	put(f, "1", now, 0);
	put(f, "1", now - 1000, now);
	assert_int_equal(API(f, "GET", SIDECARS), 200);
	assert_non_null(strstr(f->body, "\"behind\":1"));
}

static void
pruning_keeps_a_day_and_so_many_of_a_place(void **state)
{
	struct api_fixture *f = *state;
	int64_t now = clock_wall_ms(), n;
	char name[16];

	put(f, "5000", now - SIDECARS_KEPT_MS - 1, now);
	for (int i = 0; i < STORE_MAX_SIDECARS + 3; i++) {
		(void)snprintf(name, sizeof name, "%d", i);
		put(f, name, now - STORE_MAX_SIDECARS - 3 + i, now);
	}
	assert_int_equal(store_sidecar_prune(f->s, now - SIDECARS_KEPT_MS, &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(store_sidecar_prune(f->s, now - SIDECARS_KEPT_MS, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(API(f, "GET", SIDECARS "?limit=1"), 200);
	assert_non_null(strstr(f->body, "\"totalCount\":1000}"));
}

static void
requests_survive_without_memory(void **state)
{
	static const struct api_row table[] = {
		{ "GET", "/v1/organizations/$o/environment-objects?deploymentId=$d", NULL,
		    "X-Connd-Report: " BEGIN "}\r\n" },
		{ "GET", SIDECARS, NULL },
	};

	api_without_memory(*state, table, N_ELEMENTS(table));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, api_set_up, api_tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_is_read_by_its_rules),
		cmocka_unit_test(the_longest_report_fits),
		T(a_silent_sidecar_is_said_to_be),
		T(a_later_report_is_not_replaced_by_an_earlier_one),
		T(pruning_keeps_a_day_and_so_many_of_a_place),
		T(requests_survive_without_memory),
	};

	if (base_init() < 0)
		return 1;
	http_global_init();
	return cmocka_run_group_tests_name("sidecars", tests, NULL, NULL);
}
