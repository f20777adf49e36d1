/* SPDX-License-Identifier: Apache-2.0 */
/* What connd lets the worker's user do. Runs as that user, so that the kernel and connd decide. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json/scan.h"
#include "base/limits.h"
#include "ctl/client.h"
#include "ctl/doctor/doctor.h"
#include "ctl/doctor/requests.h"
#include "ctl/missing.h"
#include "ctl/verbs.h"

#define CALL_MS 2000

static int
nothing(void *arg, struct span parameters)
{
	(void)arg;
	(void)parameters;
	return CTL_YES;
}

static struct ctl_options
options(const struct doctor *d)
{
	struct ctl_options o = *d->o;

	o.socket = d->facts->socket;
	o.timeout_ms = CALL_MS;
	o.word[0] = "get";
	o.word[1] = d->kind;
	o.word[2] = d->key;
	return o;
}

/* --- the socket and [access] -------------------------------------------------------------- */

static void
refused(struct doctor *d, const struct ctl_said *said, int code)
{
	char found[DOCTOR_FOUND_SIZE], next[DOCTOR_NEXT_SIZE];
	const struct doctor_user *u = &d->facts->client;

	if (doctor_path_fault(d->facts->socket, u, found, next))
		doctor_fail(d, "user", next, "%s", found);
	else if (code == CTL_DENIED)
		doctor_fail(d, "user",
		    doctor_text(d,
			"add \"allow = user:%s\" to [access], then systemctl reload connd",
			u->name),
		    "[access] lets %s read nothing", u->name);
	else
		doctor_fail(d, "user", said->next, "%.700s", said->what);
}

void
doctor_user(struct doctor *d)
{
	struct client_call call = { .method = SECRETS_STATUS, .on_reply = nothing };
	struct ctl_options o = options(d);
	struct ctl_said said = { "", "" };
	int code;

	if (doctor_find(d->shared, "user"))
		return;
	if (!cli_has(d->o->line, OPT_USER) && geteuid() == 0) {
		doctor_skip(d, "user", "name the worker's user: connctl doctor --user airflow");
		return;
	}
	ctl_catch(&said);
	code = client_call(&o, &call);
	ctl_catch(NULL);
	if (code == CTL_YES)
		doctor_ok(d, "user", "%s may open %s, and [access] lets it read",
		    d->facts->client.name, d->facts->socket);
	else
		refused(d, &said, code);
}

/* --- one key ------------------------------------------------------------------------------ */

static int
on_missing(void *arg, struct span parameters)
{
	struct doctor *d = arg;
	struct ctl_options o = options(d);
	struct missing m = {
		.o = &o, .is_connection = strcmp(d->kind, "conn") == 0, .not_found = parameters
	};

	d->facts->key_missing = true;
	ctl_catch(&d->facts->missing);
	return missing_report(&m);
}

void
doctor_key(struct doctor *d)
{
	struct client_call call = {
		.on_reply = nothing,
		.error = "io.connd.secrets.NotFound",
		.on_error = on_missing,
		.arg = d,
	};
	struct ctl_options o = options(d);
	struct ctl_said said = { "", "" };
	int code;

	if (!d->key)
		return;
	call.method = strcmp(d->kind, "conn") == 0 ? SECRETS_GET_CONNECTION : SECRETS_GET_VARIABLE;
	call.key = span_of(d->key);
	ctl_catch(&said);
	code = client_call(&o, &call);
	ctl_catch(NULL);
	if (code == CTL_YES)
		doctor_ok(d, "key", "connd has %s \"%s\", and gives it to user %s", d->kind, d->key,
		    d->facts->client.name);
	else if (!d->facts->key_missing)
		doctor_fail(d, "key", said.next, "%s \"%s\", user %s: %.500s", d->kind, d->key,
		    d->facts->client.name, said.what);
}

/* --- a key that is missing ---------------------------------------------------------------- */

/* Has the Workspace the key, without a link to this Deployment? */
static bool
is_in_workspace(struct doctor *d)
{
	struct requests r = { 0 };
	struct span total;
	int64_t n = 0;
	int status = requests_open(&r, d, d->config->manager.url.item[0]);

	if (status == 0)
		status = requests_get(&r, d,
		    "/environment-objects?objectType=%s&objectKey=%s&workspaceId=%s&limit=1",
		    strcmp(d->kind, "conn") == 0 ? "CONNECTION" : "AIRFLOW_VARIABLE", d->key,
		    d->facts->workspace);
	if (status != 200 || scan_find(span_of_buf(&r.answer), "totalCount", &total) < 0 ||
	    !total.p || scan_int(total, &n) < 0)
		n = 0;
	requests_close(&r);
	return n > 0;
}

/* Letters that stand for themselves in a query. */
static bool
is_plain(const char *key)
{
	return strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
	       strlen(key);
}

void
doctor_link(struct doctor *d)
{
	const struct doctor_facts *f = d->facts;
	const char *noun = d->key && strcmp(d->kind, "conn") == 0 ? "connection" : "variable";
	struct why why;

	if (!d->key) {
		doctor_skip(d, "key", "name one: connctl doctor conn KEY");
	} else if (f->key_missing && f->deployment[0] && f->workspace[0] && is_plain(d->key) &&
		   doctor_passed(d->shared, "deployment") &&
		   doctor_load_config(d, NULL, &why) == 0 && is_in_workspace(d)) {
		doctor_fail(d, "key",
		    doctor_text(
			d, "connctl %s link %s --deployment %s", noun, d->key, f->deployment),
		    "the Workspace has %s \"%s\", but it is not linked to Deployment \"%s\"", noun,
		    d->key, f->serves_name);
	} else if (f->key_missing) {
		doctor_fail(d, "key", f->missing.next, "%.700s", f->missing.what);
	} else if (!doctor_find(d->shared, "key")) {
		doctor_skip(d, "key", "needs data");
	}
}
