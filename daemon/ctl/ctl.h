/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verbs of connctl share: exit codes people script against, the options, and the one way
 * to say that something did not work. A verb prints only when everything it has to say is known, so
 * that standard output is empty whenever the exit code is not 0. Some verbs print their report
 * whatever the exit code says: import, which goes on over what is refused, scan, explain, diff
 * and doctor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum ctl_exit {
	CTL_YES = 0,
	CTL_NO = 1,          /* not found, or a check that says no */
	CTL_USAGE = 2,       /* the command line makes no sense */
	CTL_UNAVAILABLE = 3, /* unreachable, not ready, expired, withheld, invalid */
	CTL_DENIED = 4,
	/* of connctl exec, as of env(1): the command cannot be run, or is not there */
	CTL_CANNOT_RUN = 126,
	CTL_NO_COMMAND = 127,
};

#define CTL_MAX_WORDS      4
#define CTL_DEFAULT_SOCKET "/run/connd/connd.sock"
/* Longer than connd's cold_wait, during which a request may wait for the first sync. */
#define CTL_DEFAULT_TIMEOUT_MS 10000
/* of connctl wait and exec: a start, a login, a first list */
#define CTL_WAIT_TIMEOUT_MS 60000

/* of the whole of connctl doctor */
#define CTL_DOCTOR_TIMEOUT_MS 14000

#define CTL_MAX_DEPLOYMENTS 32
/* A write of many objects may wait for the manager's disk now and then. */
#define CTL_IMPORT_TIMEOUT_MS 30000

/* Of connctl import; NULL: not given. */
struct ctl_import_options {
	const char *organization, *token_file;
	/* Names or ids; ids alone once import has found them. */
	const char *workspace, *deployment[CTL_MAX_DEPLOYMENTS];
	size_t n_deployments;
	const char *connections, *variables; /* files */
	const char *from_airflow;            /* the command to run instead */
	bool dry_run, update;
};

struct cli_line;

struct ctl_options {
	const char *socket;
	const char *team; /* NULL: none */
	int64_t timeout_ms;
	bool json, reveal;
	const char *word[CTL_MAX_WORDS]; /* the verb first */
	size_t n_words;
	struct ctl_import_options import;
	const struct cli_line *line; /* what stood on the command line, of the verbs that read it */
};

/*
 * Says on stderr what went wrong and what to do next (NULL: nothing to advise), and returns code.
 * Foreign bytes in either are made harmless for a terminal.
 */
int ctl_fail(enum ctl_exit code, const char *next, const char *fmt, ...) PRINTF(3, 4);

/* What ctl_fail() would have printed. */
struct ctl_said {
	char what[1024];
	char next[512]; /* "": nothing to advise */
};
/* From now on ctl_fail() writes there instead of to stderr. NULL: to stderr again. */
void ctl_catch(struct ctl_said *said);

/* With --json ctl_fail() prints {"error": {"code", "message", "next"}}; code: the exit code. */
void ctl_errors_as_json(bool on);

/* While it is on, ctl_fail() only returns its code: for a try that will be made again. */
void ctl_mute(bool on);

/* The verbs. Each returns the exit code. */
MUST_CHECK int ctl_env(const struct ctl_options *o);
MUST_CHECK int ctl_exec(const struct ctl_options *o);
MUST_CHECK int ctl_explain(const struct ctl_options *o);
MUST_CHECK int ctl_get(const struct ctl_options *o);
MUST_CHECK int ctl_export(const struct ctl_options *o);
MUST_CHECK int ctl_import(const struct ctl_options *o);
MUST_CHECK int ctl_init(const struct ctl_options *o);
MUST_CHECK int ctl_list(const struct ctl_options *o);
MUST_CHECK int ctl_redact(const struct ctl_options *o);
MUST_CHECK int ctl_refresh(const struct ctl_options *o);
MUST_CHECK int ctl_scan(const struct ctl_options *o);
MUST_CHECK int ctl_status(const struct ctl_options *o);
MUST_CHECK int ctl_token_renew(const struct ctl_options *o);
MUST_CHECK int ctl_top(const struct ctl_options *o);
MUST_CHECK int ctl_trace(const struct ctl_options *o);
MUST_CHECK int ctl_wait(const struct ctl_options *o);
MUST_CHECK int ctl_watch(const struct ctl_options *o);
MUST_CHECK int ctl_diff(const struct ctl_options *o); /* its exit codes are those of diff(1) */
MUST_CHECK int ctl_audit(const struct ctl_options *o);
MUST_CHECK int ctl_context(const struct ctl_options *o); /* and login */
MUST_CHECK int ctl_object(
    const struct ctl_options *o); /* connections, variables, metrics exports */
MUST_CHECK int ctl_doctor(const struct ctl_options *o);
MUST_CHECK int ctl_organization(const struct ctl_options *o);
MUST_CHECK int ctl_sidecars(const struct ctl_options *o);
MUST_CHECK int ctl_token(const struct ctl_options *o); /* but for renew */
MUST_CHECK int ctl_render(const struct ctl_options *o);
MUST_CHECK int ctl_place(const struct ctl_options *o); /* Workspaces, Deployments, projects */
