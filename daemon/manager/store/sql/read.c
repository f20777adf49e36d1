/* SPDX-License-Identifier: Apache-2.0 */
/* Reads environment objects: a row, its sealed parts, its links. */
#include "manager/store/sql/sql.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "manager/model/resolve.h"

/*
 * An object's description and value are sealed together: the description's length in four bytes,
 * little-endian (all ones: it has none), the description, the value's document.
 */
#define HEAD           4
#define NO_DESCRIPTION 0xffffffffU

void
holder_init(struct store_holder *h)
{
	*h = (struct store_holder){ 0 };
	buf_init(&h->names, 64 * 1024);
	buf_init(&h->sealed, PLAIN_MAX);
	buf_init(&h->override, LIMIT_VALUE);
	buf_init(&h->resolved, 2 * LIMIT_VALUE);
	buf_init(&h->link_text, 64 * LIMIT_VALUE);
}

void
holder_fini(struct store_holder *h)
{
	buf_fini(&h->names);
	buf_fini(&h->sealed);
	buf_fini(&h->override);
	buf_fini(&h->resolved);
	buf_fini(&h->link_text);
	mem_free(h->links);
	h->links = NULL;
	h->links_room = 0;
}

struct store_holder *
store_holder_new(void)
{
	struct store_holder *h = mem_alloc(sizeof *h);

	if (h)
		holder_init(h);
	return h;
}

void
store_holder_wipe(struct store_holder *h)
{
	buf_reset(&h->names);
	buf_reset(&h->sealed);
	buf_reset(&h->override);
	buf_reset(&h->resolved);
	buf_reset(&h->link_text);
}

struct store_holder *
store_holder_free(struct store_holder *h)
{
	if (h)
		holder_fini(h);
	mem_free(h);
	return NULL;
}

void
object_pack(struct buf *out, struct span description, struct span value)
{
	uint32_t n = description.p ? (uint32_t)description.n : NO_DESCRIPTION;
	uint8_t head[HEAD] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16),
		(uint8_t)(n >> 24) };

	buf_add(out, head, sizeof head);
	if (description.p)
		buf_add(out, description.p, description.n);
	buf_add(out, value.p, value.n);
}

