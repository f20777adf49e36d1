/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the cases of proto/vectors, which proto/README.md describes. $CONND_SRC: the top of the
 * source tree; default ".".
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "core/render.h"
#include "ctl/json.h"
#include "edge/upstream/page_builder.h"
#include "proto/page.h"
#include "proto/secrets.h"
#include "tests/unit/check.h"

/* --- the files ------------------------------------------------------------------------- */

static char *
read_file(const char *name, size_t *n)
{
	const char *top = getenv("CONND_SRC");
	char path[4096], *data;
	FILE *f;
	long size;

	snprintf(path, sizeof path, "%s/proto/vectors/%s", top ? top : ".", name);
	f = fopen(path, "rb");
	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	size = ftell(f);
	assert_true(size > 0);
	rewind(f);
	data = malloc((size_t)size);
	assert_non_null(data);
	*n = fread(data, 1, (size_t)size, f);
	assert_int_equal(*n, size);
	fclose(f);
	return data;
}

static const char *
text_in(const struct json *j, const char *name)
{
	return json_string(json_get(j, name));
}

static int64_t
int_in(const struct json *j, const char *name)
{
	int64_t v;

	if (!json_int(json_get(j, name), &v))
		fail_msg("no integer %s", name);
	return v;
}

static bool
true_in(const struct json *j, const char *name)
{
	bool v = false;

	(void)json_bool(json_get(j, name), &v);
	return v;
}

/* Calls check() for every case, and names the case when a comparison fails. */
static void
each_case(const char *file, void (*check)(const struct json *c))
{
	struct json *j = NULL;
	const struct json *c;
	size_t n, at, n_cases = 0;
	char *data = read_file(file, &n);

	if (json_parse(&j, (struct span){ data, n }, &at))
		fail_msg("%s: not JSON at byte %zu", file, at);
	for (c = json_first(json_get(j, "cases")); c; c = json_next(c), n_cases++) {
		assert_non_null(text_in(c, "name"));
		print_message("%s: %s\n", file, text_in(c, "name"));
		check(c);
	}
	assert_true(n_cases > 10);
	json_free(j);
	free(data);
	assert_int_equal(mem_live(), 0);
}

static void
assert_frame(const struct buf *out, const char *want)
{
	assert_int_equal(buf_error(out), 0);
	assert_string_equal(buf_str(out), want);
	assert_int_equal(out->len, strlen(want) + 1);
}

/* --- calls.json and refusals.json ------------------------------------------------------ */

static enum secrets_method
method_in(const struct json *c)
{
	static const char *const names[] = {
		[SECRETS_GET_CONNECTION] = "GetConnection",
		[SECRETS_GET_VARIABLE] = "GetVariable",
		[SECRETS_GET_CONFIG] = "GetConfig",
		[SECRETS_GET_ENVIRONMENT_VARIABLE] = "GetEnvironmentVariable",
		[SECRETS_LIST] = "List",
		[SECRETS_STATUS] = "Status",
		[SECRETS_REFRESH] = "Refresh",
		[SECRETS_TRACE] = "Trace",
		[SECRETS_EXPLAIN] = "Explain",
		[SECRETS_WATCH] = "Watch",
		[SERVICE_GET_INFO] = "GetInfo",
		[SERVICE_GET_INTERFACE_DESCRIPTION] = "GetInterfaceDescription",
	};
	const char *name = text_in(c, "method");

	for (size_t i = 0; name && i < N_ELEMENTS(names); i++)
		if (strcmp(name, names[i]) == 0)
			return (enum secrets_method)i;
	fail_msg("no method");
	return SECRETS_LIST;
}

static void
check_call(const struct json *c)
{
	char *frame = strdup(text_in(c, "frame"));
	struct buf out = BUF_INIT(1 << 16);
	const char *why;
	struct secrets_request q;
	struct span parameter;
	struct call call;

	assert_int_equal(envelope_call(span_of(frame), &call, &why), 0);
	assert_span(call.trace, text_in(c, "trace"));
	assert_int_equal(secrets_read(&call, frame, &q, &parameter), SECRETS_OK);
	assert_int_equal(q.method, method_in(c));
	assert_span(q.key, text_in(c, "key"));
	assert_span(q.team, text_in(c, "team"));
	assert_int_equal(q.more, true_in(c, "more"));
	assert_int_equal(q.oneway, true_in(c, "oneway"));
	if (true_in(c, "c")) {
		secrets_write_call(&out, &q);
		assert_frame(&out, text_in(c, "frame"));
	}
	buf_fini(&out);
	free(frame);
}

