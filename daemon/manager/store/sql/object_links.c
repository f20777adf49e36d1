/* SPDX-License-Identifier: Apache-2.0 */
/* The links and exclusions of an object, as a change writes them. */
#include "manager/store/sql/object_internal.h"

#include <errno.h>

int
object_check_target(
    struct store *s, const struct writing *w, enum scope scope, const struct id *entity)
{
	struct store_entity e;
	int r;

	if (w->scope != SCOPE_WORKSPACE || (scope != SCOPE_DEPLOYMENT && scope != SCOPE_PROJECT))
		return STORE_NO_ENTITY;
	r = store_entity_get(s, scope, entity, &e);
	if (r == 0 && id_equal(&e.workspace, &w->workspace))
		return 0;
	return r < 0 ? r : STORE_NO_ENTITY;
}

/* ---- links ---- */

/* Appends the stored override of one link; VALUE_NO_OVERRIDE when there is no link. */
static int
read_override(struct store *s, const struct writing *w, const struct id *entity, struct buf *out)
{
	struct statement *st = db_query(store_db(s),
	    "SELECT version, sealed FROM link WHERE object = ? AND entity_id = ?", "it", w->n,
	    entity->s);
	int r = db_row(st);

	if (r < 0)
		return r;
	if (r == 0) {
		buf_adds(out, VALUE_NO_OVERRIDE);
		return buf_error(out);
	}
	r = object_open_override(s, &w->id, entity, db_int64(st, 0), db_blob(st, 1), out);
	db_reset(st);
	return r;
}

int
object_put_link(struct store *s, const struct writing *w, const struct store_target *target,
    size_t position, struct span override)
{
	struct buf sealed = BUF_INIT(SEALED_MAX);
	char row[LINK_ROW_SIZE];
	int r = 0;

	if (override.n > LIMIT_VALUE)
		return -EMSGSIZE;
	object_link_row(row, &w->id, target->entity.s);
	if (!span_is(override, VALUE_NO_OVERRIDE))
		r = column_seal(s->keys, "link", row, "override", w->version, override, &sealed);
	if (r == 0)
		r = db_run(db_query(store_db(s),
		    "INSERT INTO link (object, entity_id, scope, position, version, sealed) "
		    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (object, entity_id) DO UPDATE SET "
		    "position = excluded.position, version = excluded.version, sealed = "
		    "excluded.sealed",
		    "ittiib", w->n, target->entity.s, scope_name(target->scope), (int64_t)position,
		    w->version, sealed.len ? span_of_buf(&sealed) : (struct span){ 0 }));
	buf_fini(&sealed);
	return r;
}

/* Adds the length of the override to *total. */
static int
write_link(struct store *s, const struct writing *w, const struct store_link_request *l,
    size_t position, size_t *total)
{
	struct buf was = BUF_INIT(LIMIT_VALUE), now = BUF_INIT(2 * LIMIT_VALUE);
	const struct store_target target = { l->scope, l->entity };
	int r = read_override(s, w, &l->entity, &was);

	if (r == 0)
		r = value_override_update(&w->secrets, span_of_buf(&was), &l->override, &now);
	if (r == 0)
		r = object_put_link(s, w, &target, position, span_of_buf(&now));
	*total += now.len;
	buf_fini(&was);
	buf_fini(&now);
	return r;
}

int
object_write_links(struct store *s, const struct writing *w, const struct store_object_request *q,
    struct store_fault *fault)
{
	size_t total = 0;
	/* Links that the request does not name keep this position and are deleted below. */
	int r = db_run(
	    db_query(store_db(s), "UPDATE link SET position = -1 WHERE object = ?", "i", w->n));

	fault->part = FAULT_LINK;
	for (size_t i = 0; i < q->n_links && r == 0; i++) {
		fault->index = i;
		r = object_check_target(s, w, q->links[i].scope, &q->links[i].entity);
		if (r == 0)
			r = write_link(s, w, &q->links[i], i, &total);
		if (r == 0 && total > LIMIT_OVERRIDES)
			r = -EFBIG;
	}
	if (r == 0)
		r = db_run(db_query(
		    store_db(s), "DELETE FROM link WHERE object = ? AND position = -1", "i", w->n));
	return r;
}

/* ---- exclusions ---- */

int
object_put_exclusion(
    struct store *s, const struct writing *w, const struct store_target *target, size_t position)
{
	return db_run(db_query(store_db(s),
	    "INSERT INTO exclusion (object, entity_id, scope, position) VALUES (?, ?, ?, ?) "
	    "ON CONFLICT DO NOTHING",
	    "itti", w->n, target->entity.s, scope_name(target->scope), (int64_t)position));
}

int
object_write_exclusions(struct store *s, const struct writing *w,
    const struct store_object_request *q, struct store_fault *fault)
{
	int r = db_run(db_query(store_db(s), "DELETE FROM exclusion WHERE object = ?", "i", w->n));

	fault->part = FAULT_EXCLUDE;
	for (size_t i = 0; i < q->n_excludes && r == 0; i++) {
		fault->index = i;
		r = object_check_target(s, w, q->excludes[i].scope, &q->excludes[i].entity);
		if (r == 0)
			r = object_put_exclusion(s, w, &q->excludes[i], i);
	}
	return r;
}

/* ---- those of an earlier version ---- */

struct span
object_present_override(const struct store_object *was, const struct id *entity, size_t position)
{
	for (size_t i = 0; i < was->n_links; i++) {
		const struct store_link *l = &was->links[(position + i) % was->n_links];

		if (id_equal(&l->entity, entity))
			return l->override;
	}
	return (struct span){ 0 };
}

static int
restore_link(struct store *s, const struct writing *w, const struct store_object *was,
    const struct store_link *l, size_t position)
{
	const struct store_target target = { l->scope, l->entity };
	struct buf override = BUF_INIT(2 * LIMIT_VALUE);
	int r = value_restore(&w->secrets, object_present_override(was, &l->entity, position),
	    l->override, &override);

	if (r == 0)
		r = object_put_link(s, w, &target, position, span_of_buf(&override));
	buf_fini(&override);
	return r;
}

/* One link or exclusion of the earlier version; nothing when its target is gone. */
static int
restore_target(struct store *s, const struct writing *w, const struct store_object *was,
    const struct store_link *l, size_t position)
{
	const struct store_target target = { l->scope, l->entity };
	int r = object_check_target(s, w, l->scope, &l->entity);

	if (r == STORE_NO_ENTITY)
		return 0;
	if (r == 0 && l->override.p)
		return restore_link(s, w, was, l, position);
	return r == 0 ? object_put_exclusion(s, w, &target, position) : r;
}

int
object_restore_links(struct store *s, const struct writing *w, const struct store_object *was,
    const struct history *old)
{
	struct span links = old->links, excludes = old->excludes;
	struct store_link l;
	size_t position = 0, total = 0;
	int r = db_run(db_query(store_db(s), "DELETE FROM link WHERE object = ?", "i", w->n));

	if (r == 0)
		r = db_run(
		    db_query(store_db(s), "DELETE FROM exclusion WHERE object = ?", "i", w->n));
	while (r == 0 && (history_next(&links, &l) || history_next(&excludes, &l))) {
		r = restore_target(s, w, was, &l, position++);
		total += l.override.n;
	}
	return r == 0 && total > LIMIT_OVERRIDES ? -EFBIG : r;
}
