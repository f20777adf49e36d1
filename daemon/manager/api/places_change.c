/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, changing and removing Workspaces, Deployments and projects; the organization's settings.
 */
#include <errno.h>

#include "base/limits.h"
#include "manager/api/encode.h"
#include "manager/api/input/body.h"
#include "manager/api/request.h"

#define PLACE_BODY_MAX (64 * 1024)

/* Texts of messages about a place of this scope. */
static const struct place_words {
	const char *the, *taken;
} words[SCOPE_N] = {
	[SCOPE_ORGANIZATION] = { "The organization", "name is taken: another organization has it" },
	[SCOPE_WORKSPACE] = { "The Workspace",
	    "name is taken: the organization has a Workspace of this name" },
	[SCOPE_DEPLOYMENT] = { "The Deployment",
	    "name is taken: the Workspace has a Deployment of this name" },
	[SCOPE_PROJECT] = { "The project",
	    "name is taken: the Workspace has a project of this name" },
};

/* Responds with the place as it is now, after it was created or changed. */
static void
respond_place(struct request *rq, enum scope scope, const struct id *id)
{
	struct http_header list[2];
	struct buf body = BUF_INIT(PLACE_BODY_MAX);
	struct store_entity e;
	int r = store_entity_get(rq->api->store, scope, id, &e);

	if (r < 0) {
		respond_internal_error(rq->conn, r);
	} else if (r > 0) {
		request_not_found(rq, words[scope].the);
	} else {
		encode_entity(&e, &body);
		respond_json(rq->conn, request_warning(rq, list), &body);
	}
	buf_fini(&body);
}

/* Responds to a change that the store refused. True: it was made; the caller responds. */
static bool
is_done(struct request *rq, enum scope scope, int r)
{
	if (r < 0)
		respond_internal_error(rq->conn, r);
	else if (r == STORE_NOT_DURABLE)
		respond_not_durable(rq->conn);
	else if (r == STORE_CONFLICT)
		respond_error(rq->conn, 409, words[scope].taken);
	else if (r == STORE_NOT_EMPTY)
		respond_error(
		    rq->conn, 409, "The Workspace has Deployments or projects: delete them first");
	else if (r != STORE_OK)
		request_not_found(rq, words[scope].the);
	return r == STORE_OK;
}

/* Notes only misspelt members: clients of the hosted API send many that have no meaning here. */
static void
note_misspelt(struct request *rq, const struct body *b, enum scope scope)
{
	static const char *const known[SCOPE_N][6] = {
		[SCOPE_ORGANIZATION] = { "name", "environmentSecretsFetching" },
		[SCOPE_WORKSPACE] = { "name", "description", "cicdEnforcedDefault" },
		[SCOPE_DEPLOYMENT] = { "name", "description", "isCicdEnforced", "workspaceId" },
		[SCOPE_PROJECT] = { "name", "description", "workspaceId", "deploymentId" },
	};
	struct ignored ignored = { 0 };

	ignored_note_near(&ignored, b->object, "", known[scope]);
	request_ignored(rq, &ignored);
}

/* Reads the members of the place itself. */
static int
read_set(
    struct request *rq, struct body *b, enum scope scope, bool named, struct store_entity_set *set)
{
	static const char *const cicd[SCOPE_N] = {
		[SCOPE_WORKSPACE] = "cicdEnforcedDefault",
		[SCOPE_DEPLOYMENT] = "isCicdEnforced",
	};
	int r;

	*set = (struct store_entity_set){ 0 };
	note_misspelt(rq, b, scope);
	r = body_name(b, "name", named, LIMIT_PLACE_NAME, &set->name);
	if (r == 0 && scope != SCOPE_ORGANIZATION)
		r = body_prose(b, "description", LIMIT_DESCRIPTION, &set->description);
	if (r == 0 && cicd[scope])
		r = body_bool(b, cicd[scope], &set->cicd_enforced, &set->has_cicd);
	return r;
}

/* --- create --------------------------------------------------------------------------- */

static void
create_place(struct request *rq, enum scope scope, const struct place *parent,
    const struct id *parent_id, const struct store_entity_set *set)
{
	struct id id;

	if (request_may(rq, ACTION_MANAGE_ENTITIES, parent, "The Workspace") &&
	    is_done(rq, scope,
		store_entity_create(rq->api->store, scope, parent_id, set, &rq->actor, &id)))
		respond_place(rq, scope, &id);
}

