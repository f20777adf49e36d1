/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connctl explain conn|var KEY: where a value comes from, or why there is none. Each part of the
 * report is filled by its own file; what cannot be asked is left out, and stderr says why.
 */
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "ctl/explain/explain_internal.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

#define OUTPUT_SIZE  ((size_t)64 << 20)
#define MESSAGE_SIZE ((size_t)64 << 10)

struct json *
put(struct explain *e, struct json *to, const char *name, struct json *child)
{
	if (json_take(to, name, child) == 0)
		return child;
	e->failed = true;
	return NULL;
}

void
put_text(struct explain *e, struct json *to, const char *name, const char *text)
{
	if (text && *text)
		(void)put(e, to, name, json_new_string(text));
}

struct json *
put_element(struct explain *e, struct json *array, struct json *child)
{
	if (json_append(array, child) == 0)
		return child;
	e->failed = true;
	return NULL;
}

/* --- values ------------------------------------------------------------------------------ */

/* The served text of a field in the manager's words; NULL: connd's value has none. */
static const struct json *
served_field(const struct json *value, const char *field)
{
	const char *name = strcmp(field, "type") == 0 ? "conn_type" : field;

	if (strncmp(name, "extra.", strlen("extra.")) != 0)
		return json_get(value, name);
	value = json_get(value, "extra");
	return value && json_type(value) == SCAN_OBJECT ? json_get(value, name + strlen("extra."))
							: NULL;
}

/* With --reveal, each field has what connd serves. */
static void
reveal_fields(struct explain *e, const struct json *value)
{
	struct json *manager = json_member(e->report, "manager");
	struct json *fields = manager ? json_member(manager, "fields") : NULL, *field;

	for (size_t i = 0; fields && (field = json_at(fields, i)); i++) {
		CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_REPLY);
		const struct json *j =
		    e->is_connection ? served_field(value, json_text(field, "field")) : value;

		if (!j || !*json_text(field, "from"))
			continue;
		if (json_string(j))
			buf_adds(&text, json_string(j));
		else
			json_write(j, &text);
		put(e, field, "served", json_new_string(buf_str(&text)));
	}
}

/*
 * Connections as an object, variables as a text; secrets masked unless --reveal. served: it is the
 * value that was asked for, not another Deployment's.
 */
static void
put_served(struct explain *e, bool served)
{
	CLEANUP(buf_fini) struct buf masked = BUF_INIT(2 * (size_t)LIMIT_REPLY);
	struct json *value = NULL;
	int r = 0;

	if (!e->connd || strcmp(json_text(e->connd, "record"), "value") != 0)
		return;
	if (!e->is_connection)
		value = json_new_string(e->o->reveal ? buf_str(&e->value) : OUTPUT_MASK);
	else if (e->o->reveal)
		r = json_parse(&value, span_of_buf(&e->value), NULL);
	else if (output_mask_connection(&masked, span_of_buf(&e->value)) == 0)
		r = json_parse(&value, span_of_buf(&masked), NULL);
	if (r < 0 || !put(e, e->connd, "value", value))
		return;
	if (e->o->reveal && served)
		reveal_fields(e, value);
}

/* --- the parts --------------------------------------------------------------------------- */

/*
 * Asks connd. When the person names a Deployment, connd may be unreachable: they need not be on its
 * machine. Returns the exit code.
 */
static int
ask_connd(struct explain *e)
{
	int code = explain_connd(e);
	bool named = cli_has(e->o->line, OPT_TARGET) || cli_has(e->o->line, OPT_PROJECT);

	if (code == CTL_UNAVAILABLE && named && session_is_named(e->o) &&
	    !cli_has(e->o->line, OPT_SOCKET))
		return CTL_YES;
	return code;
}

/* Asks the manager. A failure is an error only if the person named a manager. */
static int
ask_manager(struct explain *e)
{
	bool named = cli_has(e->o->line, OPT_CONTEXT) || cli_has(e->o->line, OPT_MANAGER) ||
		     cli_has(e->o->line, OPT_PROJECT) || !e->connd;
	struct session s;
	int code;

	if (!session_is_named(e->o))
		return named
			   ? ctl_fail(CTL_USAGE,
				 "Run \"connctl login\" once, or pass --manager and --token-file.",
				 "which manager? There is no current context")
			   : CTL_YES;
	code = session_open(&s, e->o);
	if (code == CTL_YES)
		code = explain_manager(e, &s);
	session_close(&s);
	return named ? code : CTL_YES;
}

static int
print(struct explain *e)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_SIZE);

	if (e->failed || buf_error(&e->cause) || buf_error(&e->next) || buf_error(&e->value))
		return session_no_memory();
	if (e->o->json) {
		json_write(e->report, &out);
		buf_addc(&out, '\n');
	} else {
		explain_show(e, &out);
	}
	return output_flush(&out);
}

/* Says the cause on stderr, behind the report. */
static int
report(struct explain *e)
{
	int code = explain_cause(e), printed;

	put_served(e, code == CTL_YES);
	put(e, e->report, "served", json_new_bool(code == CTL_YES));
	put_text(e, e->report, "cause", buf_str(&e->cause));
	put_text(e, e->report, "next", buf_str(&e->next));
	printed = print(e);
	if (printed != CTL_YES)
		return printed;
	return code == CTL_YES
		   ? CTL_YES
		   : ctl_fail((enum ctl_exit)code, buf_str(&e->next), "%s", buf_str(&e->cause));
}

static int
run(struct explain *e)
{
	int code = user_find(&e->user, cli_value(e->o->line, OPT_USER)), airflow;

	put_text(e, e->report, "kind", e->is_connection ? "connection" : "variable");
	put(e, e->report, "key", json_new_string(e->key));
	if (code == CTL_YES)
		code = ask_connd(e);
	if (code == CTL_YES)
		code = ask_manager(e);
	if (code != CTL_YES)
		return code;
	airflow = explain_airflow(e);
	code = report(e);
	return code == CTL_YES ? airflow : code;
}

int
ctl_explain(const struct ctl_options *o)
{
	struct explain e = { .o = o,
		.is_connection = strcmp(o->word[1], "conn") == 0,
		.key = o->word[2],
		.value = BUF_INIT(LIMIT_REPLY),
		.not_found = BUF_INIT(LIMIT_REPLY),
		.cause = BUF_INIT(MESSAGE_SIZE),
		.next = BUF_INIT(MESSAGE_SIZE) };
	int code;

	/* Words come from a shell and may be any bytes; the wire takes UTF-8 only. */
	if (!utf8_is_valid(span_of(e.key)) || !utf8_is_valid(span_of(o->team)))
		return ctl_fail(CTL_USAGE, NULL, "the key is not UTF-8 text");
	json_global_init();
	e.report = json_new_object();
	code = e.report ? run(&e) : session_no_memory();
	json_free(e.report);
	buf_fini(&e.value);
	buf_fini(&e.not_found);
	buf_fini(&e.cause);
	buf_fini(&e.next);
	return code;
}
