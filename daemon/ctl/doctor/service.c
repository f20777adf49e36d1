/* SPDX-License-Identifier: Apache-2.0 */
/* connd as the system runs it: its unit, and the limits of its process. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "ctl/doctor/doctor.h"

#define SHOWN_BYTES  ((size_t)64 * 1024)
#define VALUE_SIZE   64
#define SPARE_FILES  64 /* of connd, besides its clients */
#define UNLIMITED_AT INT64_MAX

/* --- the unit ----------------------------------------------------------------------------- */

/* The value of "NAME=VALUE" among lines; "" when there is none. */
static void
property(const char *lines, const char *name, char out[static VALUE_SIZE])
{
	size_t n = strlen(name);

	out[0] = '\0';
	for (const char *p = lines; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, name, n) != 0 || p[n] != '=')
			continue;
		(void)snprintf(out, VALUE_SIZE, "%.*s", (int)strcspn(p + n + 1, "\n"), p + n + 1);
		return;
	}
}

static void
judge_unit(struct doctor *d, const char *shown)
{
	char load[VALUE_SIZE], active[VALUE_SIZE], sub[VALUE_SIZE], result[VALUE_SIZE],
	    restarts[VALUE_SIZE];

	property(shown, "LoadState", load);
	property(shown, "ActiveState", active);
	property(shown, "SubState", sub);
	property(shown, "Result", result);
	property(shown, "NRestarts", restarts);
	if (strcmp(load, "loaded") != 0)
		doctor_skip(d, "service", "there is no connd.service here");
	else if (strcmp(active, "active") == 0)
		doctor_ok(d, "service", "connd.service is active (%s), %s restarts", sub, restarts);
	else if (strcmp(active, "inactive") == 0 && d->facts->answered)
		doctor_skip(d, "service", "connd runs without its unit");
	else if (strcmp(active, "inactive") == 0)
		doctor_fail(d, "service", "systemctl enable --now connd.socket connd.service",
		    "connd.service was not started, or was stopped");
	else
		doctor_fail(d, "service", "journalctl -u connd -n 20",
		    "connd.service is %s (%s, result %s) after %s restarts", active, sub, result,
		    restarts);
}

static void
check_unit(struct doctor *d)
{
	CLEANUP(buf_fini) struct buf shown = BUF_INIT(SHOWN_BYTES);
	char *argv[] = { (char *)"systemctl", (char *)"show", (char *)"-p",
		(char *)"LoadState,ActiveState,SubState,Result,NRestarts", (char *)"connd.service",
		NULL };
	struct why why;
	int r;

	if (access("/run/systemd/system", F_OK) < 0) {
		doctor_skip(d, "service", "systemd does not run here");
		return;
	}
	r = child_output(argv, &shown, &why);
	if (r == 0)
		judge_unit(d, buf_str(&shown));
	else if (r < 0)
		doctor_skip(d, "service", "%s", why.text);
	else
		doctor_skip(d, "service", "systemctl show connd.service ended with %d", r);
}

/* --- limits ------------------------------------------------------------------------------- */

/* The soft limit on a line of /proc/PID/limits; < 0: there is none. */
static int64_t
limit_of(const char *lines, const char *name)
{
	const char *p = strstr(lines, name);

	if (!p)
		return -1;
	p += strlen(name);
	p += strspn(p, " ");
	return strncmp(p, "unlimited", strlen("unlimited")) == 0 ? UNLIMITED_AT
								 : strtoll(p, NULL, 10);
}

static void
judge_limits(struct doctor *d, const char *lines)
{
	const struct doctor_facts *f = d->facts;
	int64_t files = limit_of(lines, "Max open files");
	int64_t locked = limit_of(lines, "Max locked memory");

	if (f->bytes > f->locked_bytes)
		doctor_warn(d, "limits",
		    "systemctl edit connd: [Service] LimitMEMLOCK=256M; then restart it",
		    "only %" PRId64 " of %" PRId64 " bytes of values are locked in memory "
		    "(LimitMEMLOCK %" PRId64 "): the others may be swapped",
		    f->locked_bytes, f->bytes, locked);
	else if (files < f->max_connections + SPARE_FILES)
		doctor_warn(d, "limits",
		    doctor_text(d,
			"systemctl edit connd: [Service] LimitNOFILE=%" PRId64 "; then restart it",
			f->max_connections + SPARE_FILES),
		    "LimitNOFILE %" PRId64 " is too low for [socket] max_connections = %" PRId64,
		    files, f->max_connections);
	else
		doctor_ok(
		    d, "limits", "all values are locked in memory; %" PRId64 " open files", files);
}

static void
check_limits(struct doctor *d)
{
	CLEANUP(buf_fini) struct buf lines = BUF_INIT(SHOWN_BYTES);
	char path[64];
	struct why why;

	(void)snprintf(path, sizeof path, "/proc/%ld/limits", (long)d->facts->pid);
	if (!d->facts->answered)
		doctor_skip(d, "limits", "needs socket");
	else if (file_read(path, &lines, &why) < 0)
		doctor_skip(d, "limits", "%s", why.text);
	else
		judge_limits(d, buf_str(&lines));
}

void
doctor_service(struct doctor *d)
{
	check_unit(d);
	check_limits(d);
}
