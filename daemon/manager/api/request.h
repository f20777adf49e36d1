/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One authenticated request, and what handlers share. For api.c, routes.c and the files whose
 * handlers are in the route table.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "manager/api/input/field_error.h"
#include "manager/api/input/ignored.h"
#include "manager/api/input/query.h"
#include "manager/api/observe.h"
#include "manager/api/refusal.h"
#include "manager/api/token.h"
#include "manager/http/server.h"
#include "manager/store/store.h"

struct event_base;

struct durable;
struct throttle;
struct observe;
struct open_lists;
struct sidecars;
struct rate;
struct injection;
struct fairness;
struct runner;
struct watch;

struct api {
	struct event_base *base;
	struct store *store;
	struct runner *runner; /* NULL: the store never waits, and handlers run at once */
	struct token_authority *tokens;
	struct store_holder *spare; /* a holder that no request uses; NULL: none */
	struct watch *watch;
	struct throttle *throttle;
	struct durable *durable;
	struct open_lists *open_lists;
	struct sidecars *sidecars;
	struct observe *observe;
	struct fairness *fairness;
	struct rate *rate_get, *rate_post; /* NULL: no limit */
	const struct injection *injections;
	size_t n_injections;
};

#define REQUEST_MAX_PARAMS 4

struct request;
typedef void request_handler(struct request *rq);

struct request {
	struct api *api;
	struct http_conn *conn;
	const struct http_request *http;
	struct token_identity who;
	struct store_actor actor;
	char request_id[STORE_REQUEST_ID_SIZE]; /* the connection may end before the request */
	struct id organization;                 /* of the path; "" where the path has none */
	bool secrets_fetching;                  /* that organization's switch */
	uint64_t rights;                        /* store_rights() before `who` was found good */
	struct store_holder *holder;            /* see request_holder() */
	struct path path;                       /* as under /v1 */
	bool is_beta;                           /* it was under /platform/v1beta1 */
	struct span params[REQUEST_MAX_PARAMS]; /* the {} of the route, in order */
	struct query query;
	struct buf scratch; /* decoded path and query */
	request_handler *handler;
	const char *route_name; /* NULL: none of its own */
	int fault_status;       /* by --fault: the status to refuse it with */
	int64_t fault_after;    /* the Retry-After of a 429 */
	bool in_memory;         /* its change is in effect even if the disk fails */
	bool withhold;          /* by --fault: secrets are withheld */
	char *warning;          /* the response's Warning field; NULL: none */
	char *ignored;          /* what actor.ignored points to */
	unsigned refs;
};

/*
 * Returns a request with one reference. NULL: out of memory, and the connection has its response.
 */
MUST_CHECK struct request *request_new(struct api *api, struct http_conn *conn);
/* Takes a reference, for code that uses the request after its handler has returned. */
struct request *request_ref(struct request *rq);
struct request *request_unref(struct request *rq); /* returns NULL */

/* The holder into which the request reads objects; owned by the request. NULL: out of memory. */
struct store_holder *request_holder(struct request *rq);

/*
 * Calls handler(rq), which only reads, and sends its response. If rights were lost while the store
 * was waited for, the request is authorised and served again.
 */
void request_read(struct request *rq, request_handler *handler);

/* The family that the request counts for: a token and its renewals. */
const char *request_family(const struct request *rq);
/*
 * Call it when rq->who is good: sets the actor, and lets the connection count for the token's
 * family.
 */
void request_identify(struct request *rq);

/* Each responds. */
void request_unauthorized(struct http_conn *conn, const char *why);
void request_not_found(struct request *rq, const char *what); /* "The environment object" */
void request_denied(struct request *rq, enum verdict v, const char *not_found);

/*
 * Keeps the names of unknown members of the body, for the response's Warning field and the audit
 * log. Once for each request.
 */
void request_ignored(struct request *rq, const struct ignored *ignored);
/* The Warning field, if there is one, as a list of header fields. */
const struct http_header *request_warning(
    const struct request *rq, struct http_header list[static 2]);

/*
 * Responds to a body that cannot be read: -EINVAL is about the field in *f, anything else is an
 * internal error.
 */
void request_bad_body(struct request *rq, int r, const struct fault *f);

/*
 * True if the token may do this there; else responds: not found when the token does not cover the
 * place, else 403.
 */
MUST_CHECK bool request_may(
    struct request *rq, enum action what, const struct place *where, const char *not_found);

/* The query of a list of one place. The caller sets the defaults. */
struct place_list {
	int64_t offset, limit; /* of the query */
	/* named by `workspaceId` or `deploymentId`; otherwise the token's own */
	struct place place;
};

/*
 * Reads the query of a list of one place and checks that the token may do `what` there. Returns
 * false after it has responded: the query is wrong, or the place is not there or not allowed.
 */
MUST_CHECK bool request_place_list(struct request *rq, enum action what, struct place_list *out);

/*
 * Reads the organization of the path, again after a wait, because its switch may have changed.
 * False: it is not the token's organization, and the request has its response.
 */
MUST_CHECK bool request_organization(struct request *rq);

/*
 * Checks a request that was held before it is served: its token must still be good, its
 * organization must exist. False: the request has its response.
 */
MUST_CHECK bool request_authorise_again(struct request *rq);

/* list.c */
request_handler list_objects;
/* sidecars.c */
request_handler sidecars_list;
/* objects.c */
request_handler object_create, object_get, object_update, object_delete, object_exclude;
/* objects_history.c */
request_handler object_history, object_version, object_restore, object_promote, audit_list;
request_handler audit_restore;
/* places_read.c */
request_handler organizations_list, organization_get, workspaces_list, workspace_get,
    deployments_list, deployment_get, projects_list, project_get, auth_types_list;
/* places_change.c */
request_handler organization_update, workspace_create, workspace_update, workspace_delete,
    deployment_create, deployment_update, deployment_delete, project_create, project_update,
    project_delete;
/* tokens.c */
request_handler tokens_list, tokens_create, tokens_get, tokens_revoke, tokens_renew;
