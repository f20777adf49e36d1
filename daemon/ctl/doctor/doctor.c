/* SPDX-License-Identifier: Apache-2.0 */
/* connctl doctor: runs the groups of checks in their order and prints the report. */
#include "ctl/doctor/doctor.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "ctl/http.h"
#include "ctl/json.h"
#include "ctl/local/local_paths.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

#define ALL_THAT_IS_LEFT INT_MAX
#define REPORT_BYTES     ((size_t)512 * 1024)

enum identity { AS_SELF, AS_SERVICE, AS_CLIENT };

struct group {
	const char *checks; /* the lines it writes, in order, with a space between them */
	const char *needs;  /* the check without which it makes no sense; NULL: none */
	enum identity as;
	int ms; /* how long it may take */
	void (*run)(struct doctor *d);
};

static const struct group groups[] = {
	{ "configuration", NULL, AS_SERVICE, 2000, doctor_configuration },
	{ "token", "configuration", AS_SERVICE, 1000, doctor_token },
	{ "manager clock authorization secrets deployment", "token", AS_SERVICE, 6000,
	    doctor_manager },
	{ "service limits", NULL, AS_SELF, 2000, doctor_service },
	{ "socket data serving version", NULL, AS_SELF, 1000, doctor_socket },
	{ "snapshot", "configuration", AS_SERVICE, 1000, doctor_snapshot },
	{ "user", "socket", AS_CLIENT, 2500, doctor_user },
	/* Asks as the client; the line is written by the next one, which may ask the manager. */
	{ "", "data", AS_CLIENT, 2500, doctor_key },
	{ "key", NULL, AS_SERVICE, 3000, doctor_link },
	{ "worker", NULL, AS_CLIENT, ALL_THAT_IS_LEFT, doctor_worker },
};

/* --- one group ---------------------------------------------------------------------------- */

/* The i-th check of a group; false: it has fewer. */
static bool
name_check(const struct group *g, size_t i, char name[static DOCTOR_NAME_SIZE])
{
	const char *p = *g->checks ? g->checks : NULL;

	for (; i > 0 && p; i--) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	if (p)
		(void)snprintf(name, DOCTOR_NAME_SIZE, "%.*s", (int)strcspn(p, " "), p);
	return p != NULL;
}

/* Each check has a line: those that a group did not come to are skipped. */
static void
skip_rest(struct doctor *d, const struct group *g, const char *why)
{
	char name[DOCTOR_NAME_SIZE];

	for (size_t i = 0; name_check(g, i, name); i++)
		if (!doctor_find(d->shared, name))
			doctor_skip(d, name, "%s", why);
}

/* The first check without a line is the one that hung or died. */
static void
report_end(struct doctor *d, const struct group *g, int r)
{
	char name[DOCTOR_NAME_SIZE];
	size_t i = 0;

	while (name_check(g, i, name) && doctor_find(d->shared, name))
		i++;
	if (!name_check(g, i, name))
		return;
	if (r == -EPERM)
		skip_rest(d, g, "only root can look as another user: sudo connctl doctor");
	else if (r == -ETIMEDOUT)
		doctor_fail(d, name, "look for a name service, file system or program that hangs",
		    "no result in time: the check was stopped");
	else if (r < 0)
		doctor_fail(d, name, "report this", "the check itself failed: %s", strerror(-r));
	skip_rest(d, g, r < 0 ? "the check before it did not end" : "it does not apply here");
}

static const struct doctor_user *
identity_of(const struct doctor *d, enum identity as)
{
	if (as == AS_SERVICE && d->facts->service.known)
		return &d->facts->service;
	if (as == AS_CLIENT && d->facts->client.known)
		return &d->facts->client;
	return NULL;
}

static void
run_group(struct doctor *d, const struct group *g, int64_t deadline_ms)
{
	int64_t left_ms = deadline_ms - clock_boot_ms();
	char why[DOCTOR_NAME_SIZE + 16];

	if (g->needs && !doctor_passed(d->shared, g->needs)) {
		(void)snprintf(why, sizeof why, "needs %s", g->needs);
		skip_rest(d, g, why);
		return;
	}
	if (left_ms <= 0) {
		skip_rest(d, g, "no time was left for it");
		return;
	}
	report_end(
	    d, g, child_run(d, identity_of(d, g->as), left_ms < g->ms ? left_ms : g->ms, g->run));
}

/* --- the verb ----------------------------------------------------------------------------- */

static void
look_around(struct doctor *d)
{
	const char *user = cli_value(d->o->line, OPT_USER);

	output_progress("looking for connd");
	if (child_run(d, NULL, 3000, doctor_look) < 0)
		(void)snprintf(d->facts->refusal.what, sizeof d->facts->refusal.what,
		    "connd gave no answer in time");
	if (user && !d->facts->client.known)
		doctor_fail(d, "user", "name the user that Airflow's worker runs as",
		    "there is no user \"%s\"", user);
}

static int
report(const struct doctor *d)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(REPORT_BYTES);
	int r;

	output_progress_end();
	if (d->o->json)
		doctor_write_json(d->shared, &out);
	else
		doctor_write_text(d->shared, output_wants_colour(), &out);
	r = output_flush(&out);
	return r != CTL_YES ? CTL_USAGE : doctor_cause(d->shared) ? CTL_NO : CTL_YES;
}

static int
run(struct doctor *d)
{
	int64_t deadline_ms = clock_boot_ms() + d->o->timeout_ms;

	look_around(d);
	for (size_t i = 0; i < N_ELEMENTS(groups); i++) {
		output_progress("checking %s", groups[i].checks);
		run_group(d, &groups[i], deadline_ms);
	}
	return report(d);
}

/* "conn KEY", "var KEY" or nothing. False: one without the other. */
static bool
read_words(struct doctor *d)
{
	d->kind = d->o->n_words > 1 ? d->o->word[1] : NULL;
	d->key = d->o->n_words > 2 ? d->o->word[2] : NULL;
	return !d->kind == !d->key;
}

/* The machine's configuration, or else the person's own. */
static const char *
default_config(char own[static LOCAL_PATH_SIZE])
{
	return access(DOCTOR_CONFIG, F_OK) < 0 && local_config(own) ? own : DOCTOR_CONFIG;
}

int
ctl_doctor(const struct ctl_options *o)
{
	const char *config = cli_value(o->line, OPT_CONFIG);
	char own[LOCAL_PATH_SIZE];
	struct doctor d = {
		.o = o,
		.config_path = config ? config : default_config(own),
		.config_named = config != NULL,
		.deployment = cli_value(o->line, OPT_TARGET),
		.python = cli_value(o->line, OPT_PYTHON),
	};
	int code;

	if (!read_words(&d))
		return ctl_fail(CTL_USAGE, "connctl doctor conn KEY", "which key?");
	d.shared =
	    mmap(NULL, sizeof *d.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	json_global_init();
	if (d.shared == MAP_FAILED || http_start_libraries() < 0)
		return ctl_fail(CTL_USAGE, NULL, "out of memory");
	d.facts = &d.shared->facts;
	code = run(&d);
	(void)munmap(d.shared, sizeof *d.shared);
	return code;
}
