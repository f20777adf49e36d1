/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of tokens, and sign-in codes that were used. */
#include "manager/store/sql/sql.h"

#include <errno.h>

#define TOKEN_FROM                                                                                 \
	"SELECT t.id, t.organization_id, t.name, t.scope, t.scope_id, t.role, t.created_ms, "      \
	"t.expires_ms, t.revoked_ms, t.last_used_ms, t.created_by, t.created_by_name, "            \
	"t.workspace_id, t.family, t.family_created_ms, t.family_expires_ms, t.jti_hash, t.mac "   \
	"FROM token t "
/* ?1 organization, ?2 Workspace, ?3 Deployment; each may be ''. */
#define TOKEN_OF_PLACE                                                                             \
	"WHERE t.organization_id = ?1 AND (?2 = '' OR t.workspace_id = ?2) "                       \
	"AND (?3 = '' OR t.scope_id = ?3) AND NOT is_absent(t.id) "

/*
 * Reads the members that the MAC covers, and the times. False: the row has an unknown scope or
 * role.
 */
static bool
read_plain(struct statement *st, struct store_token *out)
{

	*out = (struct store_token){ .created_ms = db_int64(st, 6),
		.expires_ms = db_int64(st, 7),
		.revoked_ms = db_int64(st, 8),
		.last_used_ms = db_int64(st, 9) };
	db_id(st, 0, &out->id);
	db_id(st, 1, &out->subject.organization);
	db_id(st, 4, &out->subject.scope_id);
	db_id(st, 10, &out->created_by.token);
	db_id(st, 12, &out->workspace);
	db_id(st, 13, &out->family.id);
	out->family.created_ms = db_int64(st, 14);
	out->family.expires_ms = db_int64(st, 15);
	return role_from(db_text(st, 5), &out->subject.role) &&
	       db_scope(st, 3, &out->subject.scope) == 0;
}

/* Tokens that are revoked only in memory. */
static void
lay_revocation_over(const struct store *s, struct store_token *t)
{
	const struct deferred *d = deferred_find(s, STORE_EVENT_TOKEN, &t->family.id);

	if (d && !t->revoked_ms)
		t->revoked_ms = d->at_ms;
}

/* Reads a row; its texts go into *text. 0, STORE_NOT_FOUND (the row does not verify) or -errno. */
static int
read_token(struct store *s, struct statement *st, struct buf *text, struct store_token *out)
{
	struct span name = db_text(st, 2), by = db_text(st, 11);
	int r;

	if (!read_plain(st, out))
		return authentic_refuse(s, "TOKEN", &out->id, AUTHENTIC_EDITED);
	r = authentic_token(s, out, db_blob(st, 16), db_blob(st, 17));
	if (r != 0)
		return r;
	buf_reset(text);
	buf_add(text, name.p, name.n);
	buf_add(text, by.p, by.n);
	if (buf_error(text))
		return buf_error(text);
	out->name = (struct span){ buf_str(text), name.n };
	out->created_by.name = (struct span){ buf_str(text) + name.n, by.n };
	lay_revocation_over(s, out);
	return 0;
}

static int
one_token(struct store *s, struct statement *st, struct store_token *out)
{
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : STORE_NOT_FOUND;
	r = read_token(s, st, &s->session->entity_text, out);
	db_reset(st);
	return r;
}

int
store_token_get(struct store *s, const struct id *id, struct store_token *out)
{
	return one_token(s, db_query(store_db(s), TOKEN_FROM "WHERE t.id = ?", "t", id->s), out);
}

int
store_token_find(
    struct store *s, const uint8_t jti_hash[static STORE_JTI_HASH_SIZE], struct store_token *out)
{
	struct span hash = { (const char *)jti_hash, STORE_JTI_HASH_SIZE };

	return one_token(
	    s, db_query(store_db(s), TOKEN_FROM "WHERE t.jti_hash = ?", "b", hash), out);
}

int
token_write_mac(struct store *s, const struct id *id)
{
	struct statement *st = db_query(store_db(s), TOKEN_FROM "WHERE t.id = ?", "t", id->s);
	uint8_t mac[ROW_MAC_SIZE];
	struct store_token t;
	struct span hash;
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : -EUCLEAN;
	hash = db_blob(st, 16);
	r = !read_plain(st, &t) || hash.n != STORE_JTI_HASH_SIZE ? -EUCLEAN : 0;
	if (r == 0)
		r = authentic_token_mac(s, &t, (const uint8_t *)hash.p, mac);
	db_reset(st);
	if (r < 0)
		return r;
	return db_run(db_query(store_db(s), "UPDATE token SET mac = ?2 WHERE id = ?1", "tb", id->s,
	    (struct span){ (char *)mac, sizeof mac }));
}

