/* SPDX-License-Identifier: Apache-2.0 */
/* The worker's side: "python -m airflow_connd doctor", run by its Python as its user. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/doctor/doctor.h"
#include "ctl/json.h"

#define CHECK        "worker"
#define REPORT_BYTES ((size_t)1024 * 1024)

/* As a login of that user has it; the rest of the environment is the caller's. */
static void
enter_home(void)
{
	const struct passwd *p = getpwuid(geteuid());

	if (!p)
		return;
	(void)setenv("HOME", p->pw_dir, 1);
	(void)setenv("USER", p->pw_name, 1);
	(void)setenv("LOGNAME", p->pw_name, 1);
	if (chdir(p->pw_dir) < 0 && chdir("/") < 0)
		return; /* Python then starts in a directory that it may not read */
}

static const char *
text_of(const struct json *check, const char *member)
{
	const char *text = json_string(json_get(check, member));

	return text ? text : "";
}

static void
add_check(struct doctor *d, const struct json *check)
{
	const char *verdict = text_of(check, "verdict"), *found = text_of(check, "found");
	char name[DOCTOR_NAME_SIZE];

	(void)snprintf(name, sizeof name, CHECK ": %.24s", text_of(check, "check"));
	if (strcmp(verdict, "ok") == 0)
		doctor_ok(d, name, "%s", found);
	else if (strcmp(verdict, "warning") == 0)
		doctor_warn(d, name, text_of(check, "do"), "%s", found);
	else if (strcmp(verdict, "skipped") == 0)
		doctor_skip(d, name, "%s", found);
	else
		doctor_fail(d, name, text_of(check, "do"), "%s", found);
}

/* False: it is not a report of airflow_connd. */
static bool
add_report(struct doctor *d, struct span text)
{
	struct json *report = NULL;
	const struct json *checks, *one;
	bool is_report = json_parse(&report, text, NULL) == 0 && json_type(report) == SCAN_OBJECT;

	checks = is_report ? json_get(report, "checks") : NULL;
	is_report = checks && json_type(checks) == SCAN_ARRAY && json_first(checks);
	for (one = is_report ? json_first(checks) : NULL; one; one = json_next(one))
		add_check(d, one);
	json_free(report);
	return is_report;
}

static void
run_python(struct doctor *d, struct buf *out)
{
	char *argv[] = { (char *)d->python, (char *)"-m", (char *)"airflow_connd", (char *)"doctor",
		(char *)"--json", (char *)d->key, NULL };
	struct why why;
	int r;

	if (!d->key || strcmp(d->kind, "conn") != 0)
		argv[5] = NULL;
	r = child_output(argv, out, &why);
	d->shared->n--; /* the line for the case that it hangs */
	if (r == -ENOENT)
		doctor_fail(d, CHECK, "name the Python that runs Airflow's tasks",
		    "%.300s cannot be run by user %s", d->python, d->facts->client.name);
	else if (!add_report(d, span_of_buf(out)))
		doctor_fail(d, CHECK,
		    doctor_text(d, "%.200s -m pip install airflow-provider-connd", d->python),
		    "%.300s cannot import airflow_connd: it is not installed in this Python",
		    d->python);
}

void
doctor_worker(struct doctor *d)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(REPORT_BYTES);

	if (!d->python) {
		doctor_skip(d, CHECK,
		    "name its Python: connctl doctor --user airflow --python "
		    "/opt/airflow/bin/python");
		return;
	}
	enter_home();
	doctor_skip(d, CHECK,
	    "it took too long; by itself: runuser -u %s -- %.300s -m "
	    "airflow_connd doctor",
	    d->facts->client.name, d->python);
	run_python(d, &out);
}
