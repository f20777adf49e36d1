/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and reads organizations, Workspaces and Deployments, which stock clients read first. */
#include <errno.h>

#include "base/json/write.h"
#include "base/limits.h"
#include "manager/api/encode.h"
#include "manager/api/request.h"
#include "manager/model/auth_types.h"

#define DEFAULT_LIMIT 20

struct page {
	int64_t offset, limit, total;
};

static int
read_order(struct request *rq, struct store_entity_order *order, struct fault *f)
{
	static const char *const names[] = {
		[STORE_ENTITY_NAME] = "name",
		[STORE_ENTITY_CREATED] = "createdAt",
		[STORE_ENTITY_UPDATED] = "updatedAt",
	};
	struct query_sort sorts[QUERY_MAX_SORTS];
	int r = query_sorts(&rq->query, names, N_ELEMENTS(names), sorts, &order->n_sorts, f);

	for (size_t i = 0; r == 0 && i < order->n_sorts; i++) {
		order->sorts[i].by = (enum store_entity_sort)sorts[i].by;
		order->sorts[i].descending = sorts[i].descending;
	}
	return r;
}

/* order: NULL when there is only one. */
static bool
read_page(struct request *rq, struct page *p, struct store_entity_order *order)
{
	struct fault f;

	*p = (struct page){ .limit = DEFAULT_LIMIT };
	if (query_count(&rq->query, "offset", &p->offset, &f) == 0 &&
	    query_count(&rq->query, "limit", &p->limit, &f) == 0 &&
	    (!order || read_order(rq, order, &f) == 0))
		return true;
	respond_fault(rq->conn, &f);
	return false;
}

static void
end_page(struct request *rq, struct buf *body, const struct page *p, int r)
{
	buf_addc(body, ']');
	respond_page(rq->conn, r, p->limit, p->offset, p->total, body);
	buf_fini(body);
}

/* --- organizations -------------------------------------------------------------------- */

/* A token belongs to one organization, which is the whole list. */
void
organizations_list(struct request *rq)
{
	struct buf body = BUF_INIT(ENCODE_PAGE_MAX);
	/* read only to refuse unknown sorts, since the list has one row */
	struct store_entity_order order;
	struct store_entity e;
	struct page p;
	int r;

	if (!read_page(rq, &p, &order))
		return;
	buf_adds(&body, "{\"organizations\":[");
	r = store_entity_get(rq->api->store, SCOPE_ORGANIZATION, &rq->who.subject.organization, &e);
	p.total = r == STORE_OK;
	if (r == STORE_OK && p.offset == 0 && p.limit > 0)
		encode_entity(&e, &body);
	end_page(rq, &body, &p, r);
}

void
organization_get(struct request *rq)
{
	struct buf body = BUF_INIT(ENCODE_PAGE_MAX);
	struct store_entity e;
	int r = store_entity_get(rq->api->store, SCOPE_ORGANIZATION, &rq->organization, &e);

	if (r < 0) {
		respond_internal_error(rq->conn, r);
	} else if (r != STORE_OK) {
		request_not_found(rq, "The organization");
	} else {
		encode_entity(&e, &body);
		respond_json(rq->conn, NULL, &body);
	}
	buf_fini(&body);
}

/* --- Workspaces and Deployments ------------------------------------------------------- */

/* Rows that the token does not cover are left out, so the page is cut here, not in the store. */
struct listing {
	struct request *rq;
	struct page page;
	struct buf body;
	bool by_id; /* only the ids the query names */
	const char *id_parameter;
	bool by_name, by_workspace;
	struct id around;
};

/* A repeated parameter. */
static bool
query_names(const struct query *q, const char *name, struct span what)
{
	for (size_t i = 0; i < q->n; i++)
		if (span_is(q->pairs[i].name, name) && span_equal(q->pairs[i].value, what))
			return true;
	return false;
}

/* True if the query has this parameter with a value. */
static bool
query_has(const struct query *q, const char *name)
{
	for (size_t i = 0; i < q->n; i++)
		if (span_is(q->pairs[i].name, name) && q->pairs[i].value.n)
			return true;
	return false;
}

/*
 * Finds the Workspace of a Deployment's token, which it must be able to name, though it covers only
 * the Deployment.
 */