/* Adds an audit row about a token, whose place it looks up. */
static int
audit_token(struct store *s, enum audit_action action, const struct id *id, struct span fields,
    const struct store_actor *by)
{
	struct store_token t;
	struct audit_entry e;
	int r = store_token_get(s, id, &t);

	if (r != 0)
		return r;
	e = (struct audit_entry){ .action = action,
		.organization = t.subject.organization,
		.workspace = t.workspace,
		.scope = t.subject.scope,
		.scope_id = t.subject.scope_id,
		.subject = *id,
		.key = t.name,
		.fields = fields };
	return audit_add(s, &e, by);
}

static int
insert_token(struct store *s, const struct store_token *t,
    const uint8_t jti_hash[static STORE_JTI_HASH_SIZE], const struct store_actor *by)
{
	struct span hash = { (const char *)jti_hash, STORE_JTI_HASH_SIZE };
	uint8_t mac[ROW_MAC_SIZE];
	int r = authentic_token_mac(s, t, jti_hash, mac);

	if (r < 0)
		return r;
	return db_run(db_query(store_db(s),
	    "INSERT INTO token (id, organization_id, name, scope, scope_id, role, jti_hash, "
	    "created_ms, expires_ms, revoked_ms, last_used_ms, created_by, created_by_name, "
	    "workspace_id, family, family_created_ms, family_expires_ms, mac) "
	    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?)",
	    "ttstttbiitsttiib", t->id.s, t->subject.organization.s, t->name,
	    scope_name(t->subject.scope), t->subject.scope_id.s, role_name(t->subject.role), hash,
	    t->created_ms, t->expires_ms, by->token.s, actor_name(by), t->workspace.s,
	    t->family.id.s, t->family.created_ms, t->family.expires_ms,
	    (struct span){ (char *)mac, sizeof mac }));
}

int
store_token_create(struct store *s, const struct store_token *t,
    const uint8_t jti_hash[static STORE_JTI_HASH_SIZE], const struct store_actor *by)
{
	int r = tx_begin(s);

	if (r < 0)
		return r;
	r = insert_token(s, t, jti_hash, by);
	if (r == 0)
		r = audit_token(s, AUDIT_CREATE_TOKEN, &t->id,
		    SPAN_LITERAL("[\"name\",\"scope\",\"role\",\"expiry\"]"), by);
	return tx_end(s, r);
}

static int
revoke_in_transaction(struct store *s, const struct deferred *d, const struct store_actor *by)
{
	int r = db_run(db_query(store_db(s),
	    "UPDATE token SET revoked_ms = ?2 WHERE family = ?1 AND revoked_ms = 0", "ti", d->id.s,
	    d->at_ms));

	if (r == 0)
		r = tx_signal(s, SIGNAL_TOKEN, SCOPE_ORGANIZATION, &d->id);
	return r == 0 ? audit_token(s, AUDIT_REVOKE_TOKEN, &d->token, (struct span){ 0 }, by) : r;
}

int
token_write_revocation(struct store *s, const struct deferred *d, const struct store_actor *by)
{
	int r = tx_begin(s);

	if (r < 0)
		return r;
	s->session->tokens_changed = true;
	return tx_end(s, revoke_in_transaction(s, d, by));
}

int
store_token_revoke(
    struct store *s, const struct id *id, int64_t now_ms, const struct store_actor *by)
{
	struct deferred d = { .kind = STORE_EVENT_TOKEN, .token = *id, .at_ms = now_ms };
	struct store_token t;
	int r = store_token_get(s, id, &t);

	if (r != 0)
		return r;
	d.id = t.family.id;
	return deferred_run(s, &d, by);
}

int
store_token_families(struct store *s, int64_t created_before_ms, int64_t expires_before_ms,
    int64_t now_ms, int (*each)(void *arg, const struct store_token *t), void *arg)
{
	struct buf text = BUF_INIT(4096);
	struct statement *st = db_query(store_db(s),
	    TOKEN_FROM "WHERE t.revoked_ms = 0 AND t.expires_ms > ?3 AND t.family_expires_ms > 0 "
		       "AND t.family_created_ms < ?1 AND t.family_expires_ms < ?2 "
		       "AND NOT EXISTS (SELECT 1 FROM token n WHERE n.family = t.family "
		       "AND n.revoked_ms = 0 AND (n.created_ms, n.id) > (t.created_ms, t.id))",
	    "iii", created_before_ms, expires_before_ms, now_ms);
	int r;

	while ((r = db_row(st)) == 1) {
		struct store_token t;

		r = read_token(s, st, &text, &t);
		if (r == STORE_NOT_FOUND || (r == 0 && t.revoked_ms))
			continue;
		if (r == 0)
			r = each(arg, &t);
		if (r != 0) {
			db_reset(st); /* r says why */
			break;
		}
	}
	buf_fini(&text);
	return r;
}

