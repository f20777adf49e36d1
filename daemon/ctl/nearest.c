/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/nearest.h"

#include "base/distance.h"

void
nearest_consider(struct nearest *n, struct span key)
{
	size_t distance = edit_distance(n->wanted, key);

	if (distance > (n->wanted.n + 2) / 3 || (n->near.len && distance >= n->distance))
		return;
	buf_reset(&n->near);
	buf_add(&n->near, key.p, key.n);
	n->distance = distance;
}
