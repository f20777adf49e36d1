/* SPDX-License-Identifier: Apache-2.0 */
#include "base/distance.h"

#define MAX_LENGTH 32

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Drops the common prefix and suffix, which do not change the distance. */
static void
drop_common(struct span *a, struct span *b)
{
	while (a->n && b->n && a->p[0] == b->p[0]) {
		a->p++, a->n--;
		b->p++, b->n--;
	}
	while (a->n && b->n && a->p[a->n - 1] == b->p[b->n - 1]) {
		a->n--;
		b->n--;
	}
}

/* The Wagner-Fischer algorithm, keeping one row of its table. */
size_t
edit_distance(struct span a, struct span b)
{
	size_t row[MAX_LENGTH + 1];

	drop_common(&a, &b);
	if (a.n > MAX_LENGTH || b.n > MAX_LENGTH)
		return a.n > b.n ? a.n : b.n;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t replaced = corner + (a.p[i - 1] != b.p[j - 1]);

			corner = row[j];
			row[j] = least(replaced, row[j] + 1, row[j - 1] + 1);
		}
	}
	return row[b.n];
}
