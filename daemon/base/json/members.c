/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json/members.h"

#include <errno.h>
#include <string.h>

#include "base/json/scan.h"
#include "base/mem.h"
#include "base/rnd.h"

/* Up to this many members a linear search is faster than hashing. */
#define FEW 8

struct size {
	size_t members, escaped_bytes;
};

static bool
has_escape(struct span raw)
{
	return memchr(raw.p, '\\', raw.n);
}

static struct size
measure(struct span object)
{
	struct span at = object, name, value;
	struct size s = { 0 };

	while (scan_member(&at, &name, &value)) {
		s.members++;
		s.escaped_bytes += has_escape(name) ? name.n : 0;
	}
	return s;
}

/* The caller has reserved the space in m->text, so earlier names do not move. */
static struct span
decode(struct json_members *m, struct span raw)
{
	size_t from = m->text.len;

	if (!has_escape(raw) || scan_name_text(raw, &m->text) != 0)
		return raw;
	return (struct span){ m->text.data + from, m->text.len - from };
}

static size_t
first_slot(const struct json_members *m, struct span name)
{
	return hash_short(m->key, name.p, name.n) & m->mask;
}

static void
fill_slots(struct json_members *m)
{
	for (size_t i = 0; i < m->n; i++) {
		size_t slot = first_slot(m, m->all[i].name);

		while (m->slots[slot])
			slot = (slot + 1) & m->mask;
		m->slots[slot] = (uint32_t)i + 1;
	}
}

static int
make_slots(struct json_members *m)
{
	size_t room = 2 * FEW;

	while (room < 2 * m->n)
		room *= 2;
	m->slots = mem_calloc(room, sizeof *m->slots);
	if (!m->slots)
		return -ENOMEM;
	m->mask = room - 1;
	rnd_bytes(m->key, sizeof m->key);
	fill_slots(m);
	return 0;
}

int
json_members_read(struct json_members *m, struct span object)
{
	struct size size = measure(object);
	struct span at = object;

	*m = (struct json_members){ .text = BUF_INIT(size.escaped_bytes + 1) };
	if (!size.members)
		return 0;
	m->all = mem_calloc(size.members, sizeof *m->all);
	if (!m->all || (size.escaped_bytes && !buf_room(&m->text, size.escaped_bytes)))
		return -ENOMEM;
	for (; m->n < size.members; m->n++) {
		struct json_member *one = &m->all[m->n];

		if (!scan_member(&at, &one->raw, &one->value))
			break;
		one->name = decode(m, one->raw);
	}
	return m->n > FEW ? make_slots(m) : 0;
}

void
json_members_fini(struct json_members *m)
{
	mem_free(m->all);
	mem_free(m->slots);
	buf_fini(&m->text);
	m->all = NULL;
	m->slots = NULL;
	m->n = 0;
}

static struct json_member *
find_among_few(const struct json_members *m, struct span name)
{
	for (size_t i = 0; i < m->n; i++) {
		if (span_equal(m->all[i].name, name))
			return &m->all[i];
	}
	return NULL;
}

struct json_member *
json_members_find(const struct json_members *m, struct span name)
{
	if (!m->slots)
		return find_among_few(m, name);
	for (size_t slot = first_slot(m, name); m->slots[slot]; slot = (slot + 1) & m->mask) {
		struct json_member *one = &m->all[m->slots[slot] - 1];

		if (span_equal(one->name, name))
			return one;
	}
	return NULL;
}
