/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/unserved.h"

#include <stdbool.h>
#include <string.h>

#include "base/attr.h"

static const char accounts[] =
    "connd-manager has no users, teams or custom roles: access is by tokens "
    "(/v1/organizations/{organization}/tokens, or `connd-manager token create`)";
static const char runtime[] =
    "connd-manager runs no Airflow: it keeps connections and variables for Deployments that run "
    "elsewhere, and has no clusters, deploys, logs or alerts";
static const char token_changes[] =
    "connd-manager does not change or rotate tokens: create a new one and delete this one, or "
    "renew it (/v1/organizations/{organization}/tokens/self/renew)";
static const char audit[] =
    "connd-manager's audit log is at /v1/organizations/{organization}/audit-log";
static const char ide[] =
    "connd-manager's projects are at /v1/organizations/{organization}/projects";

/* {}: any one segment; * at the end: whatever follows, nothing too. */
static const struct unserved {
	const char *pattern;
	const char *sentence;
} table[] = {
	{ "v1/users/*", accounts },
	{ "v1/invites/*", accounts },
	{ "v1/organizations/{}/users/*", accounts },
	{ "v1/organizations/{}/teams/*", accounts },
	{ "v1/organizations/{}/roles/*", accounts },
	{ "v1/organizations/{}/role-templates/*", accounts },
	{ "v1/organizations/{}/invites/*", accounts },
	{ "v1/organizations/{}/workspaces/{}/users/*", accounts },
	{ "v1/organizations/{}/workspaces/{}/teams/*", accounts },
	{ "v1/organizations/{}/deployments/{}/users/*", accounts },
	{ "v1/organizations/{}/deployments/{}/teams/*", accounts },
	{ "v1/organizations/{}/audit-logs/*", audit },
	{ "v1/organizations/{}/clusters/*", runtime },
	{ "v1/organizations/{}/cluster-options/*", runtime },
	{ "v1/organizations/{}/deployment-options/*", runtime },
	{ "v1/organizations/{}/alerts/*", runtime },
	{ "v1/organizations/{}/notification-channels/*", runtime },
	{ "v1/organizations/{}/deployments/{}/*", runtime },
	{ "v1/organizations/{}/workspaces/{}/astroide/*", ide },
	{ "v1/organizations/{}/tokens/{}/*", token_changes },
};

static bool
matches(const char *pattern, const struct path *path)
{
	for (size_t i = 0;; i++) {
		size_t n = strcspn(pattern, "/");
		struct span want = { pattern, n };

		if (span_is(want, "*"))
			return true;
		if (i == path->n || (!span_is(want, "{}") && !span_equal(want, path->segments[i])))
			return false;
		pattern += n;
		if (!*pattern)
			return i + 1 == path->n;
		pattern++;
	}
}

const char *
unserved_sentence(const struct path *path)
{
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		if (matches(table[i].pattern, path))
			return table[i].sentence;
	}
	return NULL;
}