void
workspace_create(struct request *rq)
{
	struct place parent = { .organization = rq->organization };
	struct store_entity_set set;
	struct fault f;
	struct body b;
	int r = body_read(&b, rq->http->body, &f);

	if (r == 0)
		r = read_set(rq, &b, SCOPE_WORKSPACE, true, &set);
	if (r < 0)
		request_bad_body(rq, r, &f);
	else
		create_place(rq, SCOPE_WORKSPACE, &parent, &rq->organization, &set);
	body_fini(&b);
}

/* Checks that the token covers the Workspace that the body names. */
static int
read_workspace(struct request *rq, struct body *b, struct id *id, struct place *place)
{
	struct span text = { 0 };
	int r = body_text(b, "workspaceId", true, &text);

	if (r < 0)
		return r;
	r = id_from(text, id) ? store_place(rq->api->store, SCOPE_WORKSPACE, id, place)
			      : STORE_NOT_FOUND;
	if (r == STORE_OK && id_equal(&place->organization, &rq->organization) &&
	    policy_decide(&rq->who.subject, ACTION_VIEW, place, false) == POLICY_ALLOWED)
		return 0;
	return r < 0
		   ? r
		   : fault_set(b->fault, "invalid", "workspaceId", "is not the id of a Workspace");
}

void
deployment_create(struct request *rq)
{
	struct store_entity_set set;
	struct place place;
	struct id workspace;
	struct fault f;
	struct body b;
	int r = body_read(&b, rq->http->body, &f);

	if (r == 0)
		r = read_set(rq, &b, SCOPE_DEPLOYMENT, true, &set);
	if (r == 0)
		r = read_workspace(rq, &b, &workspace, &place);
	if (r < 0)
		request_bad_body(rq, r, &f);
	else
		create_place(rq, SCOPE_DEPLOYMENT, &place, &workspace, &set);
	body_fini(&b);
}

/* --- change, delete ------------------------------------------------------------------- */

/* Finds the place of the path, and checks that the token covers it and may change it. */
static bool
find_place(struct request *rq, enum scope scope, struct id *id, struct place *place)
{
	const char *the = words[scope].the;
	struct place around;
	int r = STORE_NOT_FOUND;

	if (id_from(rq->params[0], id))
		r = store_place(rq->api->store, scope, id, place);
	if (r < 0) {
		respond_internal_error(rq->conn, r);
		return false;
	}
	if (r != STORE_OK || !id_equal(&place->organization, &rq->organization)) {
		request_not_found(rq, the);
		return false;
	}
	if (!request_may(rq, ACTION_VIEW, place, the))
		return false;
	/* Managing a place needs the role in the place around it. */
	around = (struct place){ .organization = place->organization };
	if (scope != SCOPE_WORKSPACE)
		around.workspace = place->workspace;
	if (policy_decide(&rq->who.subject, ACTION_MANAGE_ENTITIES, &around, false) ==
	    POLICY_ALLOWED)
		return true;
	request_denied(rq, POLICY_DENIED, the);
	return false;
}

/* Changes the members in the body; an empty body changes nothing. */
static void
change_place(
    struct request *rq, enum scope scope, const struct id *id, const struct store_entity_set *set)
{
	int r = 0;

	if (set->name.p || set->description.p || set->has_cicd || set->deployment ||
	    set->has_secrets)
		r = store_entity_update(rq->api->store, scope, id, set, &rq->actor);
	rq->in_memory = set->has_secrets && !set->secrets_fetching;
	if (is_done(rq, scope, r))
		respond_place(rq, scope, id);
}

static void
update_place(struct request *rq, enum scope scope)
{
	struct store_entity_set set;
	struct place place;
	struct fault f;
	struct body b;
	struct id id;
	int r;

	if (!find_place(rq, scope, &id, &place))
		return;
	r = body_read(&b, rq->http->body, &f);
	if (r == 0)
		r = read_set(rq, &b, scope, true, &set);
	if (r < 0)
		request_bad_body(rq, r, &f);
	else
		change_place(rq, scope, &id, &set);
	body_fini(&b);
}

