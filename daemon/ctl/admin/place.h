/* SPDX-License-Identifier: Apache-2.0 */
/* Workspaces, Deployments and projects: finding one by id or name. */
#pragma once

#include "base/attr.h"
#include "ctl/admin/session.h"

struct place_kind {
	const char *noun;   /* "deployment", as in the verb */
	const char *title;  /* "Deployment" */
	const char *path;   /* "/deployments" */
	const char *member; /* of a list's page */
};

enum { PLACE_WORKSPACE, PLACE_DEPLOYMENT, PLACE_PROJECT, N_PLACES };

extern const struct place_kind place_kinds[N_PLACES];

/*
 * The one place of this kind whose id or name is text; in that Workspace only, unless "". Copies
 * its id and, unless NULL, hands out its row (free it with json_free()). Returns the exit code:
 * CTL_NO when there is none, CTL_USAGE when several have the name.
 */
MUST_CHECK int place_find(struct session *s, const struct place_kind *kind, const char *text,
    const char *workspace, char id[static TOKEN_ID_SIZE], struct json **row);
/* The name of the place in a list of them, or its id when it is not there (places may be NULL). */
const char *place_name(const struct json *places, const char *id);
/* The Workspace of --workspace, of the context, or the only one there is. Returns the exit code. */
MUST_CHECK int place_workspace(struct session *s, char id[static TOKEN_ID_SIZE]);
