/* SPDX-License-Identifier: Apache-2.0 */
/* connd at its socket, as doctor_look() found it: does it answer, with which data, and whose? */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/doctor/doctor.h"
#include "ctl/output.h"

static void
check_socket(struct doctor *d)
{
	const struct doctor_facts *f = d->facts;
	char found[DOCTOR_FOUND_SIZE], next[DOCTOR_NEXT_SIZE];
	struct doctor_user self = f->client;
	struct stat st;

	self.uid = geteuid();
	if (f->answered)
		doctor_ok(d, "socket", "%s: connd %s answers, pid %ld, user %s", f->socket,
		    f->version, (long)f->pid, f->service.name);
	else if (geteuid() == f->client.uid && doctor_path_fault(f->socket, &self, found, next))
		doctor_fail(d, "socket", next, "%s", found);
	else if (stat(f->socket, &st) < 0 && errno == ENOENT)
		doctor_fail(d, "socket", "systemctl start connd.socket connd.service",
		    "%s: no such socket: connd does not run here, or listens elsewhere "
		    "([socket] path, CONND_SOCKET)",
		    f->socket);
	else
		doctor_fail(d, "socket",
		    strstr(f->refusal.what, "refused")
			? "systemctl start connd.socket connd.service"
			: f->refusal.next,
		    "%.700s", f->refusal.what);
}

/* --- the data ----------------------------------------------------------------------------- */

static const char *
advise_data(const struct doctor *d)
{
	return d->facts->has_config
		   ? "mend what failed above; then connctl refresh"
		   : "connctl status shows the last error; then on connd's machine: "
		     "connd --check --online";
}

/* Why the last sync failed. */
static const char *
last_error(const struct doctor_facts *f)
{
	return f->last_error[0] ? f->last_error : "the first sync has not ended";
}

static void
check_data(struct doctor *d)
{
	CLEANUP(buf_fini) struct buf age = BUF_INIT(64);
	const struct doctor_facts *f = d->facts;

	output_duration(&age, f->age_ms);
	if (strcmp(f->state, "not-ready") == 0)
		doctor_fail(d, "data", advise_data(d), "connd has no data yet: %s", last_error(f));
	else if (strcmp(f->state, "expired") == 0)
		doctor_fail(d, "data", advise_data(d),
		    "expired: last confirmed %s ago, so every lookup is refused: %s", buf_str(&age),
		    last_error(f));
	else if (strcmp(f->state, "fresh") != 0)
		doctor_warn(d, "data", advise_data(d), "%s: last confirmed %s ago: %s", f->state,
		    buf_str(&age), last_error(f));
	else if (f->withheld > 0)
		doctor_warn(d, "data", "give the token the right to read secrets",
		    "fresh, but the manager withholds the secrets of %" PRId64 " keys",
		    f->withheld);
	else if (f->invalid > 0)
		doctor_warn(d, "data", "journalctl -u connd -o cat | grep invalid",
		    "fresh, but %" PRId64 " keys have no usable value", f->invalid);
	else
		doctor_ok(d, "data", "fresh: %" PRId64 " keys, confirmed %s ago", f->records,
		    buf_str(&age));
}

/* --- whose it is -------------------------------------------------------------------------- */

static bool
is_deployment(const struct doctor_facts *f, const char *expected)
{
	return strcmp(f->serves, expected) == 0 || strcmp(f->serves_name, expected) == 0;
}

static void
check_serving(struct doctor *d)
{
	const struct doctor_facts *f = d->facts;

	if (!f->serves[0] && !d->deployment)
		doctor_skip(d, "serving", "connd serves a Workspace");
	else if (d->deployment && !is_deployment(f, d->deployment))
		doctor_fail(d, "serving",
		    "use the socket of that Deployment's connd (CONND_SOCKET, socket_path), or "
		    "correct [manager] deployment and restart connd",
		    "connd at %s serves Deployment \"%s\" (%s), not \"%s\"", f->socket,
		    f->serves_name, f->serves, d->deployment);
	else if (f->deployment[0] && strcmp(f->serves, f->deployment) != 0)
		doctor_fail(d, "serving", "systemctl restart connd",
		    "connd serves Deployment %s, but %s says %s: it was not restarted", f->serves,
		    d->config_path, f->deployment);
	else
		doctor_ok(d, "serving", "Deployment %s %s", f->serves, f->serves_name);
}

/* The same as far as the second dot? */
static bool
same_release(const char *a, const char *b)
{
	size_t n = strcspn(a, ".");

	n += a[n] ? 1 + strcspn(a + n + 1, ".") : 0;
	return strncmp(a, b, n) == 0 && strchr(".-+", b[n]) != NULL;
}

static void
check_version(struct doctor *d)
{
	const char *theirs = d->facts->version;

	if (same_release(theirs, CONND_VERSION))
		doctor_ok(d, "version", "connd %s, connctl %s", theirs, CONND_VERSION);
	else
		doctor_warn(d, "version", "install the same release of both, then restart connd",
		    "connd %s, connctl %s", theirs, CONND_VERSION);
}

void
doctor_socket(struct doctor *d)
{
	static const char *const rest[] = { "data", "serving", "version" };

	check_socket(d);
	if (!d->facts->answered) {
		for (size_t i = 0; i < N_ELEMENTS(rest); i++)
			doctor_skip(d, rest[i], "needs socket");
		return;
	}
	check_data(d);
	check_serving(d);
	check_version(d);
}
