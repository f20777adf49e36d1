/* SPDX-License-Identifier: Apache-2.0 */
/* What import.c, import_known.c and import_report.c share. Include it only there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
#include "ctl/admin/session.h"
#include "ctl/ctl.h"
#include "ctl/import/entry.h"
#include "ctl/json.h"

#define IMPORT_MAX_PATH 1024
#define IMPORT_N_KINDS  2

/* What was done with a key. ACT_LEFT: nothing, because the import ended before it. */
enum act { ACT_CREATED, ACT_UPDATED, ACT_UNCHANGED, ACT_SKIPPED, ACT_REFUSED, ACT_LEFT, N_ACTS };

/* One key of the import. */
struct step {
	const struct import_entry *entry;
	const struct json *row; /* what the manager has; NULL: nothing */
	enum act act;
	struct why why; /* "": nothing to say */
};

/* The manager's objects of one kind in the target. */
struct known {
	struct json **page; /* the responses, which own the rows */
	size_t n_pages;
	const struct json **row; /* sorted by key */
	size_t n_rows;
	bool hidden; /* the token may not see secrets */
};

struct import {
	struct session session;
	struct ctl_import_options target; /* the options, with the ids of what they name */
	char workspace[TOKEN_ID_SIZE], deployment[CTL_MAX_DEPLOYMENTS][TOKEN_ID_SIZE];
	const struct ctl_import_options *o; /* target */
	const char *format;                 /* of the files; NULL: their names tell it */
	bool json;
	struct import_list list;
	struct known known[IMPORT_N_KINDS];
	struct step *step;   /* one an entry of the list */
	struct buf response; /* the body of the last response */
};

/* ---- import_known.c; each int is an exit code, and what is not CTL_YES has been printed ---- */

int import_no_memory(void);
/* The manager's response is not a list of objects. */
int import_bad_list(void);
/* The `message` of the last response, or its status. */
void import_read_message(const struct import *im, int status, struct why *why);
/* Of a status that ends the import. */
int import_fail_status(const struct import *im, int status);
/*
 * Reads all pages of one kind, with secrets: without them nobody can say that a key is unchanged.
 * When the manager refuses the secrets, the list is read without them.
 */
MUST_CHECK int import_load_kind(struct import *im, enum import_kind kind);
/* NULL: the manager has no object of that key. */
const struct json *import_known_find(const struct known *k, const char *key);

/* ---- import_report.c ---- */

/* Prints what was done. Returns the exit code of an import that reached its end. */
int import_report(const struct import *im);