static int
unpack(const struct buf *plain, struct span *description, struct span *value)
{
	const uint8_t *p = (const uint8_t *)plain->data;
	size_t n;

	if (plain->len < HEAD)
		return -EBADMSG;
	n = (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
	*description = (struct span){ 0 };
	if (n == NO_DESCRIPTION)
		n = 0;
	else
		*description = (struct span){ plain->data + HEAD, n };
	if (n > plain->len - HEAD)
		return -EBADMSG;
	*value = (struct span){ plain->data + HEAD + n, plain->len - HEAD - n };
	return 0;
}

struct span
holder_name(struct buf *names, struct span text)
{
	size_t at = names->len;

	buf_add(names, text.p, text.n);
	buf_addc(names, '\0');
	return buf_error(names) ? (struct span){ "", 0 }
				: (struct span){ names->data + at, text.n };
}

int
object_read_head(struct statement *st, struct store_object *out)
{
	int r;

	*out = (struct store_object){ .key = db_text(st, OBJECT_COL_KEY),
		.auto_link = db_bool(st, OBJECT_COL_AUTO_LINK),
		.auto_link_projects = db_bool(st, OBJECT_COL_AUTO_LINK_PROJECTS),
		.version = db_int64(st, OBJECT_COL_VERSION),
		.draw = (uint64_t)db_int64(st, OBJECT_COL_DRAW),
		.created_ms = db_int64(st, OBJECT_COL_CREATED_MS),
		.updated_ms = db_int64(st, OBJECT_COL_UPDATED_MS),
		.created_by.name = db_text(st, OBJECT_COL_CREATED_BY_NAME),
		.updated_by.name = db_text(st, OBJECT_COL_UPDATED_BY_NAME) };
	db_id(st, OBJECT_COL_CREATED_BY, &out->created_by.token);
	db_id(st, OBJECT_COL_UPDATED_BY, &out->updated_by.token);
	db_id(st, OBJECT_COL_ID, &out->id);
	db_id(st, OBJECT_COL_SCOPE_ID, &out->scope_id);
	db_id(st, OBJECT_COL_ORGANIZATION, &out->place.organization);
	db_id(st, OBJECT_COL_WORKSPACE, &out->place.workspace);
	r = db_type(st, OBJECT_COL_TYPE, &out->type);
	if (r == 0)
		r = db_scope(st, OBJECT_COL_SCOPE, &out->scope);
	if (r == 0 && out->scope == SCOPE_DEPLOYMENT)
		out->place.deployment = out->scope_id;
	if (r == 0 && out->scope == SCOPE_PROJECT)
		out->place.project = out->scope_id;
	return r;
}

/* Copies the names of a row: the statement's own texts end with its next step. */
static int
hold_names(struct store_holder *h, struct store_object *o)
{
	buf_reset(&h->names);
	/* Reserves all memory at once, because the texts must not move. */
	if (!buf_room(&h->names, o->key.n + o->created_by.name.n + o->updated_by.name.n + 3))
		return buf_error(&h->names);
	o->key = holder_name(&h->names, o->key);
	o->created_by.name = holder_name(&h->names, o->created_by.name);
	o->updated_by.name = holder_name(&h->names, o->updated_by.name);
	return 0;
}

/* Reads the members that are not sealed. 0, STORE_NOT_FOUND (the row does not verify) or -errno. */
static int
read_head(struct store *s, struct statement *st, struct store_object *out)
{
	int r = object_read_head(st, out);

	return r == -EUCLEAN /* an unknown scope or type */
		   ? authentic_refuse(s, "OBJECT", &out->id, AUTHENTIC_EDITED)
		   : r;
}

/* Opens the sealed members of a row that verifies. */
static int
open_sealed(struct store *s, struct statement *st, struct store_holder *h, struct store_object *out)
{
	int r = hold_names(h, out);

	buf_reset(&h->sealed);
	if (r == 0)
		r = column_open(s->keys, "object", out->id.s, "sealed", out->version,
		    db_blob(st, OBJECT_COL_SEALED), &h->sealed);
	return r == 0 ? unpack(&h->sealed, &out->description, &out->value) : r;
}

int
object_open_row(struct store *s, struct statement *st, const struct link_set *links,
    struct store_holder *h, struct store_object *out)
{
	int r = read_head(s, st, out);

	if (r == 0 && links)
		r = authentic_object(
		    s, db_int64(st, OBJECT_COL_N), out, links, db_blob(st, OBJECT_COL_MAC));
	return r == 0 ? open_sealed(s, st, h, out) : r;
}

int
object_read_row(struct store *s, struct db *db, struct statement *st, struct store_holder *h,
    struct store_object *out)
{
	int r = read_head(s, st, out);

	if (r == 0)
		r = authentic_object_row(
		    s, db, db_int64(st, OBJECT_COL_N), out, db_blob(st, OBJECT_COL_MAC));
	return r == 0 ? open_sealed(s, st, h, out) : r;
}

struct store_link *
holder_links(struct store_holder *h, size_t n)
{
	if (n > h->links_room) {
		size_t room = n < 16 ? 16 : 2 * n;
		struct store_link *p = mem_resize(h->links, room * sizeof *p);

		if (!p)
			return NULL;
		h->links = p;
		h->links_room = room;
	}
	return h->links;
}

/* A link's row for what its override is bound to. */
void
object_link_row(char out[static LINK_ROW_SIZE], const struct id *object, const char *entity)
{
	snprintf(out, LINK_ROW_SIZE, "%s/%s", object->s, entity);
}

int
object_open_override(struct store *s, const struct id *object, const struct id *entity,
    int64_t version, struct span sealed, struct buf *out)
{
	char row[LINK_ROW_SIZE];

	if (!sealed.p) {
		buf_adds(out, "{}");
		return buf_error(out);
	}
	object_link_row(row, object, entity->s);
	return column_open(s->keys, "link", row, "override", version, sealed, out);
}

/* Appends an override. Spans are set when all are there, since the buffer moves until then. */
static int
open_link(struct store *s, const struct id *object, const struct link_set *set,
    const struct link_row *row, struct buf *text, struct store_link *l)
{
	size_t at = text->len;
	int r = row->has_scope ? 0 : -EUCLEAN;

	*l = (struct store_link){ .entity = row->entity, .scope = row->scope };
	if (r == 0 && !row->is_exclusion)
		r = object_open_override(
		    s, object, &l->entity, row->version, link_override(set, row), text);
	l->override.n = text->len - at;
	return r;
}

int
object_open_links(
    struct store *s, const struct link_set *set, struct store_holder *h, struct store_object *out)
{
	size_t n_links = 0, at = 0;
	int r = set->n && !holder_links(h, set->n) ? -ENOMEM : 0;

	buf_reset(&h->link_text);
	for (size_t i = 0; i < set->n && r == 0; i++) {
		r = open_link(s, &out->id, set, &set->rows[i], &h->link_text, &h->links[i]);
		n_links += !set->rows[i].is_exclusion;
	}
	if (r < 0)
		return r;
	/* The buffer does not move any more. */
	for (size_t i = 0; i < n_links; i++) {
		h->links[i].override.p = h->link_text.data + at;
		at += h->links[i].override.n;
	}
	out->links = h->links;
	out->n_links = n_links;
	out->excludes = h->links ? h->links + n_links : NULL;
	out->n_excludes = set->n - n_links;
	return 0;
}

int
object_read_links(
    struct store *s, struct db *db, int64_t n, struct store_holder *h, struct store_object *out)
{
	struct links links;
	struct link_set set;
	int r;

	links_init(&links);
	r = links_read(&links, db, &n, 1, true);
	if (r == 0) {
		set = links_of(&links, 0);
		r = object_open_links(s, &set, h, out);
	}
	links_fini(&links);
	return r;
}

int
store_object_get(
    struct store *s, const struct id *id, struct store_holder *h, struct store_object *out)
{
	struct statement *st = db_query(
	    store_db(s), "SELECT " OBJECT_COLUMNS " FROM object o WHERE o.id = ?", "t", id->s);
	int64_t n;
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : STORE_NOT_FOUND;
	n = db_int64(st, OBJECT_COL_N);
	r = object_read_row(s, store_db(s), st, h, out);
	db_reset(st);
	return r == 0 ? object_read_links(s, store_db(s), n, h, out) : r;
}

int
object_resolve_row(
    struct store *s, struct statement *st, struct store_holder *h, struct store_object *out)
{
	struct span sealed = db_blob(st, OBJECT_COL_OVERRIDE);
	struct id entity;
	int r;

	out->resolved_link = db_bool(st, OBJECT_COL_VIA_LINK);
	if (!sealed.p)
		return 0;
	buf_reset(&h->override);
	buf_reset(&h->resolved);
	db_id(st, OBJECT_COL_LINK_ENTITY, &entity);
	r = object_open_override(
	    s, &out->id, &entity, db_int64(st, OBJECT_COL_OVERRIDE_VERSION), sealed, &h->override);
	if (r == 0)
		r = resolve_value(out->type, out->value, span_of_buf(&h->override), &h->resolved);
	if (r == 0)
		out->value = span_of_buf(&h->resolved);
	return r;
}
