/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes that must not fail: a revocation, and fetching secrets switched off. When the database
 * cannot be written, they take effect in memory, are laid over what is read (deferred_find()), and
 * are written when that works again (store_tidy()).
 */
#include "manager/store/sql/sql.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* Changes only the database. 0, a store_result or -errno. */
static int
write_change(struct store *s, const struct deferred *d)
{
	const struct store_actor by = {
		.token = d->by, .name = span_of(d->by_name), .request_id = d->request_id
	};

	return d->kind == STORE_EVENT_TOKEN ? token_write_revocation(s, d, &by)
					    : place_write_switch_off(s, &d->id, &by);
}

/* Uses the reserved disk space if there is no other. */
static int
write_urgently(struct store *s, const struct deferred *d)
{
	int r;

	s->urgent = true;
	r = write_change(s, d);
	if (r < 0 && s->engine->use_reserve(s))
		r = write_change(s, d);
	s->urgent = false;
	return r;
}

const struct deferred *
deferred_find(const struct store *s, enum store_event_kind kind, const struct id *id)
{
	for (size_t i = 0; i < s->n_deferred && !s->deferred_hidden; i++) {
		if (s->deferred[i].kind == kind && id_equal(&s->deferred[i].id, id))
			return &s->deferred[i];
	}
	return NULL;
}

void
deferred_forget(struct store *s, enum store_event_kind kind, const struct id *id)
{
	const struct deferred *d = deferred_find(s, kind, id);
	size_t at = d ? (size_t)(d - s->deferred) : s->n_deferred;

	if (!d)
		return;
	s->n_deferred--;
	memmove(s->deferred + at, s->deferred + at + 1, (s->n_deferred - at) * sizeof *s->deferred);
	cache_forget_entities(s);
}

/* STORE_NOT_DURABLE, or r: why it could not be written. */
static int
keep(struct store *s, const struct deferred *d, int r)
{
	if (deferred_find(s, d->kind, &d->id))
		return STORE_NOT_DURABLE;
	if (!s->may_defer || s->n_deferred == MAX_DEFERRED)
		return r;
	log_error("a change is in effect, but not on disk: a restart undoes it until it is written",
	    LOG_STR("change", d->kind == STORE_EVENT_TOKEN ? "revocation" : "switch-off"),
	    LOG_STR("id", d->id.s), LOG_STR("reason", strerror(-r)));
	s->deferred[s->n_deferred++] = *d;
	s->rights++;
	cache_forget_entities(s);
	return STORE_NOT_DURABLE;
}

int
deferred_run(struct store *s, struct deferred *d, const struct store_actor *by)
{
	const struct store_event e = { .kind = d->kind, .scope = SCOPE_ORGANIZATION, .id = d->id };
	struct span name = actor_name(by);
	int r;

	d->by = by->token;
	(void)snprintf(d->by_name, sizeof d->by_name, "%.*s", (int)name.n, name.p);
	(void)snprintf(
	    d->request_id, sizeof d->request_id, "%s", by->request_id ? by->request_id : "");
	r = write_urgently(s, d);

	if (r == 0)
		deferred_forget(s, d->kind, &d->id);
	else if (r < 0)
		r = keep(s, d, r);
	if (r == 0 || r == STORE_NOT_DURABLE)
		store_tell_own(s, &e);
	return r;
}

/* 0, a store_result or -errno. */
static int
write_first(struct store *s)
{
	const struct deferred d = s->deferred[0];
	int r;

	s->deferred_hidden = true; /* the change applies to what the database says */
	r = write_urgently(s, &d);
	s->deferred_hidden = false;
	if (r < 0)
		return r;
	deferred_forget(s, d.kind, &d.id);
	log_info(r == 0 ? "a change that was only in memory is in the database now"
			: "a change that was only in memory is dropped: what it changes does not "
			  "exist any more",
	    LOG_STR("id", d.id.s));
	return r;
}

void
deferred_write(struct store *s)
{
	while (s->n_deferred && write_first(s) >= 0)
		;
	if (!s->n_deferred)
		s->engine->fill_reserve(s);
}
