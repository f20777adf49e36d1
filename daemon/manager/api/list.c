/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/list.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"

_Static_assert(QUERY_MAX_SORTS <= STORE_MAX_SORTS, "whatever is asked for fits");

#define DEFAULT_LIMIT 20

/* --- what is asked -------------------------------------------------------------------- */

static int
read_sorts(struct request *rq, struct store_query *q, struct fault *f)
{
	static const char *const names[] = {
		[STORE_SORT_TYPE] = "objectType",
		[STORE_SORT_KEY] = "objectKey",
		[STORE_SORT_CREATED] = "createdAt",
		[STORE_SORT_UPDATED] = "updatedAt",
	};
	struct query_sort sorts[QUERY_MAX_SORTS];
	int r = query_sorts(&rq->query, names, N_ELEMENTS(names), sorts, &q->n_sorts, f);

	for (size_t i = 0; r == 0 && i < q->n_sorts; i++) {
		q->sorts[i].by = (enum store_sort)sorts[i].by;
		q->sorts[i].descending = sorts[i].descending;
	}
	return r;
}

/* Those of the filter that look at no place. */
static int
read_filter(const struct query *q, struct store_filter *out, struct fault *f)
{
	struct span every = { 0 }, scope_text = { 0 };
	bool auto_link = false;
	enum scope scope;
	int r = query_text(q, "autoLinkDeployments", &every, f);

	if (r == 0)
		r = query_bool(q, "autoLinkDeployments", &auto_link, f);
	if (r == 0)
		r = query_text(q, "scope", &scope_text, f);
	if (r == 0)
		r = query_text(q, "updatedBy", &out->updated_by, f);
	if (r == 0)
		r = query_time(q, "updatedSince", &out->updated_from_ms, f);
	if (r == 0)
		r = query_time(q, "updatedBefore", &out->updated_to_ms, f);
	if (r < 0)
		return r;
	out->auto_link = !every.p ? STORE_EITHER : auto_link ? STORE_YES : STORE_NO;
	if (!scope_text.p)
		return 0;
	if (!scope_from(scope_text, &scope) || scope == SCOPE_ORGANIZATION)
		return fault_set(f, "invalid", "scope", "must be WORKSPACE, DEPLOYMENT or PROJECT");
	out->scopes = 1U << scope;
	return 0;
}

/* All parameters but those that name places. */
static int
read_filters(struct request *rq, struct list *l, struct fault *f)
{
	struct store_query *q = &l->query;
	struct span type_name = { 0 };
	enum manager_type type;
	int r = read_sorts(rq, q, f);

	q->limit = DEFAULT_LIMIT;
	q->types = STORE_ALL_TYPES;
	if (rq->is_beta) /* its clients end on a type that it does not have */
		q->types &= ~(1U << MANAGER_ENVIRONMENT_VARIABLE);
	if (r == 0)
		r = query_count(&rq->query, "offset", &q->offset, f);
	if (r == 0)
		r = query_count(&rq->query, "limit", &q->limit, f);
	if (r == 0)
		r = query_bool(&rq->query, "showSecrets", &l->view.show_secrets, f);
	if (r == 0)
		r = query_bool(&rq->query, "resolveLinked", &q->resolve, f);
	if (r == 0)
		r = query_text(&rq->query, "objectKey", &q->key, f);
	if (r == 0)
		r = query_text(&rq->query, "search", &q->search, f);
	if (r == 0)
		r = read_filter(&rq->query, &q->filter, f);
	if (r == 0)
		r = query_text(&rq->query, "objectType", &type_name, f);
	if (r < 0 || !type_name.p)
		return r;
	if (!manager_type_from(type_name, &type))
		return fault_set(f, "invalid", "objectType",
		    "must be CONNECTION, AIRFLOW_VARIABLE, ENVIRONMENT_VARIABLE or METRICS_EXPORT");
	q->types = 1U << type;
	return 0;
}

/* --- whose rows ----------------------------------------------------------------------- */

/* No id given: everything the token may see. */
static int
own_scope(struct request *rq, struct list *l)
{
	const struct subject *who = &rq->who.subject;

	l->query.scope = who->scope;
	l->query.scope_id = who->scope_id;
	l->query.whole_workspace = who->scope == SCOPE_WORKSPACE;
	if (who->scope == SCOPE_ORGANIZATION) {
		l->place = (struct place){ .organization = who->organization };
		return 0;
	}
	return store_place(rq->api->store, who->scope, &who->scope_id, &l->place);
}

/* What the query names; absent ones have no text. */
struct named {
	struct span project, deployment, workspace;
};

static int
read_named(struct request *rq, struct named *n, struct fault *f)
{
	int r = query_text(&rq->query, "deploymentId", &n->deployment, f);

	if (r == 0)
		r = query_text(&rq->query, "projectId", &n->project, f);
	return r < 0 ? r : query_text(&rq->query, "workspaceId", &n->workspace, f);
}

/* The narrowest of them, with its text; none: that is absent. */
static struct span
narrowest(const struct named *n, enum scope *scope)
{
	*scope = n->project.p      ? SCOPE_PROJECT
		 : n->deployment.p ? SCOPE_DEPLOYMENT
				   : SCOPE_WORKSPACE;
	return n->project.p ? n->project : n->deployment.p ? n->deployment : n->workspace;
}

