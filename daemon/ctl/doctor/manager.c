/* SPDX-License-Identifier: Apache-2.0 */
/* What the manager says to connd's token: one list as a sync asks for it, and the token itself. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/scan.h"
#include "base/utf8.h"
#include "ctl/doctor/requests.h"
#include "ctl/json.h"
#include "ctl/output.h"
#include "proto/page.h"

#define CLOCK_WARN_MS (30 * (int64_t)1000)
#define CLOCK_FAIL_MS (5 * 60 * (int64_t)1000)
#define MESSAGE_BYTES ((size_t)64 * 1024)
#define SHOWN_BYTES   200

/* --- reachability ------------------------------------------------------------------------- */

static bool
proxy_in_environment(void)
{
	static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "http_proxy",
		"all_proxy", "ALL_PROXY" };

	for (size_t i = 0; i < N_ELEMENTS(names); i++)
		if (getenv(names[i]))
			return true;
	return false;
}

static const char *
advise_failure(struct doctor *d, const struct requests *r)
{
	bool proxied = d->config->manager.proxy != NULL;

	switch (r->head.failure) {
	case HTTP_FAILED_NAME:
		return doctor_text(
		    d, "getent hosts HOST; correct [manager] url%s", proxied ? " or proxy" : "");
	case HTTP_FAILED_TLS:
		return "name the authority that signed the manager's certificate in [manager] "
		       "ca_file; if the certificate is not valid yet or any more, look at both "
		       "clocks";
	case HTTP_FAILED_CONNECT:
	case HTTP_FAILED_TIME:
		if (strstr(r->why.text, "nothing was sent"))
			return "if that user runs the manager, name it in [manager] socket_user";
		if (strncmp(r->url, "unix:", strlen("unix:")) == 0)
			return "systemctl status connd-manager";
		if (!proxied && proxy_in_environment())
			return "connd does not read https_proxy: set [manager] proxy, or let this "
			       "machine reach the manager directly";
		return doctor_text(
		    d, "curl -v %.200s/healthz; is the manager up, and the port open?", r->url);
	case HTTP_NOT_FAILED:
	case HTTP_FAILED_OTHER:
		break;
	}
	return doctor_text(
	    d, "%sconnd --check --online --config %s", doctor_as_service(d), d->config_path);
}

/* The list that a sync begins with, one row of it, with secrets. */
static int
ask_list(struct requests *r, const struct doctor *d)
{
	const struct config *c = d->config;

	return requests_get(r, d,
	    "/environment-objects?objectType=CONNECTION&%s=%s&resolveLinked=true&showSecrets=true"
	    "&limit=1&offset=0&sorts=objectKey:asc",
	    c->manager.deployment ? "deploymentId" : "workspaceId",
	    c->manager.deployment ? c->manager.deployment : c->manager.workspace);
}

/* Tries each URL in turn, as a sync does. The status; < 0: none responds, and a line says so. */
static int
reach(struct requests *r, struct doctor *d)
{
	const struct config_list *url = &d->config->manager.url;
	int status = -EIO;

	for (size_t i = 0; i < url->n && status < 0; i++) {
		requests_close(r);
		status = requests_open(r, d, url->item[i]);
		if (status == 0)
			status = ask_list(r, d);
	}
	if (status < 0)
		doctor_fail(d, "manager", advise_failure(d, r), "%.200s: %s", r->url, r->why.text);
	return status;
}

/* --- what it says ------------------------------------------------------------------------- */

/* The manager's message, for a person; "" when it gives none. */
static void
take_message(const struct requests *r, char out[static SHOWN_BYTES])
{
	CLEANUP(buf_fini) struct buf message = BUF_INIT(MESSAGE_BYTES);

	manager_error_message(span_of_buf(&r->answer), &message);
	(void)snprintf(out, SHOWN_BYTES, "%.*s",
	    (int)utf8_cut(span_of_buf(&message), SHOWN_BYTES - 1), buf_str(&message));
}

static void
check_clock(struct doctor *d, const struct requests *r)
{
	CLEANUP(buf_fini) struct buf time = BUF_INIT(64);
	int64_t ahead_ms = clock_wall_ms() - r->head.date_s * 1000;
	int64_t apart_ms = ahead_ms < 0 ? -ahead_ms : ahead_ms;
	const char *word = ahead_ms < 0 ? "behind" : "ahead of";

	if (r->head.date_s < 0) {
		doctor_skip(d, "clock", "the manager sends no Date");
		return;
	}
	output_duration(&time, apart_ms);
	if (apart_ms < CLOCK_WARN_MS)
		doctor_ok(d, "clock", "as the manager's");
	else if (apart_ms < CLOCK_FAIL_MS)
		doctor_warn(d, "clock", "timedatectl", "%s %s the manager's", buf_str(&time), word);
	else
		doctor_fail(d, "clock", "timedatectl set-ntp true, on the machine that is wrong",
		    "%s %s the manager's: certificates, tokens and the snapshot are judged by it",
		    buf_str(&time), word);
}

