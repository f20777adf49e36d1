/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records reads for the audit log. A read is recorded once as long as the version of what was read
 * stays the same, and is written later, with others.
 *
 * One family of tokens gets NOTED_AN_HOUR rows of its own an hour. Further reads are counted in one
 * row: one for each family and hour, and for reads that returned secrets one for each family, place
 * and hour. Such a row is inserted with its first read; later reads update its count.
 */
#include "manager/store/sql/sql.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/utf8.h"

#define HOUR_MS INT64_C(3600000)

/* ---- what was read ---- */

/* Two reads with the same members are recorded once. */
struct read_key {
	struct id by, scope_id, subject;
	bool secrets;
	unsigned types;
	struct store_version version;
	uint64_t key;     /* hash of the requested one */
	uint64_t request; /* hash of its id, if the client may look for it */
};

static uint64_t
read_hash(const struct store *s, const struct store_actor *by, const struct store_query *view,
    const struct store_object *object, const struct store_version *version, bool secrets)
{
	struct read_key k;

	memset(&k, 0, sizeof k); /* padding is hashed, too, so it must be zero */
	k.by = by->token;
	k.secrets = secrets;
	k.version = *version;
	if (by->traced)
		k.request = hash_short(s->read_key, by->request_id, strlen(by->request_id));
	if (object) {
		k.subject = object->id;
	} else {
		k.scope_id = view->scope_id;
		k.types = view->types;
		if (view->key.p)
			k.key = hash_short(s->read_key, view->key.p, view->key.n);
	}
	return hash_short(s->read_key, &k, sizeof k);
}

static const char *
view_type(const struct store_query *q)
{
	for (int t = 0; t < MANAGER_N_TYPES; t++) {
		if (q->types == 1U << t)
			return manager_type_name((enum manager_type)t);
	}
	return NULL; /* several types */
}

/*
 * Copies text, cut between two characters if it is too long: a key in a query may have any length.
 */
static void
copy_text(char *out, size_t size, struct span text)
{
	size_t n = utf8_cut(text, size - 1);

	if (n)
		memcpy(out, text.p, n);
	out[n] = '\0';
}

/* Sets the places of the view, which decide who may see this row later. */
static int
place_of_view(struct store *s, const struct store_query *q, struct audit_entry *e)
{
	struct place at;
	int r = store_place(s, q->scope, &q->scope_id, &at);

	if (r == 0) {
		e->organization = at.organization;
		e->workspace = at.workspace;
	}
	return r;
}

/* Returns 0, or what store_place() returned. */
static int
describe(struct store *s, const struct store_actor *by, const struct store_query *view,
    const struct store_object *object, bool secrets, struct pending_read *p)
{
	enum audit_action action = secrets ? AUDIT_READ_SECRETS : AUDIT_READ;
	int r = 0;

	*p = (struct pending_read){ .by = by->token };
	if (object) {
		p->entry = audit_entry_of(action, object);
		copy_text(p->key, sizeof p->key, object->key);
	} else {
		p->entry = (struct audit_entry){ .action = action,
			.scope = view->scope,
			.scope_id = view->scope_id,
			.type = view_type(view) };
		copy_text(p->key, sizeof p->key, view->key);
		r = place_of_view(s, view, &p->entry);
	}
	p->entry.at_ms = store_now();
	copy_text(p->by_name, sizeof p->by_name, by->name);
	if (by->request_id)
		copy_text(p->request_id, sizeof p->request_id, span_of(by->request_id));
	return r;
}

/* ---- what is counted ---- */

/* True if the family may have one more row of its own. Families in the same slot share its rows. */
static bool
has_row_left(struct store *s, const struct id *family, int64_t at_ms)
{
	struct noted_reads *n =
	    &s->noted_reads[hash_short(s->read_key, family->s, ID_LENGTH) % NOTED_READS];

	if (n->hour != at_ms / HOUR_MS)
		*n = (struct noted_reads){ .hour = at_ms / HOUR_MS };
	return n->n < NOTED_AN_HOUR && ++n->n;
}

static bool
is_of(const struct counted_reads *c, const struct id *family, const struct audit_entry *e)
{
	return c->n && c->hour == e->at_ms / HOUR_MS && c->read.entry.action == e->action &&
	       id_equal(&c->family, family) &&
	       (e->action == AUDIT_READ || id_equal(&c->read.entry.scope_id, &e->scope_id));
}

static struct counted_reads *
find_counted(struct store *s, const struct id *family, const struct audit_entry *e)
{
	for (size_t i = 0; i < N_ELEMENTS(s->counted_reads); i++) {
		if (is_of(&s->counted_reads[i], family, e))
			return &s->counted_reads[i];
	}
	return NULL;
}

/* Returns a free entry, or the oldest one whose row is up to date; NULL: there is none. */
static struct counted_reads *
free_counted(struct store *s)
{
	struct counted_reads *oldest = NULL;

	for (size_t i = 0; i < N_ELEMENTS(s->counted_reads); i++) {
		struct counted_reads *c = &s->counted_reads[i];

		if (!c->n)
			return c;
		if (c->n == c->written &&
		    (!oldest || c->read.entry.at_ms < oldest->read.entry.at_ms))
			oldest = c;
	}
	return oldest;
}

