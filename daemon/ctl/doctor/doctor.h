/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the checks of connctl doctor share. A check writes one line: its verdict, what it found, and
 * the command that mends it. The checks are made in groups, in the order in which one depends on
 * another, so the first that failed is the cause.
 *
 * Each group runs in a child process: it can take the identity of connd's user or the worker's, and
 * a name service, file system or manager that hangs costs no more than the group's time. The report
 * and the facts are memory that parent and children share, so neither holds a secret or a pointer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "base/why.h"
#include "core/config/config.h"
#include "ctl/ctl.h"

#define DOCTOR_NAME_SIZE   40
#define DOCTOR_FOUND_SIZE  768
#define DOCTOR_NEXT_SIZE   512
#define DOCTOR_MAX_LINES   48
#define DOCTOR_MAX_GROUPS  128 /* supplementary groups of a user */
#define DOCTOR_ID_SIZE     65
#define DOCTOR_CONFIG      "/etc/connd/connd.conf"
#define DOCTOR_SOCKET_SIZE 256

enum doctor_verdict { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAILED, DOCTOR_SKIPPED };

struct doctor_line {
	enum doctor_verdict verdict;
	char check[DOCTOR_NAME_SIZE];
	char found[DOCTOR_FOUND_SIZE];
	char next[DOCTOR_NEXT_SIZE]; /* "": nothing to do */
};

struct doctor_user {
	bool known;
	char name[64];
	uid_t uid;
	gid_t gid;
	gid_t groups[DOCTOR_MAX_GROUPS];
	int n_groups;
};

/* What a check found out that later ones need. */
struct doctor_facts {
	struct doctor_user service; /* whose files connd reads: its own user */
	struct doctor_user client;  /* --user, or the user that runs doctor */
	char socket[DOCTOR_SOCKET_SIZE];
	bool has_config;                   /* the configuration can be read */
	char organization[DOCTOR_ID_SIZE]; /* of the configuration */
	char deployment[DOCTOR_ID_SIZE];   /* likewise; "": a Workspace */
	char token_path[512];
	char workspace[DOCTOR_ID_SIZE]; /* where the token says the Deployment is; "": not known */
	/* of Status; answered: connd answers */
	bool answered;
	struct ctl_said refusal; /* why it does not */
	pid_t pid;
	char version[32], state[16], last_error[384];
	char serves[DOCTOR_ID_SIZE], serves_name[160];
	char snapshot[16], snapshot_error[256];
	int64_t age_ms, bytes, locked_bytes, records, withheld, invalid, max_connections;
	/* The key that --user asked for is not there; the report of that. */
	bool key_missing;
	struct ctl_said missing;
};

struct doctor_shared {
	size_t n;
	struct doctor_line line[DOCTOR_MAX_LINES];
	struct doctor_facts facts;
};

struct doctor {
	const struct ctl_options *o;
	const char *config_path;
	bool config_named;      /* by --config */
	const char *deployment; /* expected: its id or name; NULL: any */
	const char *python;     /* of the worker; NULL: not asked */
	const char *kind, *key; /* "conn" or "var", and the key to look up; NULL: none */
	struct doctor_shared *shared;
	struct doctor_facts *facts; /* in shared */
	/* of a child alone */
	struct config *config;
	char text[DOCTOR_NEXT_SIZE]; /* of doctor_text() */
};

/* --- the report -------------------------------------------------------------------------- */

/* Append a line. next: the command that mends it, "" if there is none. */
void doctor_ok(struct doctor *d, const char *check, const char *fmt, ...) PRINTF(3, 4);
void doctor_skip(struct doctor *d, const char *check, const char *fmt, ...) PRINTF(3, 4);
void doctor_warn(struct doctor *d, const char *check, const char *next, const char *fmt, ...)
    PRINTF(4, 5);
void doctor_fail(struct doctor *d, const char *check, const char *next, const char *fmt, ...)
    PRINTF(4, 5);
/* Formats an advice. The text is valid until the next call. */
const char *doctor_text(struct doctor *d, const char *fmt, ...) PRINTF(2, 3);

/* The line of a check; NULL: it has none yet. */
const struct doctor_line *doctor_find(const struct doctor_shared *s, const char *check);
/* True when the check has a line that is ok or a warning. */
bool doctor_passed(const struct doctor_shared *s, const char *check);
/* The first line that failed; NULL: none did. */
const struct doctor_line *doctor_cause(const struct doctor_shared *s);
void doctor_write_text(const struct doctor_shared *s, bool colour, struct buf *out);
void doctor_write_json(const struct doctor_shared *s, struct buf *out);

/* --- a child ----------------------------------------------------------------------------- */

/*
 * Calls run(d) in a child process with the identity of `as` (NULL: our own) and waits ms at most.
 * 0: it returned; -ETIMEDOUT: it was killed; -ECHILD: it ended otherwise; -EPERM: only root can
 * become that user; -errno.
 */
MUST_CHECK int child_run(
    struct doctor *d, const struct doctor_user *as, int64_t ms, void (*run)(struct doctor *d));
/*
 * Runs argv[0], found in PATH, and reads what it prints into out; its messages are dropped. To be
 * called in a child of child_run(), which limits the time. Returns as program_run() does.
 */
MUST_CHECK int child_output(char *const argv[], struct buf *out, struct why *why);

/* --- the groups, each run in a child ------------------------------------------------------ */

void doctor_look(struct doctor *d); /* fills facts; writes no line */
void doctor_configuration(struct doctor *d);
void doctor_token(struct doctor *d);
void doctor_manager(struct doctor *d);
void doctor_service(struct doctor *d);
void doctor_socket(struct doctor *d);
void doctor_snapshot(struct doctor *d);
void doctor_user(struct doctor *d);
void doctor_key(struct doctor *d);
void doctor_link(struct doctor *d); /* the line of a key that is missing */
void doctor_worker(struct doctor *d);

/* --- what they share ---------------------------------------------------------------------- */

/*
 * Reads the configuration into d->config, if that was not done. 0, or -errno with a sentence in
 * why; oddities may be NULL.
 */
MUST_CHECK int doctor_load_config(struct doctor *d, struct buf *oddities, struct why *why);
/* Reads an account by name. False: there is none. */
bool doctor_find_user(const char *name, struct doctor_user *out);
/* Names the directory or socket that stops this user; false: nothing does. Advice in next. */
bool doctor_path_fault(const char *path, const struct doctor_user *u,
    char found[static DOCTOR_FOUND_SIZE], char next[static DOCTOR_NEXT_SIZE]);
#define DOCTOR_CREDENTIALS "/run/credentials/connd.service" /* while the unit runs */
/* True where systemd would pass credentials to connd, and does not now: the unit does not run. */
bool doctor_credentials_hidden(void);
/* "runuser -u connd -- ", or "" when doctor runs as that user. */
const char *doctor_as_service(const struct doctor *d);