int
store_token_family_count(
    struct store *s, const struct id *family, int64_t since_ms, int64_t limit, int64_t *out)
{
	struct statement *st = db_query(store_db(s),
	    "SELECT count(*) FROM (SELECT 1 FROM token WHERE family = ? AND created_ms >= ? "
	    "LIMIT ?) AS t",
	    "tii", family->s, since_ms, limit);
	int r = db_row(st);

	if (r < 1)
		return r < 0 ? r : -EUCLEAN;
	*out = db_int64(st, 0);
	db_reset(st);
	return 0;
}

int
store_token_list(struct store *s, const struct place *where, int64_t offset, int64_t limit,
    int (*each)(void *arg, const struct store_token *t), void *arg, int64_t *total)
{
	struct buf text = BUF_INIT(4096);
	struct statement *st = db_query(store_db(s), "SELECT count(*) FROM token t " TOKEN_OF_PLACE,
	    "ttt", where->organization.s, where->workspace.s, where->deployment.s);
	int r = db_row(st);

	if (r < 0)
		return r;
	*total = r == 1 ? db_int64(st, 0) : 0;
	db_reset(st);
	st = db_query(store_db(s),
	    TOKEN_FROM TOKEN_OF_PLACE
	    "ORDER BY t.family_created_ms DESC, t.family, t.created_ms DESC, t.id "
	    "LIMIT ?4 OFFSET ?5",
	    "tttii", where->organization.s, where->workspace.s, where->deployment.s,
	    sql_limit(limit), offset);
	while ((r = db_row(st)) == 1) {
		struct store_token t;

		r = read_token(s, st, &text, &t);
		if (r == STORE_NOT_FOUND) {
			--*total;
			continue;
		}
		if (r == 0)
			r = each(arg, &t);
		if (r != 0) {
			db_reset(st);
			break;
		}
	}
	buf_fini(&text);
	return r;
}

int
store_token_prune(struct store *s, int64_t before_ms, int64_t *n)
{
	int r = tx_begin(s);

	*n = 0;
	if (r < 0)
		return r;
	s->session->tokens_changed = true;
	r = db_run(db_query(store_db(s),
	    "DELETE FROM token WHERE (revoked_ms > 0 AND revoked_ms < ?1) "
	    "OR (expires_ms > 0 AND expires_ms < ?1 AND EXISTS (SELECT 1 FROM token t "
	    "WHERE t.family = token.family AND t.created_ms > token.created_ms "
	    "AND t.last_used_ms > token.expires_ms))",
	    "i", before_ms));
	if (r == 0)
		*n = db_changes(store_db(s));
	if (r == 0 && *n > 0)
		r = tx_signal(s, SIGNAL_PLACE, SCOPE_ORGANIZATION, NULL);
	return tx_end(s, r);
}

int
store_token_used(struct store *s, const struct store_token_use *uses, size_t n)
{
	int r = tx_begin(s);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++)
		r = db_run(db_query(store_db(s),
		    "UPDATE token SET last_used_ms = ?2 WHERE id = ?1 AND last_used_ms < ?2", "ti",
		    uses[i].id.s, uses[i].at_ms));
	return tx_end(s, r);
}

/* A day longer than needed: a clock that is set back a little must not make a code valid again. */
#define KEEP_CODES_MS (INT64_C(86400) * 1000)

int
store_code_use(struct store *s, const uint8_t hash[static STORE_CODE_HASH_SIZE], int64_t expires_ms,
    int64_t now_ms)
{
	int r = tx_begin(s);

	if (r < 0)
		return r;
	r = db_run(db_query(store_db(s), "DELETE FROM used_code WHERE expires_ms < ?", "i",
	    now_ms - KEEP_CODES_MS));
	if (r == 0)
		r = db_run(db_query(store_db(s),
		    "INSERT INTO used_code (hash, expires_ms) VALUES (?, ?)", "bi",
		    (struct span){ (const char *)hash, STORE_CODE_HASH_SIZE }, expires_ms));
	return tx_end(s, r);
}

int
store_code_is_used(struct store *s, const uint8_t hash[static STORE_CODE_HASH_SIZE], bool *used)
{
	struct statement *st = db_query(store_db(s), "SELECT 1 FROM used_code WHERE hash = ?", "b",
	    (struct span){ (const char *)hash, STORE_CODE_HASH_SIZE });
	int r = db_row(st);

	*used = r == 1;
	if (r == 1)
		db_reset(st);
	return r < 0 ? r : 0;
}
