/* SPDX-License-Identifier: Apache-2.0 */
/* What connd says of the key over its socket: its record, its age, and who may read it. */
#include <string.h>

#include "base/limits.h"
#include "ctl/client.h"
#include "ctl/explain/explain_internal.h"
#include "ctl/verbs.h"

/* Notes who asks. */
static void
put_user(struct explain *e)
{
	struct json *j = put(e, e->report, "user", json_new_object());

	if (!j)
		return;
	put_text(e, j, "name", e->user.name);
	put(e, j, "uid", json_new_int(e->user.uid));
}

/* --- Explain ----------------------------------------------------------------------------- */

static int
on_rule(void *arg, struct span parameters)
{
	struct explain *e = arg;
	struct json *j = NULL;
	bool allowed = false;

	if (!parameters.p || json_parse(&j, parameters, NULL) < 0 ||
	    !json_bool(json_get(j, "allowed"), &allowed)) {
		json_free(j);
		return client_bad_reply(e->o);
	}
	put(e, e->connd, "allowed", json_new_bool(allowed));
	put_text(e, e->connd, "rule", json_string(json_get(j, "rule")));
	json_free(j);
	return CTL_YES;
}

/* connd has no rule to name: it is older than this connctl, or cannot tell just now. */
static int
on_no_rule(void *arg, struct span error, struct span parameters)
{
	(void)arg;
	(void)error;
	(void)parameters;
	return CTL_YES;
}

static int
ask_rule(struct explain *e)
{
	CLEANUP(buf_fini) struct buf key = BUF_INIT(LIMIT_REPLY);
	struct client_call call = {
		.method = SECRETS_EXPLAIN, .on_reply = on_rule, .on_refusal = on_no_rule, .arg = e
	};

	buf_addf(&key, "%s:%s", e->is_connection ? "conn" : "var", e->key);
	call.key = span_of_buf(&key);
	return client_call(e->o, &call);
}

/* --- Status ------------------------------------------------------------------------------ */

static int
on_status(void *arg, struct span parameters)
{
	static const char *const names[] = { "version", "manager", "organization",
		"organization_name", "deployment", "deployment_name", "workspace", "workspace_name",
		"state", "generation", "age_ms", "last_error" };
	struct explain *e = arg;
	struct json *j = NULL;

	if (!parameters.p || json_parse(&j, parameters, NULL) < 0)
		return client_bad_reply(e->o);
	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		const struct json *value = json_get(j, names[i]);

		if (value && json_type(value) != SCAN_NULL)
			put(e, e->connd, names[i], json_copy(value));
	}
	json_free(j);
	return CTL_YES;
}

/* A caller who may read nothing gets no status. */
static int
ask_status(struct explain *e)
{
	struct client_call call = {
		.method = SECRETS_STATUS, .on_reply = on_status, .on_refusal = on_no_rule, .arg = e
	};

	return client_call(e->o, &call);
}

/* --- the lookup -------------------------------------------------------------------------- */

static int
on_value(void *arg, struct span parameters)
{
	static const char *const names[] = { "state", "generation", "age_ms" };
	struct explain *e = arg;
	struct json *j = NULL;
	const char *text;

	if (!parameters.p || json_parse(&j, parameters, NULL) < 0)
		return client_bad_reply(e->o);
	text = json_string(json_get(j, "value"));
	if (text) {
		buf_adds(&e->value, text);
		put_text(e, e->connd, "record", "value");
	}
	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		if (json_get(j, names[i]))
			put(e, e->connd, names[i], json_copy(json_get(j, names[i])));
	json_free(j);
	return text ? CTL_YES : client_bad_reply(e->o);
}

/* Each error is one state of the record. */
static const char *
record_state(struct span error)
{
	static const struct {
		const char *error, *state;
	} known[] = {
		{ "io.connd.secrets.NotFound", "not-found" },
		{ "io.connd.secrets.NotReady", "not-ready" },
		{ "io.connd.secrets.Expired", "expired" },
		{ "io.connd.secrets.Withheld", "withheld" },
		{ "io.connd.secrets.Invalid", "invalid" },
		{ "io.connd.secrets.Overloaded", "overloaded" },
		{ "org.varlink.service.PermissionDenied", "denied" },
	};

	for (size_t i = 0; i < N_ELEMENTS(known); i++)
		if (span_is(error, known[i].error))
			return known[i].state;
	return "unknown";
}

static int
on_no_value(void *arg, struct span error, struct span parameters)
{
	static const char *const names[] = { "state", "age_ms", "reason", "fields", "field" };
	struct explain *e = arg;
	struct json *j = NULL;

	put_text(e, e->connd, "record", record_state(error));
	buf_add(&e->not_found, parameters.p, parameters.n);
	if (!parameters.p || json_parse(&j, parameters, NULL) < 0)
		return CTL_YES;
	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		if (json_get(j, names[i]))
			put(e, e->connd, names[i], json_copy(json_get(j, names[i])));
	json_free(j);
	return CTL_YES;
}

static int
ask_record(struct explain *e)
{
	struct client_call call = {
		.method = e->is_connection ? SECRETS_GET_CONNECTION : SECRETS_GET_VARIABLE,
		.key = span_of(e->key),
		.team = span_of(e->o->team),
		.on_reply = on_value,
		.on_refusal = on_no_value,
		.arg = e,
	};

	return client_call(e->o, &call);
}

static int
ask_all(struct explain *e)
{
	int code = ask_rule(e);

	if (code == CTL_YES)
		code = ask_status(e);
	return code == CTL_YES ? ask_record(e) : code;
}

int
explain_connd(struct explain *e)
{
	int code, r;

	e->connd = put(e, e->report, "connd", json_new_object());
	if (!e->connd)
		return CTL_YES; /* out of memory, which is noted */
	put_user(e);
	put_text(e, e->connd, "socket", e->o->socket);
	r = user_become(&e->user);
	if (r < 0)
		return ctl_fail(
		    CTL_UNAVAILABLE, NULL, "cannot ask as user %s: %s", e->user.name, strerror(-r));
	code = ask_all(e);
	r = user_leave(&e->user);
	if (code != CTL_YES) {
		json_remove(e->report, "connd");
		e->connd = NULL;
	}
	if (r < 0)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "cannot be root again: %s", strerror(-r));
	return code;
}
