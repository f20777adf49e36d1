/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/store/row_mac.h"

#include "base/hash.h"

/*
 * The text begins with the kind of row. Ids have one length, "" is as many NULs; numbers are eight
 * bytes, little-endian; a text of any length has its length before it. So two different rows never
 * have the same text.
 */

static void
begin(struct buf *b, const char *kind)
{
	buf_reset(b);
	buf_add(b, kind, 4);
}

static void
add_id(struct buf *b, const struct id *id)
{
	static const char none[ID_LENGTH];

	buf_add(b, id_is_none(id) ? none : id->s, ID_LENGTH);
}

static void
add_number(struct buf *b, uint64_t v)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(v >> (8 * i));
	buf_add(b, bytes, sizeof bytes);
}

static void
add_text(struct buf *b, struct span text)
{
	add_number(b, text.n);
	buf_add(b, text.p, text.n);
}

/* Enumerators may get other values in another program; their names in the API do not change. */
static void
add_name(struct buf *b, const char *name)
{
	add_text(b, span_of(name));
}

void
row_text_token(
    struct buf *b, const struct store_token *t, const uint8_t jti_hash[static STORE_JTI_HASH_SIZE])
{
	begin(b, "tokn");
	add_id(b, &t->id);
	buf_add(b, jti_hash, STORE_JTI_HASH_SIZE);
	add_id(b, &t->subject.organization);
	add_name(b, scope_name(t->subject.scope));
	add_id(b, &t->subject.scope_id);
	add_id(b, &t->workspace);
	add_name(b, role_name(t->subject.role));
	add_number(b, (uint64_t)t->expires_ms);
	add_id(b, &t->family.id);
	add_number(b, (uint64_t)t->family.created_ms);
	add_number(b, (uint64_t)t->family.expires_ms);
}

void
row_text_place(struct buf *b, const struct store_entity *e)
{
	begin(b, "plac");
	add_name(b, scope_name(e->scope));
	add_id(b, &e->id);
	add_id(b, &e->organization);
	add_id(b, &e->workspace);
	add_id(b, &e->deployment);
	add_number(b, e->secrets_fetching);
}

void
row_text_object(struct buf *b, const struct store_object *o)
{
	begin(b, "objt");
	add_id(b, &o->id);
	add_name(b, manager_type_name(o->type));
	add_text(b, o->key);
	add_name(b, scope_name(o->scope));
	add_id(b, &o->scope_id);
	add_id(b, &o->place.organization);
	add_id(b, &o->place.workspace);
	add_number(b, (uint64_t)o->version);
	add_number(b, o->draw);
	add_number(b, o->auto_link);
	add_number(b, o->auto_link_projects);
}

static void
add_target(struct buf *b, const char *kind, enum scope scope, const struct id *entity)
{
	buf_add(b, kind, 4);
	add_name(b, scope_name(scope));
	add_id(b, entity);
}

void
row_text_link(
    struct buf *b, enum scope scope, const struct id *entity, int64_t version, bool has_override)
{
	add_target(b, "link", scope, entity);
	add_number(b, (uint64_t)version);
	add_number(b, has_override);
}

void
row_text_exclusion(struct buf *b, enum scope scope, const struct id *entity)
{
	add_target(b, "excl", scope, entity);
}

int
row_mac(uint8_t out[static ROW_MAC_SIZE], const uint8_t key[static ROW_MAC_KEY_SIZE],
    const struct buf *text)
{
	_Static_assert(ROW_MAC_SIZE == HASH_SIZE, "a MAC is a keyed hash");
	if (buf_error(text))
		return buf_error(text);
	hash_long(out, key, ROW_MAC_KEY_SIZE, text->data, text->len);
	return 0;
}