/* The token's role and scope, where the manager says them (the hosted one does not). */
static void
accepted(struct doctor *d, struct requests *r)
{
	int status = requests_get(r, d, "/tokens/self");
	struct json *self = NULL;
	const char *role, *scope;

	if (status == 200 && json_parse(&self, span_of_buf(&r->answer), NULL) == 0 &&
	    json_type(self) == SCAN_OBJECT) {
		role = json_string(json_get(self, "role"));
		scope = json_string(json_get(self, "scope"));
		doctor_ok(d, "authorization", "the manager takes the token: role %s, scope %s",
		    role ? role : "unknown", scope ? scope : "unknown");
	} else {
		doctor_ok(d, "authorization", "the manager takes the token");
	}
	json_free(self);
}

static const char *
advise_token(struct doctor *d)
{
	return doctor_text(d,
	    "connctl token create NAME --deployment %s --role MEMBER --expires-in 14d --yes, into "
	    "%.200s",
	    d->facts->deployment[0] ? d->facts->deployment : "DEPLOYMENT", d->facts->token_path);
}

static void
refused(struct doctor *d, int status, const char *message)
{
	if (status == 401)
		doctor_fail(d, "authorization", advise_token(d),
		    "status 401: %s: the token expired, was revoked, or is another manager's",
		    message);
	else
		doctor_fail(d, "authorization", advise_token(d),
		    "status %d: %s: the token may not read these objects and their secrets", status,
		    message);
}

static void
not_found(struct doctor *d, struct requests *r, const char *message)
{
	const struct config *c = d->config;
	const char *place = c->manager.deployment ? c->manager.deployment : c->manager.workspace;

	accepted(d, r);
	doctor_skip(d, "secrets", "needs deployment");
	doctor_fail(d, "deployment",
	    doctor_text(d,
		"connctl deployment list shows the ids; correct [manager] organization and %s, or "
		"create a token for it",
		c->manager.deployment ? "deployment" : "workspace"),
	    "status 404: %s: the manager does not know %s, or the token is not for it", message,
	    place);
}

/* 200: a list. Anything that listens may say 200. */
static void
listed(struct doctor *d, struct requests *r)
{
	struct span total;
	int64_t n;

	if (scan_find(span_of_buf(&r->answer), "totalCount", &total) < 0 || !total.p ||
	    scan_int(total, &n) < 0) {
		doctor_fail(d, "manager", "correct [manager] url",
		    "%.200s: status 200, but not a list: another program answers there", r->url);
		return;
	}
	doctor_ok(d, "manager", "%.200s responds", r->url);
	check_clock(d, r);
	accepted(d, r);
	doctor_ok(d, "secrets", "the organization lets tokens read secrets");
	if (d->config->manager.deployment)
		doctor_ok(d, "deployment", "%s: %" PRId64 " connection%s",
		    d->config->manager.deployment, n, n == 1 ? "" : "s");
	else
		doctor_ok(d, "deployment", "Workspace %s: %" PRId64 " connection%s",
		    d->config->manager.workspace, n, n == 1 ? "" : "s");
}

static void
other(struct doctor *d, struct requests *r, int status)
{
	char message[SHOWN_BYTES];
	bool switched_off = status >= 400 && manager_secrets_refused(span_of_buf(&r->answer));
	bool is_answer = switched_off || status == 401 || status == 403 || status == 404;

	take_message(r, message);
	if (!is_answer) {
		doctor_fail(d, "manager",
		    status == 407 ? "set the login of the proxy in [manager] proxy"
		    : status >= 500 || status == 429
			? "look at the manager's log: journalctl -u connd-manager"
			: "correct [manager] url: connd follows no redirect",
		    "%.200s: status %d %s", r->url, status, message);
		return;
	}
	doctor_ok(d, "manager", "%.200s responds", r->url);
	check_clock(d, r);
	if (switched_off) {
		accepted(d, r);
		doctor_fail(d, "secrets", "connctl organization set --secrets-fetching on --yes",
		    "status %d: the organization's \"Environment Secrets Fetching\" is off",
		    status);
	} else if (status == 404) {
		not_found(d, r, message);
	} else {
		refused(d, status, message);
	}
}

void
doctor_manager(struct doctor *d)
{
	struct requests r = { 0 };
	struct why why;
	int status;

	if (doctor_load_config(d, NULL, &why) < 0)
		return;
	status = reach(&r, d);
	if (status == 200)
		listed(d, &r);
	else if (status >= 0)
		other(d, &r, status);
	requests_close(&r);
}