static void
each_call_vector_reads_as_it_says(void **state)
{
	(void)state;
	each_case("calls.json", check_call);
}

static void
check_refusal(const struct json *c)
{
	char *frame = strdup(text_in(c, "frame"));
	struct buf out = BUF_INIT(1 << 16);
	enum secrets_verdict v;
	const char *why;
	struct secrets_request q;
	struct span parameter;
	struct call call;
	int r = envelope_call(span_of(frame), &call, &why);

	if (true_in(c, "closes")) {
		assert_int_equal(r, -EBADMSG);
	} else {
		assert_int_equal(r, 0);
		v = secrets_read(&call, frame, &q, &parameter);
		if (v == SECRETS_OK && q.method == SERVICE_GET_INTERFACE_DESCRIPTION)
			secrets_write_description(&out, q.key);
		else
			secrets_write_refusal(&out, v, &call, parameter);
		assert_frame(&out, text_in(c, "reply"));
	}
	buf_fini(&out);
	free(frame);
}

static void
each_refused_vector_gets_its_error(void **state)
{
	(void)state;
	each_case("refusals.json", check_refusal);
}

/* --- replies.json ---------------------------------------------------------------------- */

static enum secrets_state
state_in(const struct json *c)
{
	for (int s = SECRETS_NOT_READY; s <= SECRETS_EXPIRED; s++)
		if (strcmp(text_in(c, "state"), secrets_state_name((enum secrets_state)s)) == 0)
			return (enum secrets_state)s;
	fail_msg("no state");
	return SECRETS_NOT_READY;
}

static enum secrets_kind
kind_in(const struct json *c)
{
	for (int k = SECRETS_CONNECTION; k <= SECRETS_ENV; k++)
		if (strcmp(text_in(c, "kind"), secrets_kind_name((enum secrets_kind)k)) == 0)
			return (enum secrets_kind)k;
	fail_msg("no kind");
	return SECRETS_ENV;
}

static void
write_value(const struct json *c, struct buf *out)
{
	struct buf value = BUF_INIT(1 << 16);
	struct secrets_tail tail = { 0 };

	render_variable(&value, span_of(text_in(c, "text")));
	secrets_tail_set(
	    &tail, (uint64_t)int_in(c, "generation"), state_in(c), int_in(c, "age_ms"));
	secrets_write_value(out, span_of_buf(&value), &tail);
	buf_fini(&value);
}

static void
write_withheld(const struct json *c, struct buf *out)
{
	struct buf fields = BUF_INIT(1 << 16);

	json_write(json_get(c, "fields"), &fields);
	secrets_write_withheld(out, kind_in(c), span_of(text_in(c, "key")), span_of_buf(&fields));
	buf_fini(&fields);
}

static void
write_answer(const struct json *c, const char *answer, struct buf *out)
{
	if (strcmp(answer, "value") == 0)
		write_value(c, out);
	else if (strcmp(answer, "not_found") == 0)
		secrets_write_not_found(
		    out, kind_in(c), span_of(text_in(c, "key")), state_in(c), int_in(c, "age_ms"));
	else if (strcmp(answer, "not_ready") == 0)
		secrets_write_not_ready(out, text_in(c, "reason"));
	else if (strcmp(answer, "expired") == 0)
		secrets_write_expired(out, int_in(c, "age_ms"), text_in(c, "reason"));
	else if (strcmp(answer, "withheld") == 0)
		write_withheld(c, out);
	else if (strcmp(answer, "invalid") == 0)
		secrets_write_invalid(
		    out, kind_in(c), span_of(text_in(c, "key")), span_of(text_in(c, "field")));
	else if (strcmp(answer, "overloaded") == 0)
		secrets_write_overloaded(out, int_in(c, "retry_ms"));
	else if (strcmp(answer, "denied") == 0)
		secrets_write_denied(out);
	else
		fail_msg("no such answer");
}

