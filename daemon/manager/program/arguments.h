/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of connd-manager, as values: read by its table (table.c), each checked for
 * shape. Pure; what the options mean is command.h's, serve.h's and init's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/cli/cli.h"
#include "base/why.h"
#include "manager/api/fault_injection.h"
#include "manager/model/policy.h"
#include "manager/program/verbs.h"

#define ARGUMENTS_MAX_DEPLOYMENTS 100
#define ARGUMENTS_MAX_FAULTS      32
#define ARGUMENTS_MAX_LISTENS     4
#define ARGUMENTS_MAX_HOSTS       16
/* Strings are argv's own; NULL: not given. */
struct options {
	enum verb verb;
	const char *data, *key_file, *new_key_file;
	const char *store;        /* the PostgreSQL database; NULL: SQLite in `data` */
	const char *store_listen; /* NULL: the same */
	unsigned store_connections;
	const char *file; /* the backup; "-": stdout */
	const char *token_out;
	const char *from, *to; /* of migrate: sqlite:DIR or a URL */
	const char *url;       /* of the manager, as a browser reaches it */
	int64_t audit_days;
	const char *listen[ARGUMENTS_MAX_LISTENS];
	size_t n_listens;    /* 0: the default */
	const char *metrics; /* where they are served */
	bool log_requests;
	const char *tls_cert, *tls_key;         /* both or none */
	const char *hosts[ARGUMENTS_MAX_HOSTS]; /* names and addresses for a certificate */
	size_t n_hosts;
	struct injection faults[ARGUMENTS_MAX_FAULTS];
	size_t n_faults;
	unsigned rate_get, rate_post;         /* requests a second; 0: any number */
	const char *organization, *workspace; /* names */
	const char *deployments[ARGUMENTS_MAX_DEPLOYMENTS];
	size_t n_deployments;
	const char *name;
	struct id workspace_id, scope_id, id;
	enum scope scope;
	enum role role;
	int64_t expires_in_s; /* 0: never */
	int64_t max_lifetime_s;
	bool secrets_fetching;
};

/*
 * Reads argv (argv[0] is the program, or stands for it) into *out, whose strings are argv's own;
 * *line is what the table has of it, for help. CLI_WRONG: `why` says what is wrong.
 */
MUST_CHECK enum cli_verdict arguments_read(
    int argc, char *const argv[], struct options *out, struct cli_line *line, struct why *why);
/*
 * Makes the paths that an open store's owner is to use absolute, as seen from cwd; their text is
 * kept in room, which must not be touched while the options are in use. False with `why`: they are
 * too long.
 */
MUST_CHECK bool arguments_resolve_paths(
    struct options *o, const char *cwd, struct buf *room, struct why *why);
