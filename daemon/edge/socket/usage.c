/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/usage.h"

#include "base/mem.h"

void
usages_init(struct usages *us, size_t max_bytes)
{
	chain_init(&us->all);
	us->bytes = 0;
	us->max_bytes = max_bytes;
}

static struct usage *
owner(struct chain *node)
{
	return CONTAINER_OF(node, struct usage, all);
}

struct usage *
usage_join(struct usages *us, uid_t uid)
{
	struct usage *u;

	for (struct chain *n = us->all.next; n != &us->all; n = n->next)
		if (owner(n)->uid == uid) {
			owner(n)->connections++;
			return owner(n);
		}
	u = mem_zalloc(sizeof *u);
	if (!u)
		return NULL;
	u->uid = uid;
	u->connections = 1;
	chain_init(&u->all);
	chain_init(&u->recent);
	chain_append(&us->all, &u->all);
	return u;
}

void
usage_leave(struct usage *u)
{
	u->connections--;
}

bool
usage_may_go(struct usage *u, uint64_t round)
{
	if (round > u->round)
		return false;
	if (u->spent_us >= USAGE_TURN_US)
		u->short_of_time = true;
	return !u->short_of_time;
}

void
usages_next_turn(struct usages *us)
{
	struct chain *n, *next;

	for (n = us->all.next; n != &us->all; n = next) {
		struct usage *u = owner(n);

		next = n->next;
		if (u->connections == 0) {
			chain_remove(&u->all);
			mem_free(u);
			continue;
		}
		u->round += !u->short_of_time;
		u->short_of_time = false;
		u->spent_us = 0;
	}
}

struct usage *
usages_heaviest(const struct usages *us)
{
	struct usage *heaviest = NULL;

	for (struct chain *n = us->all.next; n != &us->all; n = n->next)
		if (!heaviest || owner(n)->connections > heaviest->connections)
			heaviest = owner(n);
	return heaviest;
}

static bool
fits_share(const struct usages *us, const struct usage *u, size_t more)
{
	return u->bytes + more <= us->max_bytes / 4 * 3;
}

bool
usage_fits(const struct usages *us, const struct usage *u, size_t more)
{
	return fits_share(us, u, more) && us->bytes + more <= us->max_bytes;
}

struct usage *
usage_in_the_way(const struct usages *us, const struct usage *u, size_t more)
{
	struct usage *heaviest = NULL;

	if (!fits_share(us, u, more))
		return NULL;
	for (struct chain *n = us->all.next; n != &us->all; n = n->next)
		if (owner(n) != u && owner(n)->bytes > u->bytes + more &&
		    (!heaviest || owner(n)->bytes > heaviest->bytes))
			heaviest = owner(n);
	return heaviest;
}

void
usage_hold(struct usages *us, struct usage *u, size_t *held, size_t now)
{
	us->bytes = us->bytes - *held + now;
	u->bytes = u->bytes - *held + now;
	*held = now;
}
