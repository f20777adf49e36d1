/* SPDX-License-Identifier: Apache-2.0 */
/* The prepared statements that a connection keeps until it is closed. */
#include "manager/store/sql/statements.h"

#include <errno.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/mem.h"

#define FIRST_ROOM 64

/* The slot of this text, or the free one where it belongs. room > 0. */
static struct statement **
slot_of(const struct statements *t, const char *sql)
{
	size_t i = ((uintptr_t)sql >> 3) & (t->room - 1);

	while (t->slots[i] && t->slots[i]->sql != sql)
		i = (i + 1) & (t->room - 1);
	return &t->slots[i];
}

/* Makes room for one more. 0 or -ENOMEM. */
static MUST_CHECK int
make_room(struct statements *t)
{
	struct statements larger = { .room = t->room ? 2 * t->room : FIRST_ROOM, .n = t->n };

	if (2 * (t->n + 1) <= t->room)
		return 0;
	larger.slots = mem_calloc(larger.room, sizeof(struct statement *));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < t->room; i++) {
		if (t->slots[i])
			*slot_of(&larger, t->slots[i]->sql) = t->slots[i];
	}
	mem_free(t->slots);
	*t = larger;
	return 0;
}

struct statement *
statements_get(struct statements *t, struct db *db, const char *sql, statement_make *make)
{
	struct statement *st = t->room ? *slot_of(t, sql) : NULL;

	if (st) {
		db_reset(st);
		return st;
	}
	if (make_room(t) < 0)
		return NULL;
	st = make(db, sql, true);
	if (st) {
		st->sql = sql;
		*slot_of(t, sql) = st;
		t->n++;
	}
	return st;
}

void
statements_fini(struct statements *t)
{
	for (size_t i = 0; i < t->room; i++)
		db_finish(t->slots[i]);
	mem_free(t->slots);
	*t = (struct statements){ 0 };
}
