/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nearly every request asks for, kept in memory: places, and change numbers of views. This
 * process is the only one that writes, so a commit is the only thing that makes them old. Fixed size:
 * an entry makes room for another one that falls on it.
 */
#include "manager/store_sqlite.h"

#include <stdio.h>
#include <string.h>

static size_t
slot_of(const struct store *s, const struct id *id, size_t n)
{
	return hash_short(s->read_key, id->s, ID_LENGTH) % n;
}

struct store_entity *
cache_entity(struct store *s, enum scope scope, const struct id *id)
{
	struct kept_entity *k = &s->kept_entities[slot_of(s, id, N_ELEMENTS(s->kept_entities))];

	/* Inside a transaction things are on their way. */
	if (!sqlite3_get_autocommit(s->db.h) || id_is_none(&k->entity.id) ||
	    k->entity.scope != scope || !id_equal(&k->entity.id, id))
		return NULL;
	k->entity.name.p = k->name;
	k->entity.workspace_name.p = k->name + k->entity.name.n;
	return &k->entity;
}

void
cache_keep_entity(struct store *s, const struct store_entity *e)
{
	struct kept_entity *k = &s->kept_entities[slot_of(s, &e->id, N_ELEMENTS(s->kept_entities))];

	if (!sqlite3_get_autocommit(s->db.h) || e->name.n + e->workspace_name.n > sizeof k->name)
		return;
	k->entity = *e;
	memcpy(k->name, e->name.p, e->name.n);
	if (e->workspace_name.n)
		memcpy(k->name + e->name.n, e->workspace_name.p, e->workspace_name.n);
}

void
cache_forget_entities(struct store *s)
{
	memset(s->kept_entities, 0, sizeof s->kept_entities);
}

struct kept_numbers *
cache_numbers(struct store *s, const struct id *scope_id)
{
	struct kept_numbers *k =
	    &s->kept_numbers[slot_of(s, scope_id, N_ELEMENTS(s->kept_numbers))];

	return id_equal(&k->id, scope_id) ? k : NULL;
}

struct kept_numbers *
cache_new_numbers(struct store *s, const struct id *scope_id)
{
	struct kept_numbers *k =
	    &s->kept_numbers[slot_of(s, scope_id, N_ELEMENTS(s->kept_numbers))];

	*k = (struct kept_numbers){ .id = *scope_id };
	return k;
}
