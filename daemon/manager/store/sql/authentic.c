/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MACs of rows (row_mac.h) in this database: loads their key, checks a row that is read, writes
 * the MAC of a row that changes, and remembers which rows did not verify.
 */
#include "manager/store/sql/sql.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rnd.h"

#define SECRET_NAME "row-mac"

/* ---- the key ---- */

int
authentic_make_key(struct store *s)
{
	uint8_t fresh[ROW_MAC_KEY_SIZE];
	int r;

	rnd_bytes(fresh, sizeof fresh);
	r = secret_insert(s, SECRET_NAME, (struct span){ (char *)fresh, sizeof fresh });
	mem_wipe(fresh, sizeof fresh);
	return r;
}

int
authentic_load_key(struct store *s)
{
	struct buf key = BUF_INIT(ROW_MAC_KEY_SIZE);
	int r = 0;

	if (!s->arena)
		r = arena_new(&s->arena, ROW_MAC_KEY_SIZE, ARENA_LOCK_PREFER);
	if (r == 0 && !s->mac_key)
		s->mac_key = arena_alloc(s->arena, ROW_MAC_KEY_SIZE, 1);
	if (r == 0 && !s->mac_key)
		r = -ENOMEM;
	if (r == 0)
		r = store_secret_get(s, SECRET_NAME, &key);
	if (r == 0 && key.len != ROW_MAC_KEY_SIZE)
		r = -EBADMSG;
	if (r == 0)
		memcpy(s->mac_key, key.data, ROW_MAC_KEY_SIZE);
	buf_fini(&key);
	return r > 0 ? -EBADMSG : r; /* no row verifies without the key */
}

/* ---- rows that do not verify ---- */

