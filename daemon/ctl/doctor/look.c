/* SPDX-License-Identifier: Apache-2.0 */
/* What all checks need first: where connd listens, what it says of itself, and who is who. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json/scan.h"
#include "base/limits.h"
#include "ctl/client.h"
#include "ctl/doctor/doctor.h"
#include "ctl/verbs.h"

#define STATUS_MS    1500
#define PROC_BYTES   ((size_t)64 * 1024)
#define SERVICE_USER "connd" /* of the unit */

/* --- Status ------------------------------------------------------------------------------- */

static void
take_text(struct span status, const char *name, char *out, size_t size)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_REPLY);
	struct span value;

	if (scan_find(status, name, &value) < 0 || !value.p || scan_type(value) != SCAN_STRING ||
	    scan_string(value, &text) < 0)
		return;
	(void)snprintf(out, size, "%s", buf_str(&text));
}

static int64_t
take_int(struct span status, const char *name)
{
	struct span value;
	int64_t n;

	if (scan_find(status, name, &value) < 0 || !value.p || scan_int(value, &n) < 0)
		return 0;
	return n;
}

static int
on_status(void *arg, struct span status)
{
	struct doctor_facts *f = arg;

	if (!status.p)
		return CTL_UNAVAILABLE;
	take_text(status, "state", f->state, sizeof f->state);
	take_text(status, "version", f->version, sizeof f->version);
	take_text(status, "last_error", f->last_error, sizeof f->last_error);
	take_text(status, "deployment", f->serves, sizeof f->serves);
	take_text(status, "deployment_name", f->serves_name, sizeof f->serves_name);
	take_text(status, "snapshot", f->snapshot, sizeof f->snapshot);
	take_text(status, "snapshot_error", f->snapshot_error, sizeof f->snapshot_error);
	f->pid = (pid_t)take_int(status, "pid");
	f->age_ms = take_int(status, "age_ms");
	f->bytes = take_int(status, "bytes");
	f->locked_bytes = take_int(status, "locked_bytes");
	f->records = take_int(status, "connections") + take_int(status, "variables");
	f->withheld = take_int(status, "withheld");
	f->invalid = take_int(status, "invalid");
	return CTL_YES;
}

static void
ask_status(struct doctor *d)
{
	struct ctl_options o = *d->o;
	struct client_call call = {
		.method = SECRETS_STATUS, .on_reply = on_status, .arg = d->facts
	};

	o.socket = d->facts->socket;
	o.timeout_ms = STATUS_MS;
	ctl_catch(&d->facts->refusal);
	d->facts->answered = client_call(&o, &call) == CTL_YES;
	ctl_catch(NULL);
}

/* --- who is who --------------------------------------------------------------------------- */

static bool
user_of_id(uid_t uid, struct doctor_user *out)
{
	const struct passwd *p = getpwuid(uid);

	if (p && doctor_find_user(p->pw_name, out))
		return true;
	*out = (struct doctor_user){ .known = true, .uid = uid, .gid = uid };
	(void)snprintf(out->name, sizeof out->name, "%u", (unsigned)uid);
	return true;
}

/* The user of the process that answered. False: none did, or it is in another pid namespace. */
static bool
user_of_process(pid_t pid, struct doctor_user *out)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(PROC_BYTES);
	char path[64];
	struct why why;
	const char *uids;

	(void)snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
	if (pid <= 0 || file_read(path, &text, &why) < 0 ||
	    strncmp(buf_str(&text), "Name:\tconnd\n", strlen("Name:\tconnd\n")) != 0)
		return false;
	/* Not the owner of the file: that is root, since connd cannot be traced. */
	uids = strstr(buf_str(&text), "\nUid:\t");
	return uids && user_of_id((uid_t)strtoul(uids + strlen("\nUid:\t"), NULL, 10), out);
}

static void
find_users(struct doctor *d)
{
	const char *client = cli_value(d->o->line, OPT_USER);
	struct doctor_facts *f = d->facts;

	if (!client)
		(void)user_of_id(geteuid(), &f->client);
	else if (!doctor_find_user(client, &f->client))
		f->client.known = false;
	if (user_of_process(f->pid, &f->service))
		return;
	if (geteuid() != 0 || !doctor_find_user(SERVICE_USER, &f->service))
		(void)user_of_id(geteuid(), &f->service);
}

/* --- the socket --------------------------------------------------------------------------- */

/* --socket or CONND_SOCKET, else the configuration's. */
static void
find_socket(struct doctor *d)
{
	const char *path = d->o->socket;
	struct why why;

	if (strcmp(path, CTL_DEFAULT_SOCKET) == 0 && doctor_load_config(d, NULL, &why) == 0)
		path = d->config->socket.path;
	(void)snprintf(d->facts->socket, sizeof d->facts->socket, "%s", path);
}

void
doctor_look(struct doctor *d)
{
	find_socket(d);
	ask_status(d);
	find_users(d);
}