/* The wider ones, if any, must be what the narrowest one is in, or a project's Deployment. */
static bool
fit_together(const struct named *n, const struct store_entity *e)
{
	if (n->workspace.p && e->scope != SCOPE_WORKSPACE && !span_is(n->workspace, e->workspace.s))
		return false;
	if (!n->deployment.p || e->scope != SCOPE_PROJECT)
		return true;
	return !id_is_none(&e->deployment) && span_is(n->deployment, e->deployment.s);
}

/* 0; STORE_NOT_FOUND; -EINVAL with *f; -errno. */
static int
read_scope(struct request *rq, struct list *l, struct fault *f)
{
	struct named named = { 0 };
	struct store_entity e;
	struct span text;
	int r = read_named(rq, &named, f);

	if (r < 0)
		return r;
	text = narrowest(&named, &l->query.scope);
	if (!text.p)
		return own_scope(rq, l);
	if (!id_from(text, &l->query.scope_id))
		return STORE_NOT_FOUND;
	r = store_entity_get(rq->api->store, l->query.scope, &l->query.scope_id, &e);
	if (r != 0)
		return r;
	l->place = store_entity_place(&e);
	return fit_together(&named, &e) ? 0 : STORE_NOT_FOUND;
}

/* The place that linkedTo names: a Deployment or project. 0, STORE_NOT_FOUND or -errno. */
static int
find_linked(struct request *rq, struct span text, struct store_entity *e)
{
	struct id id;
	int r;

	if (!id_from(text, &id))
		return STORE_NOT_FOUND;
	r = store_entity_get(rq->api->store, SCOPE_DEPLOYMENT, &id, e);
	return r == STORE_NOT_FOUND ? store_entity_get(rq->api->store, SCOPE_PROJECT, &id, e) : r;
}

/* True if the token may name the place in linkedTo; else the request has its response. */
static bool
read_linked_to(struct request *rq, struct list *l)
{
	static const char what[] = "The Deployment or project of linkedTo";
	struct store_filter *filter = &l->query.filter;
	struct span text = { 0 };
	struct store_entity e;
	struct place place;
	struct fault f;
	int r = query_text(&rq->query, "linkedTo", &text, &f);

	if (r == 0 && !text.p)
		return true;
	if (r == 0)
		r = find_linked(rq, text, &e);
	if (r == -EINVAL) {
		respond_fault(rq->conn, &f);
		return false;
	}
	if (r < 0) {
		respond_internal_error(rq->conn, r);
		return false;
	}
	if (r == 0)
		place = store_entity_place(&e);
	if (r > 0 || !id_equal(&place.organization, &rq->organization)) {
		request_not_found(rq, what);
		return false;
	}
	filter->linked_to = e.id;
	filter->linked_scope = e.scope;
	filter->linked_workspace = e.workspace;
	return request_may(rq, ACTION_VIEW, &place, what);
}

bool
list_read(struct request *rq, struct list *l)
{
	struct fault f;
	const char *what;
	int r = read_filters(rq, l, &f);

	if (r == 0)
		r = read_scope(rq, l, &f);
	what = l->query.scope == SCOPE_DEPLOYMENT ? "The Deployment"
	       : l->query.scope == SCOPE_PROJECT  ? "The project"
						  : "The Workspace";
	if (r == -EINVAL)
		respond_fault(rq->conn, &f);
	else if (r < 0)
		respond_internal_error(rq->conn, r);
	else if (r > 0 || !id_equal(&l->place.organization, &rq->organization))
		request_not_found(rq, what);
	else if (request_may(rq, ACTION_VIEW, &l->place, what) &&
		 (!l->view.show_secrets ||
		     request_may(rq, ACTION_FETCH_SECRETS, &l->place, what)) &&
		 read_linked_to(rq, l)) {
		l->query.resolve = l->query.resolve && (l->query.scope == SCOPE_DEPLOYMENT ||
							   l->query.scope == SCOPE_PROJECT);
		l->view.resolved = l->query.resolve;
		l->view.show_secrets = l->view.show_secrets && !rq->withhold;
		l->view.scope = l->query.scope;
		l->view.scope_id = l->query.scope_id;
		return true;
	}
	return false;
}

static bool
filter_equal(const struct store_filter *x, const struct store_filter *y)
{
	return x->auto_link == y->auto_link && id_equal(&x->linked_to, &y->linked_to) &&
	       x->scopes == y->scopes && span_equal(x->updated_by, y->updated_by) &&
	       x->updated_from_ms == y->updated_from_ms && x->updated_to_ms == y->updated_to_ms;
}

bool
list_equal(const struct list *a, const struct list *b)
{
	const struct store_query *x = &a->query, *y = &b->query;

	if (x->scope != y->scope || !id_equal(&x->scope_id, &y->scope_id) ||
	    x->resolve != y->resolve || x->whole_workspace != y->whole_workspace ||
	    x->types != y->types || !x->key.p != !y->key.p || x->offset != y->offset ||
	    x->limit != y->limit || x->n_sorts != y->n_sorts ||
	    a->view.show_secrets != b->view.show_secrets)
		return false;
	for (size_t i = 0; i < x->n_sorts; i++)
		if (x->sorts[i].by != y->sorts[i].by ||
		    x->sorts[i].descending != y->sorts[i].descending)
			return false;
	return span_equal(x->key, y->key) && span_equal(x->search, y->search) &&
	       filter_equal(&x->filter, &y->filter);
}