static void
check_reply(const struct json *c)
{
	const char *frame = text_in(c, "frame"), *answer = text_in(c, "answer");
	struct buf out = BUF_INIT(1 << 16);
	struct span value;
	struct reply reply;
	int r = envelope_reply(span_of(frame), &reply);

	assert_int_equal(r, true_in(c, "broken") ? -EBADMSG : 0);
	if (text_in(c, "error"))
		assert_span(reply.error, text_in(c, "error"));
	if (text_in(c, "text")) {
		assert_null(reply.error.p);
		assert_int_equal(scan_find(reply.parameters, "value", &value), 0);
		assert_int_equal(scan_string(value, &out), 0);
		assert_string_equal(buf_str(&out), text_in(c, "text"));
	}
	if (answer) {
		buf_reset(&out);
		write_answer(c, answer, &out);
		assert_frame(&out, frame);
	}
	buf_fini(&out);
}

static void
each_reply_vector_is_what_is_written(void **state)
{
	(void)state;
	each_case("replies.json", check_reply);
}

/* --- pages.json ------------------------------------------------------------------------ */

/* The text for Airflow, which a record stores as a JSON string. */
static void
record_text(const struct manager_row *row, enum manager_type type, struct buf *text)
{
	struct buf record = BUF_INIT(1 << 16);

	build_render(type == MANAGER_CONNECTION ? KIND_CONNECTION : KIND_VARIABLE, row, &record);
	assert_int_equal(scan_string(span_of_buf(&record), text), 0);
	buf_fini(&record);
}

struct expected {
	const struct json *next;
	enum manager_type type;
};

static int
check_row(void *arg, const struct manager_row *row)
{
	struct expected *e = arg;
	struct buf text = BUF_INIT(1 << 16);

	assert_non_null(e->next);
	assert_span(row->key, text_in(e->next, "key"));
	switch (row->verdict) {
	case ROW_GOOD:
		record_text(row, e->type, &text);
		assert_non_null(text_in(e->next, "text"));
		assert_string_equal(buf_str(&text), text_in(e->next, "text"));
		break;
	case ROW_WITHHELD:
		assert_non_null(json_get(e->next, "withheld"));
		json_write(json_get(e->next, "withheld"), &text);
		assert_span(row->withheld_json, buf_str(&text));
		break;
	case ROW_INVALID:
		assert_non_null(text_in(e->next, "invalid"));
		assert_span(row->bad_field, text_in(e->next, "invalid"));
		break;
	}
	buf_fini(&text);
	e->next = json_next(e->next);
	return 0;
}

/* A refused list may have had rows before the error. */
static int
ignore_row(void *arg, const struct manager_row *row)
{
	(void)arg;
	(void)row;
	return 0;
}

static void
check_page(const struct json *c)
{
	struct buf scratch = BUF_INIT(MANAGER_SCRATCH);
	struct span text = span_of(text_in(c, "page")), deployment;
	struct expected e = { 0 };
	struct manager_page page;
	struct why why;

	assert_true(manager_type_from(span_of(text_in(c, "type")), &e.type));
	deployment = span_of(text_in(c, "deployment"));
	if (true_in(c, "fails")) {
		assert_int_equal(manager_page_read(text, e.type, deployment, ignore_row, NULL,
				     &scratch, &page, &why),
		    -EBADMSG);
		assert_true(*why.text);
	} else {
		e.next = json_first(json_get(c, "rows"));
		assert_int_equal(manager_page_read(text, e.type, deployment, check_row, &e,
				     &scratch, &page, &why),
		    0);
		assert_null(e.next);
		assert_int_equal(page.total, int_in(c, "total"));
		assert_int_equal(page.n_rows, json_count(json_get(c, "rows")));
	}
	buf_fini(&scratch);
}

static void
each_page_vector_reads_as_it_says(void **state)
{
	(void)state;
	each_case("pages.json", check_page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call_vector_reads_as_it_says),
		cmocka_unit_test(each_refused_vector_gets_its_error),
		cmocka_unit_test(each_reply_vector_is_what_is_written),
		cmocka_unit_test(each_page_vector_reads_as_it_says),
	};

	json_global_init();
	return cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
}