static struct id
workspace_around(struct request *rq)
{
	const struct subject *who = &rq->who.subject;
	struct place own = { 0 };

	if (who->scope != SCOPE_DEPLOYMENT ||
	    store_place(rq->api->store, SCOPE_DEPLOYMENT, &who->scope_id, &own) != STORE_OK)
		return (struct id){ 0 };
	return own.workspace;
}

static bool
is_visible(struct request *rq, const struct store_entity *e, const struct id *around)
{
	struct place where = store_entity_place(e);

	return policy_decide(&rq->who.subject, ACTION_VIEW, &where, false) == POLICY_ALLOWED ||
	       (e->scope == SCOPE_WORKSPACE && id_equal(around, &e->id));
}

static int
list_entity(void *arg, const struct store_entity *e)
{
	struct listing *l = arg;
	int64_t row;

	if (l->by_id && !query_names(&l->rq->query, l->id_parameter, span_of(e->id.s)))
		return 0;
	if (l->by_name && !query_names(&l->rq->query, "names", e->name))
		return 0;
	if (l->by_workspace && !query_names(&l->rq->query, "workspaceIds", span_of(e->workspace.s)))
		return 0;
	if (!is_visible(l->rq, e, &l->around))
		return 0;
	row = l->page.total++;
	if (row < l->page.offset || row - l->page.offset >= l->page.limit ||
	    encode_page_is_full(&l->body))
		return 0;
	jtext_next(&l->body);
	encode_entity(e, &l->body);
	return buf_error(&l->body);
}

static void
list_entities(struct request *rq, enum scope scope, const char *member, const char *id_parameter)
{
	struct listing l = {
		.rq = rq, .id_parameter = id_parameter, .body = BUF_INIT(ENCODE_PAGE_MAX)
	};
	struct store_entity_order order;
	int r;

	if (!read_page(rq, &l.page, &order))
		return;
	l.around = workspace_around(rq);
	l.by_id = query_has(&rq->query, id_parameter);
	l.by_name = query_has(&rq->query, "names");
	l.by_workspace = scope != SCOPE_WORKSPACE && query_has(&rq->query, "workspaceIds");
	buf_addf(&l.body, "{\"%s\":[", member);
	r = store_entity_list_sorted(
	    rq->api->store, scope, &rq->organization, &order, list_entity, &l);
	end_page(rq, &l.body, &l.page, r);
}

void
workspaces_list(struct request *rq)
{
	list_entities(rq, SCOPE_WORKSPACE, "workspaces", "workspaceIds");
}

void
deployments_list(struct request *rq)
{
	list_entities(rq, SCOPE_DEPLOYMENT, "deployments", "deploymentIds");
}

static void
get_entity(struct request *rq, enum scope scope, const char *what)
{
	struct buf body = BUF_INIT(ENCODE_PAGE_MAX);
	struct store_entity e;
	struct id id, around = workspace_around(rq);
	int r = STORE_NOT_FOUND;

	if (id_from(rq->params[0], &id))
		r = store_entity_get(rq->api->store, scope, &id, &e);
	if (r < 0) {
		respond_internal_error(rq->conn, r);
		return;
	}
	if (r != STORE_OK || !id_equal(&e.organization, &rq->organization) ||
	    !is_visible(rq, &e, &around)) {
		request_not_found(rq, what);
		return;
	}
	encode_entity(&e, &body);
	respond_json(rq->conn, NULL, &body);
	buf_fini(&body);
}

void
workspace_get(struct request *rq)
{
	get_entity(rq, SCOPE_WORKSPACE, "The Workspace");
}

void
deployment_get(struct request *rq)
{
	get_entity(rq, SCOPE_DEPLOYMENT, "The Deployment");
}

void
projects_list(struct request *rq)
{
	list_entities(rq, SCOPE_PROJECT, "projects", "projectIds");
}

void
project_get(struct request *rq)
{
	get_entity(rq, SCOPE_PROJECT, "The project");
}

/* --- the catalogue -------------------------------------------------------------------- */

void
auth_types_list(struct request *rq)
{
	struct buf body = BUF_INIT(ENCODE_PAGE_MAX);
	const struct auth_type *t;
	struct page p;

	if (!read_page(rq, &p, NULL))
		return;
	buf_adds(&body, "{\"connectionAuthTypes\":[");
	for (; (t = auth_type_at((size_t)p.total)) != NULL; p.total++) {
		if (p.total < p.offset || p.total - p.offset >= p.limit)
			continue;
		jtext_next(&body);
		auth_type_encode(t, &body);
	}
	end_page(rq, &body, &p, 0);
}
