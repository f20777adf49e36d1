/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/open_lists.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "manager/fiber/runner.h"

struct open_lists {
	struct api *api;
	struct open_list *first, *last; /* the longest open first */
	bool judging;                   /* judge_all() runs; it may wait for the store */
};

void
open_lists_add(struct open_lists *a, struct open_list *o, struct request *rq, const struct list *l)
{
	o->all = a;
	o->rq = rq;
	o->list = l;
	o->rights = rq->rights;
	o->share = share_ref(http_conn_share(rq->conn));
	share_add(o->share, SHARE_LISTS, 1);
	o->next = NULL;
	o->prev = a->last;
	*(a->last ? &a->last->next : &a->first) = o;
	a->last = o;
}

void
open_lists_remove(struct open_list *o)
{
	struct open_lists *a = o->all;

	if (!a)
		return;
	*(o->prev ? &o->prev->next : &a->first) = o->next;
	*(o->next ? &o->next->prev : &a->last) = o->prev;
	o->all = NULL;
	share_sub(o->share, SHARE_LISTS, 1);
	o->share = share_unref(o->share);
}

/* --- rights --------------------------------------------------------------------------- */

/* Decides as list_read() does, but sends no response: token, organization, switch, place. */
static bool
authorise(struct api *api, const struct request *rq, const struct list *l)
{
	const struct store_query *q = &l->query;
	struct token_identity who;
	struct store_entity organization;
	struct place at = l->place;

	if (token_recheck(api->tokens, &rq->who.id, clock_wall_ms(), &who) != TOKEN_GOOD ||
	    store_entity_get(api->store, SCOPE_ORGANIZATION, &rq->organization, &organization) != 0)
		return false;
	if (q->scope != SCOPE_ORGANIZATION &&
	    store_place(api->store, q->scope, &q->scope_id, &at) != 0)
		return false;
	return policy_decide(&who.subject, ACTION_VIEW, &at, organization.secrets_fetching) ==
		   POLICY_ALLOWED &&
	       (!l->view.show_secrets || policy_decide(&who.subject, ACTION_FETCH_SECRETS, &at,
					     organization.secrets_fetching) == POLICY_ALLOWED);
}

static bool
is_known_good(const struct open_list *o)
{
	int64_t expires_ms = o->rq->who.expires_ms;

	return o->rights == store_rights(o->all->api->store) &&
	       (!expires_ms || clock_wall_ms() < expires_ms);
}

bool
open_list_is_allowed(struct open_list *o)
{
	uint64_t rights = store_rights(o->all->api->store);

	if (o->ended)
		return false;
	if (is_known_good(o))
		return true;
	if (!authorise(o->all->api, o->rq, o->list) || o->ended)
		return false;
	o->rights = rights;
	return true;
}

static void
end(struct open_list *o, const char *why)
{
	struct http_conn *conn = o->rq->conn;

	log_info(
	    "list ended", LOG_STR("request", http_conn_request_id(conn)), LOG_STR("reason", why));
	o->ended = true;
	http_conn_cut(conn); /* this removes it, now or when its piece is made */
}

/* The longest open list that must be checked; NULL: none. */
static struct open_list *
next_to_judge(const struct open_lists *a)
{
	struct open_list *o = a->first;

	while (o && (o->ended || is_known_good(o)))
		o = o->next;
	return o;
}

static bool
is_open(const struct open_lists *a, const struct open_list *o, const struct request *rq)
{
	const struct open_list *at = a->first;

	while (at && at != o)
		at = at->next;
	return at && at->rq == rq;
}

/* The list may end while the store is waited for; only its request is kept. */
static void
judge(struct open_lists *a, struct open_list *o)
{
	uint64_t rights = store_rights(a->api->store);
	struct request *rq = request_ref(o->rq);
	struct list l = *o->list;
	bool allowed = authorise(a->api, rq, &l);

	if (is_open(a, o, rq)) {
		o->rights = rights;
		if (!allowed)
			end(o, "its token may not read it any more");
	}
	request_unref(rq);
}

static void
judge_all(void *arg)
{
	struct open_lists *a = arg;
	struct open_list *o;

	if (a->judging)
		return; /* it goes on until no list is left */
	a->judging = true;
	while ((o = next_to_judge(a)))
		judge(a, o);
	a->judging = false;
}

/*
 * Checks lists at each change of rights, not only before their next piece: otherwise a client that
 * reads slowly would keep its list.
 */
static void
on_store_event(void *arg, const struct store_event *e)
{
	struct open_lists *a = arg;

	if (e->kind != STORE_EVENT_VIEW && a->first)
		runner_must_run(a->api->runner, judge_all, a);
}

/* --- room ----------------------------------------------------------------------------- */

bool
open_lists_make_room(struct open_lists *a, const struct request *rq)
{
	struct open_list *heaviest = NULL;
	size_t most = share_weight(http_conn_share(rq->conn), SHARE_LISTS, 1, STORE_MAX_LISTS);

	for (struct open_list *o = a->first; o; o = o->next) {
		size_t w = share_weight(o->share, SHARE_LISTS, 0, STORE_MAX_LISTS);

		if (w > most && o->rq != rq && !o->ended) {
			most = w;
			heaviest = o;
		}
	}
	http_conn_note_gave_way(rq->conn, SHARE_LISTS);
	if (heaviest)
		end(heaviest, "closed to make room for another caller's list");
	return heaviest != NULL;
}

/* --- begin and end -------------------------------------------------------------------- */

int
open_lists_new(struct open_lists **out, struct api *api)
{
	struct open_lists *a = mem_zalloc(sizeof *a);
	int r;

	if (!a)
		return -ENOMEM;
	a->api = api;
	r = store_watch(api->store, on_store_event, a);
	if (r < 0) {
		mem_free(a);
		return r;
	}
	*out = a;
	return 0;
}

struct open_lists *
open_lists_free(struct open_lists *a)
{
	if (a)
		store_unwatch(a->api->store, a);
	mem_free(a);
	return NULL;
}
