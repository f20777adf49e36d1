/* SPDX-License-Identifier: Apache-2.0 */
#include "core/team.h"

#include <string.h>

#define SEPARATOR   "___"
#define SEPARATOR_N (sizeof SEPARATOR - 1)

/* Returns the first separator at or after `from`, or NULL. */
static const char *
find_separator(struct span key, size_t from)
{
	return from < key.n ? memmem(key.p + from, key.n - from, SEPARATOR, SEPARATOR_N) : NULL;
}

bool
team_separates(struct span key)
{
	return find_separator(key, 0) != NULL;
}

bool
team_is_ambiguous(struct span key)
{
	size_t splits = 0, at;
	const char *found;

	/* Start at 1: the team before the separator is not empty. */
	for (at = 1; splits < 2 && (found = find_separator(key, at)); at++) {
		at = (size_t)(found - key.p);
		splits += at + SEPARATOR_N < key.n;
	}
	return splits > 1;
}

struct span
team_key(struct span team, struct span key, char room[static GENERATION_MAX_KEY])
{
	struct span own = { room, team.n + SEPARATOR_N + key.n };

	if (team.n == 0 || own.n > GENERATION_MAX_KEY)
		return (struct span){ 0 };
	memcpy(room, team.p, team.n);
	memcpy(room + team.n, SEPARATOR, SEPARATOR_N);
	if (key.n)
		memcpy(room + team.n + SEPARATOR_N, key.p, key.n);
	return team_is_ambiguous(own) ? (struct span){ 0 } : own;
}
