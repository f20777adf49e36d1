/* SPDX-License-Identifier: Apache-2.0 */
/* What every store has on whatever database: opening, closing, and the manager's own secrets. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "manager/store/sql/sql.h"

/* An object with links to every Deployment of a large Workspace. */
#define MAC_TEXT_MAX (16 * 1024 * 1024)

/* ---- small things ---- */

void
store_new_id(struct id *out)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	out->s[0] = 'c';
	for (int i = 1; i < ID_LENGTH; i++)
		out->s[i] = digits[rnd_below(36)];
	out->s[ID_LENGTH] = '\0';
}

struct span
actor_name(const struct store_actor *by)
{
	return by->name.p ? by->name : SPAN_LITERAL("");
}

int64_t
store_now(void)
{
	return clock_wall_ms();
}

int64_t
sql_limit(int64_t limit)
{
	return limit < 0 ? INT64_MAX : limit;
}

struct span
sql_search(struct store *s, struct span search)
{
	buf_reset(&s->search_text);
	for (size_t i = 0; i < search.n; i++) {
		char c = search.p[i];

		buf_addc(&s->search_text, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
	}
	return (struct span){ buf_str(&s->search_text), s->search_text.len };
}

/* ---- begin and end ---- */

void
session_init(struct session *session, struct db *db)
{
	*session = (struct session){ .db = db };
	buf_init(&session->entity_text, 4096);
	buf_init(&session->mac_text, MAC_TEXT_MAX);
}

void
session_fini(struct session *session)
{
	buf_fini(&session->entity_text);
	buf_fini(&session->mac_text);
}

int
store_init(struct store *s, const struct engine *engine, struct keys *keys, const char *name)
{
	size_t n = strlen(name) + 1;

	s->engine = engine;
	s->keys = keys;
	buf_init(&s->search_text, 64 * 1024);
	rnd_bytes(s->read_key, sizeof s->read_key);
	s->name = mem_alloc(n);
	if (!s->name)
		return -ENOMEM;
	memcpy(s->name, name, n);
	return 0;
}

void
store_fini(struct store *s)
{
	buf_fini(&s->search_text);
	mem_free(s->absent.ids);
	(void)arena_free(s->arena);
	mem_free(s->name);
}

struct store *
store_close(struct store *s)
{
	if (s)
		s->engine->close(s);
	return NULL;
}

int
store_create_end(struct store *s, struct why *why)
{
	return s->engine->create_end ? s->engine->create_end(s, why) : 0;
}

void
store_flush(struct store *s)
{
	deferred_write(s);
	audit_flush(s);
}

/* ---- the database's own ---- */

int
store_set_options(struct store *s, const struct store_options *options)
{
	return s->engine->set_options ? s->engine->set_options(s, options) : 0;
}

int
store_opened(const struct store *s, struct why *why)
{
	return s->engine->opened ? s->engine->opened(s, why) : 0;
}

bool
store_is_reached(const struct store *s)
{
	return !s->engine->is_reached || s->engine->is_reached(s);
}

void
store_tidy(struct store *s)
{
	store_flush(s);
	s->engine->tidy(s);
}

uint64_t
store_commits(const struct store *s)
{
	return s->commits;
}

int
store_sync_in_thread(struct store *s)
{
	return s->engine->sync_in_thread(s);
}

int
store_sync_fd(const struct store *s)
{
	return s->engine->sync_fd(s);
}

void
store_sync_turn(struct store *s)
{
	s->engine->sync_turn(s);
}

struct store_synced
store_synced(const struct store *s)
{
	return s->engine->synced(s);
}

void
store_keep_reserve(struct store *s)
{
	s->engine->keep_reserve(s);
}

int
store_rewrap(struct store *s)
{
	int r = s->engine->rewrap(s);

	if (r == 0)
		s->rewrapped = s->commits;
	return r;
}

int
store_copy_begin(struct store_copy **out, struct store *s, const char *path)
{
	audit_flush(s);
	return s->engine->copy_begin(out, s, path);
}

int
store_backup(struct store *s, const char *path, struct why *why)
{
	struct store_copy *c;
	int r = store_copy_begin(&c, s, path);

	if (r == 0)
		return store_copy_end(c, why);
	why_set(why, "%.300s: %s", path, strerror(-r));
	return r;
}

/* ---- the manager's own secrets ---- */

int
store_secret_get(struct store *s, const char *name, struct buf *out)
{
	struct statement *st =
	    db_query(store_db(s), "SELECT sealed FROM secret WHERE name = ?", "t", name);
	int r = db_row(st);

	if (r == 0)
		return STORE_NOT_FOUND;
	if (r < 0)
		return r;
	r = column_open(s->keys, "secret", name, "sealed", 0, db_blob(st, 0), out);
	db_reset(st);
	return r;
}

int
secret_insert(struct store *s, const char *name, struct span secret)
{
	struct buf sealed = BUF_INIT(KEYS_OVERHEAD + LIMIT_VALUE);
	int r = column_seal(s->keys, "secret", name, "sealed", 0, secret, &sealed);

	if (r == 0)
		r = db_run(db_query(store_db(s), "INSERT INTO secret VALUES (?, ?)", "tb", name,
		    span_of_buf(&sealed)));
	buf_fini(&sealed);
	return r;
}

int
store_secret_put(struct store *s, const char *name, struct span secret)
{
	int r = tx_begin(s);

	return r == 0 ? tx_end(s, secret_insert(s, name, secret)) : r;
}

/* ---- waiting ---- */

bool
store_may_wait(const struct store *s)
{
	return s->engine->may_wait && s->engine->may_wait(s);
}

void
store_set_wait(struct store *s, store_wait *wait, void *arg)
{
	if (s->engine->set_wait)
		s->engine->set_wait(s, wait, arg);
}

size_t
store_session_end(struct store *s)
{
	return s->engine->session_end ? s->engine->session_end(s) : 0;
}

int
store_notify_fd(const struct store *s)
{
	return s->engine->notify_fd ? s->engine->notify_fd(s) : -1;
}

int
store_turn_ms(const struct store *s)
{
	return s->engine->turn_ms ? s->engine->turn_ms(s) : -1;
}

void
store_turn(struct store *s)
{
	if (s->engine->turn)
		s->engine->turn(s);
}

int
store_rehearse_waits(struct store *s)
{
	return s->engine->rehearse_waits ? s->engine->rehearse_waits(s) : -ENOTSUP;
}