static void
count_read(struct store *s, const struct id *family, const struct pending_read *p)
{
	struct counted_reads *c = find_counted(s, family, &p->entry);

	if (!c) {
		c = free_counted(s);
		if (!c) {
			audit_flush(s);
			c = free_counted(s);
		}
		if (!c) {
			s->reads_lost++;
			return;
		}
		*c = (struct counted_reads){ .family = *family, .hour = p->entry.at_ms / HOUR_MS };
	}
	c->n++;
	c->read = *p;
	/* Returns the row of reads that are counted together. */
	c->read.entry.key = (struct span){ 0 };
	c->read.entry.subject = (struct id){ "" };
	c->read.entry.type = NULL;
	c->read.entry.version = 0;
	if (p->entry.action == AUDIT_READ) {
		c->read.entry.scope = SCOPE_ORGANIZATION;
		c->read.entry.scope_id = p->entry.organization;
		c->read.entry.workspace = (struct id){ "" };
	}
}

void
store_audit_read(struct store *s, const struct store_actor *by, const struct store_query *view,
    const struct store_object *object, const struct store_version *version, bool secrets)
{
	const struct id *family = id_is_none(&by->family) ? &by->token : &by->family;
	uint64_t hash = read_hash(s, by, view, object, version, secrets);
	uint64_t *seen = &s->seen_reads[hash % SEEN_READS];
	struct pending_read p;

	if (*seen == hash || describe(s, by, view, object, secrets, &p) != 0)
		return;
	*seen = hash;
	if (s->n_reads == MAX_PENDING_READS)
		audit_flush(s);
	if (s->n_reads < MAX_PENDING_READS && has_row_left(s, family, p.entry.at_ms))
		s->reads[s->n_reads++] = p;
	else
		count_read(s, family, &p);
}

/* ---- writing ---- */

static struct store_actor
actor_of(const struct pending_read *p)
{
	return (struct store_actor){
		.token = p->by, .name = span_of(p->by_name), .request_id = p->request_id
	};
}

static int
write_counted(struct store *s, struct counted_reads *c, const struct store_actor *by)
{
	struct audit_entry e = c->read.entry;
	char fields[64];
	int r;

	(void)snprintf(
	    fields, sizeof fields, "[\"%lld more read%s\"]", (long long)c->n, c->n == 1 ? "" : "s");
	e.fields = span_of(fields);
	c->new_row = c->row;
	c->writing = c->n;
	if (c->row)
		return db_run(db_query(store_db(s),
		    "UPDATE audit SET at_ms = ?2, actor = ?3, actor_name = ?4, fields = ?5, "
		    "request_id = nullif(?6, '') WHERE n = ?1",
		    "iitsst", c->row, e.at_ms, by->token.s, by->name, e.fields, by->request_id));
	r = audit_add(s, &e, by);
	c->new_row = s->session->audit_row;
	return r;
}

/* Writes the first n reads, and the counts. */
static int
write_reads(struct store *s, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		struct pending_read *p = &s->reads[i];
		struct store_actor by = actor_of(p);

		p->entry.key = span_of(p->key);
		r = audit_add(s, &p->entry, &by);
	}
	for (size_t i = 0; i < N_ELEMENTS(s->counted_reads) && r == 0; i++) {
		struct counted_reads *c = &s->counted_reads[i];
		struct store_actor by = actor_of(&c->read);

		if (c->n != c->written)
			r = write_counted(s, c, &by);
	}
	return r;
}

static bool
has_unwritten(const struct store *s)
{
	bool some = s->n_reads > 0;

	for (size_t i = 0; i < N_ELEMENTS(s->counted_reads) && !some; i++)
		some = s->counted_reads[i].n != s->counted_reads[i].written;
	return some;
}

/*
 * Forgets what is in the database now: the first n reads, and the counts that write_counted() saw.
 */
static void
keep_written(struct store *s, size_t n)
{
	s->n_reads -= n;
	memmove(s->reads, s->reads + n, s->n_reads * sizeof *s->reads);
	for (size_t i = 0; i < N_ELEMENTS(s->counted_reads); i++) {
		struct counted_reads *c = &s->counted_reads[i];

		if (!c->writing)
			continue;
		c->row = c->new_row;
		c->written = c->writing;
	}
	if (s->reads_failed)
		log_info("reads are written to the audit log again",
		    LOG_INT("reads_lost", s->reads_lost));
	s->reads_failed = false;
	s->reads_lost = 0;
}

/* Writing may wait for the store: reads that are noted meanwhile are written the next time. */
void
audit_flush(struct store *s)
{
	size_t n = s->n_reads;
	int r;

	if (s->reads_writing || !has_unwritten(s))
		return;
	s->reads_writing = true;
	for (size_t i = 0; i < N_ELEMENTS(s->counted_reads); i++)
		s->counted_reads[i].writing = 0;
	r = tx_begin(s);
	if (r == 0)
		r = tx_end(s, write_reads(s, n));
	s->reads_writing = false;
	if (r == 0) {
		keep_written(s, n);
		return;
	}
	if (!s->reads_failed)
		log_error("reads not written to the audit log: they are kept in memory, counted",
		    LOG_STR("reason", r < 0 ? strerror(-r) : "conflict"));
	s->reads_failed = true;
}
