/* SPDX-License-Identifier: Apache-2.0 */
/* edge/socket/trace: the ring of the last lookups, and what Trace shows of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/json/scan.h"
#include "base/mem.h"
#include "edge/socket/trace.h"

#define MAX_REPLY ((size_t)1 << 20)

struct shown {
	struct buf text;
	size_t n;
	int64_t first, next;
};

static struct trace *
fresh(void)
{
	struct trace *t;

	assert_int_equal(trace_new(&t), 0);
	return t;
}

static void
add(struct trace *t, const char *key)
{
	struct trace_lookup l = {
		.now_ms = clock_boot_ms(),
		.uid = 1000,
		.pid = 77,
		.kind = KIND_CONNECTION,
		.result = LOOKUP_VALUE,
		.key = span_of(key),
		.generation = 9,
		.request = SPAN_LITERAL("0123456789abcdef0123456789abcdef"),
		.age_ms = 1500,
	};

	trace_begin(t);
	trace_add(t, &l);
}

static void
add_many(struct trace *t, int n)
{
	char key[16];

	for (int i = 1; i <= n; i++) {
		(void)snprintf(key, sizeof key, "k%d", i);
		add(t, key);
	}
}

static int64_t
int_in(struct span object, const char *name)
{
	struct span value;
	int64_t n;

	assert_int_equal(scan_find(object, name, &value), 0);
	assert_int_equal(scan_int(value, &n), 0);
	return n;
}

/* What Trace shows after that number, which must be strict JSON. */
static void
show(const struct trace *t, int64_t after, struct shown *s)
{
	struct span object, lookups, lookup;

	buf_reset(&s->text);
	buf_addc(&s->text, '{');
	trace_write(t, after, clock_boot_ms(), &s->text);
	buf_addc(&s->text, '}');
	assert_int_equal(scan_check(span_of_buf(&s->text), SCAN_STRICT, &object, NULL), 0);
	s->next = int_in(object, "next");
	assert_int_equal(scan_find(object, "lookups", &lookups), 0);
	s->first = 0;
	for (s->n = 0; scan_element(&lookups, &lookup); s->n++)
		if (s->n == 0)
			s->first = int_in(lookup, "n");
}

static void
assert_shows(const struct trace *t, int64_t after, const char *text)
{
	struct shown s = { .text = BUF_INIT(MAX_REPLY) };

	show(t, after, &s);
	if (!strstr(buf_str(&s.text), text))
		fail_msg("%s does not hold %s", buf_str(&s.text), text);
	buf_fini(&s.text);
}

static void
a_lookup_is_shown_with_all_that_is_known(void **state)
{
	struct trace *t = fresh();
	struct trace_lookup denied = {
		.now_ms = clock_boot_ms(),
		.uid = 1,
		.pid = 2,
		.kind = KIND_VARIABLE,
		.result = LOOKUP_DENIED,
		.key = span_of("a\"b"),
		.team = span_of("red"),
		.id = span_of("ab12"),
		.age_ms = -1,
	};

	(void)state;
	add(t, "warehouse");
	trace_sent(t, 12);
	trace_begin(t);
	trace_add(t, &denied);
	assert_shows(t, 0,
	    "\"uid\":1000,\"pid\":77,\"kind\":\"connection\",\"key\":\"warehouse\","
	    "\"result\":\"value\",\"us\":12,\"age_ms\":1500,\"generation\":9,"
	    "\"request_id\":\"0123456789abcdef0123456789abcdef\"}");
	assert_shows(t, 0,
	    "\"uid\":1,\"pid\":2,\"kind\":\"variable\",\"key\":\"a\\\"b\",\"team\":\"red\","
	    "\"result\":\"denied\",\"trace\":\"ab12\"}");
	trace_sent(t, 7);
	assert_shows(t, 1, "\"us\":7");
	trace_free(t);
}

static void
the_last_ones_are_kept_and_read_in_pieces(void **state)
{
	struct shown s = { .text = BUF_INIT(MAX_REPLY) };
	struct trace *t = fresh();
	size_t sum = 0;

	(void)state;
	show(t, 0, &s);
	assert_int_equal(s.n, 0);
	assert_int_equal(s.next, 0);
	add_many(t, TRACE_LOOKUPS + 100);
	trace_sent(t, 1);
	show(t, 0, &s);
	assert_int_equal(s.n, TRACE_REPLY);
	assert_int_equal(s.first, 101);
	for (s.next = 0, s.n = 1; s.n > 0; sum += s.n)
		show(t, s.next, &s);
	assert_int_equal(sum, TRACE_LOOKUPS);
	assert_int_equal(s.next, TRACE_LOOKUPS + 100);
	/* A number of an earlier run of the daemon, and two that make no sense. */
	for (size_t i = 0; i < 3; i++) {
		show(t, (const int64_t[]){ TRACE_LOOKUPS + 101, INT64_MAX, -1 }[i], &s);
		assert_int_equal(s.first, 101);
	}
	trace_free(t);
	buf_fini(&s.text);
}

static void
long_texts_are_cut_between_characters(void **state)
{
	char key[400] = "x";
	struct trace *t = fresh();

	(void)state;
	for (size_t i = 1; i + 2 < sizeof key; i += 2)
		memcpy(key + i, "é", sizeof "é");
	add(t, key);
	assert_shows(t, 0, "é...\"");
	trace_free(t);
}

static void
an_overloaded_response_is_that_of_the_request_being_served(void **state)
{
	struct trace *t = fresh();

	(void)state;
	add(t, "k");
	trace_begin(t); /* a request that is not a lookup */
	trace_overload(t);
	assert_shows(t, 0, "\"result\":\"value\"");
	add(t, "k");
	trace_overload(t);
	assert_shows(t, 1, "\"result\":\"overloaded\"}");
	trace_free(t);
}

static void
without_a_ring_nothing_is_kept(void **state)
{
	struct trace *t;

	(void)state;
	add(NULL, "k");
	trace_overload(NULL);
	trace_sent(NULL, 1);
	assert_shows(NULL, 0, "{\"lookups\":[],\"next\":0}");
	assert_null(trace_free(NULL));
	mem_fail_after(0);
	assert_int_not_equal(trace_new(&t), 0);
	mem_fail_after(-1);
	assert_int_equal(mem_live(), 0);
}

static void
without_memory_there_is_an_error(void **state)
{
	struct buf params = BUF_INIT(MAX_REPLY);
	struct trace *t = fresh();

	(void)state;
	add(t, "k");
	mem_fail_after(0);
	trace_write(t, 0, clock_boot_ms(), &params);
	mem_fail_after(-1);
	assert_int_not_equal(buf_error(&params), 0);
	buf_fini(&params);
	trace_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lookup_is_shown_with_all_that_is_known),
		cmocka_unit_test(the_last_ones_are_kept_and_read_in_pieces),
		cmocka_unit_test(long_texts_are_cut_between_characters),
		cmocka_unit_test(an_overloaded_response_is_that_of_the_request_being_served),
		cmocka_unit_test(without_a_ring_nothing_is_kept),
		cmocka_unit_test(without_memory_there_is_an_error),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