/* The position of the id, or where it would be inserted. */
static size_t
absent_slot(const struct absent *a, const struct id *id)
{
	size_t low = 0, high = a->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(a->ids[mid].s, id->s) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
absent_has(const struct absent *a, const struct id *id)
{
	size_t at = absent_slot(a, id);

	return at < a->n && id_equal(&a->ids[at], id);
}

static uint64_t
salt_of(const struct id *id)
{
	uint8_t hash[HASH_SIZE];
	uint64_t v;

	hash_long(hash, NULL, 0, id->s, ID_LENGTH);
	memcpy(&v, hash, sizeof v);
	return v;
}

static int
absent_add(struct absent *a, const struct id *id)
{
	size_t at = absent_slot(a, id);

	if (a->n == a->room) {
		size_t room = a->room ? 2 * a->room : 16;
		struct id *ids = mem_resize(a->ids, room * sizeof *ids);

		if (!ids)
			return -ENOMEM;
		a->ids = ids;
		a->room = room;
	}
	memmove(a->ids + at + 1, a->ids + at, (a->n - at) * sizeof *a->ids);
	a->ids[at] = *id;
	a->n++;
	a->salt ^= salt_of(id);
	return 0;
}

void
authentic_forget(struct store *s, const struct id *id)
{
	struct absent *a = &s->absent;
	size_t at = absent_slot(a, id);

	if (at == a->n || !id_equal(&a->ids[at], id))
		return;
	a->n--;
	a->salt ^= salt_of(id);
	memmove(a->ids + at, a->ids + at + 1, (a->n - at) * sizeof *a->ids);
}

int
authentic_refuse(struct store *s, const char *table, const struct id *id, const char *why)
{
	if (absent_has(&s->absent, id))
		return STORE_NOT_FOUND;
	log_error(why, LOG_STR("table", table), LOG_STR("id", id->s));
	if (absent_add(&s->absent, id) < 0)
		return STORE_NOT_FOUND; /* if it does not verify again, that is logged again */
	/* Cached counts of rows, and positions in lists, include the row. */
	memset(s->kept_lists, 0, sizeof s->kept_lists);
	return STORE_NOT_FOUND;
}

/* ---- checking ---- */

/* The text of the row is in s->session->mac_text. */
static int
check(struct store *s, const char *table, const struct id *id, struct span mac)
{
	uint8_t want[ROW_MAC_SIZE];
	int r = row_mac(want, s->mac_key, &s->session->mac_text);

	if (r < 0)
		return r;
	if (mac.n == ROW_MAC_SIZE && hash_equal(mac.p, want, ROW_MAC_SIZE))
		return 0;
	return authentic_refuse(s, table, id, AUTHENTIC_EDITED);
}

int
authentic_place(struct store *s, const struct store_entity *e, struct span mac)
{
	row_text_place(&s->session->mac_text, e);
	return check(s, scope_name(e->scope), &e->id, mac);
}

int
authentic_token(struct store *s, const struct store_token *t, struct span jti_hash, struct span mac)
{
	if (jti_hash.n != STORE_JTI_HASH_SIZE)
		mac.n = 0; /* without the key no row verifies */
	else
		row_text_token(&s->session->mac_text, t, (const uint8_t *)jti_hash.p);
	return check(s, "TOKEN", &t->id, mac);
}

static int
by_part_and_id(const void *a, const void *b)
{
	const struct link_row *l = *(const struct link_row *const *)a,
			      *m = *(const struct link_row *const *)b;

	return l->is_exclusion != m->is_exclusion ? l->is_exclusion - m->is_exclusion
						  : strcmp(l->entity.s, m->entity.s);
}

/*
 * Appends all links and exclusions of an object to s->session->mac_text. 0, -ENOMEM, or -EUCLEAN:
 * one of them has an unknown scope.
 */
static int
add_links(struct store *s, const struct link_set *links)
{
	const struct link_row **sorted =
	    links->n ? mem_calloc(links->n, sizeof(struct link_row *)) : NULL;
	int r = links->n && !sorted ? -ENOMEM : 0;

	for (size_t i = 0; i < links->n && r == 0; i++)
		sorted[i] = &links->rows[i];
	if (r == 0 && links->n)
		qsort(sorted, links->n, sizeof(struct link_row *), by_part_and_id);
	for (size_t i = 0; i < links->n && r == 0; i++) {
		const struct link_row *l = sorted[i];

		if (!l->has_scope)
			r = -EUCLEAN;
		else if (l->is_exclusion)
			row_text_exclusion(&s->session->mac_text, l->scope, &l->entity);
		else
			row_text_link(&s->session->mac_text, l->scope, &l->entity, l->version,
			    l->has_override);
	}
	mem_free(sorted);
	return r;
}

static struct verified *
verified_slot(struct store *s, int64_t n, uint64_t draw)
{
	/* draw serves as a hash, except for rows of one transaction. */
	return &s->verified[(draw ^ (uint64_t)n * 31) % N_ELEMENTS(s->verified)];
}

bool
authentic_is_verified(struct store *s, int64_t n, uint64_t draw)
{
	const struct verified *v = verified_slot(s, n, draw);

	return v->n == n && v->draw == draw;
}

int
authentic_object(struct store *s, int64_t n, const struct store_object *o,
    const struct link_set *links, struct span mac)
{
	int r;

	row_text_object(&s->session->mac_text, o);
	r = add_links(s, links);
	if (r == -EUCLEAN)
		mac.n = 0;
	else if (r < 0)
		return r;
	r = check(s, "OBJECT", &o->id, mac);
	if (r == 0)
		*verified_slot(s, n, o->draw) = (struct verified){ n, o->draw };
	return r;
}

int
authentic_object_row(
    struct store *s, struct db *db, int64_t n, const struct store_object *o, struct span mac)
{
	struct links links;
	struct link_set set;
	int r;

	if (authentic_is_verified(s, n, o->draw))
		return 0;
	links_init(&links);
	r = links_read(&links, db, &n, 1, false);
	if (r == 0) {
		set = links_of(&links, 0);
		r = authentic_object(s, n, o, &set, mac);
	}
	links_fini(&links);
	return r;
}

/* ---- writing ---- */

int
authentic_place_mac(struct store *s, const struct store_entity *e, uint8_t out[static ROW_MAC_SIZE])
{
	row_text_place(&s->session->mac_text, e);
	return row_mac(out, s->mac_key, &s->session->mac_text);
}

int
authentic_token_mac(struct store *s, const struct store_token *t,
    const uint8_t jti_hash[static STORE_JTI_HASH_SIZE], uint8_t out[static ROW_MAC_SIZE])
{
	row_text_token(&s->session->mac_text, t, jti_hash);
	return row_mac(out, s->mac_key, &s->session->mac_text);
}

int
authentic_write_object(struct store *s, int64_t n)
{
	struct statement *st =
	    db_query(store_db(s), "SELECT " OBJECT_COLUMNS " FROM object o WHERE o.n = ?", "i", n);
	uint8_t mac[ROW_MAC_SIZE];
	struct store_object o;
	struct link_set set;
	struct links links;
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : -EUCLEAN;
	r = object_read_head(st, &o);
	if (r == 0)
		row_text_object(&s->session->mac_text, &o);
	db_reset(st);
	links_init(&links);
	if (r == 0)
		r = links_read(&links, store_db(s), &n, 1, false);
	if (r == 0) {
		set = links_of(&links, 0);
		r = add_links(s, &set);
	}
	links_fini(&links);
	if (r == 0)
		r = row_mac(mac, s->mac_key, &s->session->mac_text);
	if (r < 0)
		return r;
	return db_run(db_query(store_db(s), "UPDATE object SET mac = ?2 WHERE n = ?1", "ib", n,
	    (struct span){ (char *)mac, sizeof mac }));
}
