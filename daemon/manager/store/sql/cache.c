/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caches, in memory, of what nearly every request reads: places, versions of views, counts of
 * lists, where their pages begin, and what is known of the audit log. Places and versions change
 * only with a commit, which brings them up to date; when other managers use the database,
 * store_trusts_caches() says whether that can be relied on. An entry for a list has the view's
 * version in its key, so it is true of any snapshot. Each cache is an array of fixed size: a new
 * entry replaces the one with the same slot.
 */
#include "manager/store/sql/sql.h"

#include <stdio.h>
#include <string.h>

static size_t
slot_of(const struct store *s, const struct id *id, size_t n)
{
	return hash_short(s->read_key, id->s, ID_LENGTH) % n;
}

void
entity_point_to(struct store_entity *e, const char *text)
{
	e->name.p = text;
	e->workspace_name.p = text + e->name.n;
	if (e->description.p)
		e->description.p = e->workspace_name.p + e->workspace_name.n;
}

struct store_entity *
cache_entity(struct store *s, enum scope scope, const struct id *id)
{
	struct kept_entity *k = &s->kept_entities[slot_of(s, id, N_ELEMENTS(s->kept_entities))];

	/* A transaction may have changed the place. */
	if (store_in_transaction(s) || !store_trusts_caches(s) || id_is_none(&k->entity.id) ||
	    k->entity.scope != scope || !id_equal(&k->entity.id, id))
		return NULL;
	entity_point_to(&k->entity, k->text);
	return &k->entity;
}

void
cache_keep_entity(struct store *s, const struct store_entity *e)
{
	struct kept_entity *k = &s->kept_entities[slot_of(s, &e->id, N_ELEMENTS(s->kept_entities))];

	size_t n = e->name.n + e->workspace_name.n + e->description.n;

	if (store_in_transaction(s) || n > sizeof k->text)
		return;
	k->entity = *e;
	memcpy(k->text, e->name.p, n);
}

void
cache_forget_entities(struct store *s)
{
	memset(s->kept_entities, 0, sizeof s->kept_entities);
}

struct kept_versions *
cache_versions(struct store *s, const struct id *scope_id)
{
	struct kept_versions *k =
	    &s->kept_versions[slot_of(s, scope_id, N_ELEMENTS(s->kept_versions))];

	return id_equal(&k->id, scope_id) ? k : NULL;
}

struct kept_versions *
cache_new_versions(struct store *s, const struct id *scope_id)
{
	struct kept_versions *k =
	    &s->kept_versions[slot_of(s, scope_id, N_ELEMENTS(s->kept_versions))];

	*k = (struct kept_versions){ .id = *scope_id };
	return k;
}

bool
cache_list_key(
    struct list_key *key, const struct store_query *q, const struct store_version *version)
{
	memset(key, 0, sizeof *key); /* padding is hashed, too, so it must be zero */
	if (q->key.p || q->search.n > 0 || view_is_filtered(q))
		return false;
	memcpy(key->scope_id.s, q->scope_id.s, ID_LENGTH);
	key->scope = (uint8_t)q->scope;
	key->types = (uint8_t)(q->types & STORE_ALL_TYPES);
	key->resolve = view_resolves(q);
	key->whole_workspace = q->whole_workspace;
	for (size_t i = 0; i < q->n_sorts && i < STORE_MAX_SORTS; i++)
		key->sorts[key->n_sorts++] =
		    (uint8_t)((unsigned)q->sorts[i].by << 1 | q->sorts[i].descending);
	key->offset = q->offset;
	key->version = *version;
	return true;
}

static bool
same_list(const struct list_key *a, const struct list_key *b)
{
	return store_version_equal(&a->version, &b->version) && a->offset == b->offset &&
	       a->scope == b->scope && a->types == b->types && a->resolve == b->resolve &&
	       a->whole_workspace == b->whole_workspace && a->n_sorts == b->n_sorts &&
	       memcmp(a->sorts, b->sorts, sizeof a->sorts) == 0 &&
	       id_equal(&a->scope_id, &b->scope_id);
}

static struct kept_list *
list_slot(struct store *s, const struct list_key *key)
{
	return &s->kept_lists[hash_short(s->read_key, key, sizeof *key) %
			      N_ELEMENTS(s->kept_lists)];
}

bool
cache_list(struct store *s, const struct list_key *key, int64_t *value)
{
	const struct kept_list *k = list_slot(s, key);

	if (!same_list(&k->key, key))
		return false;
	*value = k->value;
	return true;
}

void
cache_keep_list(struct store *s, const struct list_key *key, int64_t value)
{
	struct kept_list *k = list_slot(s, key);

	k->key = *key;
	k->value = value;
}

/* ---- audit rows ---- */

static uint64_t
hash_of_texts(const struct store *s, const struct store_audit_query *q)
{
	const uint64_t both[] = { hash_short(s->read_key, q->search.p, q->search.n),
		hash_short(s->read_key, q->request.p, q->request.n) };

	return hash_short(s->read_key, both, sizeof both);
}

struct known_audit *
cache_audit(struct store *s, const struct store_audit_query *q)
{
	const struct id *narrowest = !id_is_none(&q->subject)     ? &q->subject
				     : !id_is_none(&q->by)        ? &q->by
				     : !id_is_none(&q->workspace) ? &q->workspace
								  : &q->organization;
	uint64_t texts = hash_of_texts(s, q);
	struct known_audit *c =
	    &s->known_audit[(slot_of(s, narrowest, N_AUDIT) + q->actions + texts) % N_AUDIT];

	if (!id_equal(&c->organization, &q->organization) ||
	    !id_equal(&c->workspace, &q->workspace) || !id_equal(&c->subject, &q->subject) ||
	    !id_equal(&c->by, &q->by) || c->actions != q->actions || c->texts != texts)
		*c = (struct known_audit){ .organization = q->organization,
			.workspace = q->workspace,
			.subject = q->subject,
			.by = q->by,
			.actions = q->actions,
			.texts = texts };
	return c;
}

void
cache_forget_audit(struct store *s)
{
	s->audit_pruned++;
	memset(s->known_audit, 0, sizeof s->known_audit);
}