static void
delete_place(struct request *rq, enum scope scope)
{
	struct place place;
	struct id id;

	if (find_place(rq, scope, &id, &place) &&
	    is_done(rq, scope, store_entity_delete(rq->api->store, scope, &id, &rq->actor)))
		respond_empty(rq->conn, 204, NULL);
}

void
workspace_update(struct request *rq)
{
	update_place(rq, SCOPE_WORKSPACE);
}

void
workspace_delete(struct request *rq)
{
	delete_place(rq, SCOPE_WORKSPACE);
}

void
deployment_update(struct request *rq)
{
	update_place(rq, SCOPE_DEPLOYMENT);
}

void
deployment_delete(struct request *rq)
{
	delete_place(rq, SCOPE_DEPLOYMENT);
}

/* --- projects ------------------------------------------------------------------------- */

/*
 * Reads the Deployment whose objects a project sees too. "": none; absent or null: unchanged.
 */
static int
read_deployment(struct body *b, struct id *out, bool *given)
{
	struct span text = { 0 };
	int r = body_text(b, "deploymentId", false, &text);

	*given = text.p != NULL;
	*out = (struct id){ 0 };
	if (r < 0 || !text.n || id_from(text, out))
		return r;
	return fault_set(b->fault, "invalid", "deploymentId", "is not the id of a Deployment");
}

/* Checks that the Deployment in the body is in the project's Workspace. */
static int
check_deployment(
    struct request *rq, struct body *b, const struct id *deployment, const struct id *workspace)
{
	struct place place;
	int r;

	if (id_is_none(deployment))
		return 0;
	r = store_place(rq->api->store, SCOPE_DEPLOYMENT, deployment, &place);
	if (r < 0 || (r == 0 && id_equal(&place.workspace, workspace)))
		return r;
	return fault_set(
	    b->fault, "invalid", "deploymentId", "is not the id of a Deployment of the Workspace");
}

void
project_create(struct request *rq)
{
	struct store_entity_set set;
	struct place place;
	struct id workspace, deployment;
	struct fault f;
	struct body b;
	bool given;
	int r = body_read(&b, rq->http->body, &f);

	if (r == 0)
		r = read_set(rq, &b, SCOPE_PROJECT, true, &set);
	if (r == 0)
		r = read_workspace(rq, &b, &workspace, &place);
	if (r == 0)
		r = read_deployment(&b, &deployment, &given);
	if (r == 0)
		r = check_deployment(rq, &b, &deployment, &workspace);
	if (r == 0 && !id_is_none(&deployment))
		set.deployment = &deployment;
	if (r < 0)
		request_bad_body(rq, r, &f);
	else
		create_place(rq, SCOPE_PROJECT, &place, &workspace, &set);
	body_fini(&b);
}

void
project_update(struct request *rq)
{
	struct store_entity_set set;
	struct id id, deployment;
	struct place place;
	struct fault f;
	struct body b;
	bool given;
	int r;

	if (!find_place(rq, SCOPE_PROJECT, &id, &place))
		return;
	r = body_read(&b, rq->http->body, &f);
	if (r == 0)
		r = read_set(rq, &b, SCOPE_PROJECT, false, &set);
	if (r == 0)
		r = read_deployment(&b, &deployment, &given);
	if (r == 0)
		r = check_deployment(rq, &b, &deployment, &place.workspace);
	if (r == 0 && given)
		set.deployment = &deployment;
	if (r < 0)
		request_bad_body(rq, r, &f);
	else
		change_place(rq, SCOPE_PROJECT, &id, &set);
	body_fini(&b);
}

void
project_delete(struct request *rq)
{
	delete_place(rq, SCOPE_PROJECT);
}

/* --- the organization ----------------------------------------------------------------- */

void
organization_update(struct request *rq)
{
	struct place place = { .organization = rq->organization };
	struct store_entity_set set;
	struct fault f;
	struct body b;
	int r;

	if (!request_may(rq, ACTION_SETTINGS, &place, "The organization"))
		return;
	r = body_read(&b, rq->http->body, &f);
	if (r == 0)
		r = read_set(rq, &b, SCOPE_ORGANIZATION, false, &set);
	if (r == 0)
		r = body_bool(
		    &b, "environmentSecretsFetching", &set.secrets_fetching, &set.has_secrets);
	if (r < 0)
		request_bad_body(rq, r, &f);
	else
		change_place(rq, SCOPE_ORGANIZATION, &rq->organization, &set);
	body_fini(&b);
}
