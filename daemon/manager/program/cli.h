/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of connd-manager, as values: which verb, its options checked for shape. Pure;
 * what the options mean is command.h's, serve.h's and init's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "manager/api/fault_injection.h"
#include "manager/model/policy.h"

enum verb {
	VERB_SERVE,
	VERB_INIT,
	VERB_DEPLOYMENT_CREATE,
	VERB_DEPLOYMENT_LIST,
	VERB_TOKEN_CREATE,
	VERB_TOKEN_LIST,
	VERB_TOKEN_REVOKE,
	VERB_ORGANIZATION_SET,
	VERB_ORGANIZATION_SHOW,
	VERB_ROTATE_KEY,
	VERB_BACKUP,
	VERB_RESTORE,
	VERB_TLS_INIT,
};

#define CLI_MAX_DEPLOYMENTS 100
#define CLI_MAX_FAULTS      32
#define CLI_MAX_LISTENS     4
#define CLI_MAX_HOSTS       16
/* Strings are argv's own; NULL: not given. */
struct options {
	enum verb verb;
	const char *data, *key_file, *new_key_file;
	const char *file; /* the backup; "-": stdout */
	const char *token_out;
	int64_t audit_days;
	const char *listen[CLI_MAX_LISTENS];
	size_t n_listens;    /* 0: the default */
	const char *metrics; /* where they are served */
	bool log_requests;
	const char *tls_cert, *tls_key;   /* both or none */
	const char *hosts[CLI_MAX_HOSTS]; /* names and addresses for a certificate */
	size_t n_hosts;
	struct injection faults[CLI_MAX_FAULTS];
	size_t n_faults;
	unsigned rate_get, rate_post;         /* requests a second; 0: any number */
	const char *organization, *workspace; /* names */
	const char *deployments[CLI_MAX_DEPLOYMENTS];
	size_t n_deployments;
	const char *name;
	struct id workspace_id, scope_id, id;
	enum scope scope;
	enum role role;
	int64_t expires_in_s; /* 0: never */
	int64_t max_lifetime_s;
	bool secrets_fetching;
};

enum cli_verdict { CLI_RUN, CLI_HELP, CLI_VERSION, CLI_USAGE };
#define CLI_WHY_SIZE 256
/* argv without the program's name. CLI_USAGE: `why` is a sentence. */
MUST_CHECK enum cli_verdict cli_parse(
    size_t n, char *const *argv, struct options *out, char why[static CLI_WHY_SIZE]);
/*
 * Makes the paths that an open store's owner is to use absolute, as seen from cwd; their text is
 * kept in room, which must not be touched while the options are in use. False with `why`: they are
 * too long.
 */
MUST_CHECK bool cli_resolve_paths(
    struct options *o, const char *cwd, struct buf *room, char why[static CLI_WHY_SIZE]);
extern const char cli_help[];
