/* SPDX-License-Identifier: Apache-2.0 */
/* The key that a person most likely meant, among those that are there. */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

/* Initialize wanted and near (BUF_INIT()); free near with buf_fini(). */
struct nearest {
	struct span wanted;
	struct buf near; /* the nearest key so far; empty: none is near */
	size_t distance; /* its distance */
};

/* Takes key into account. Up to a third of a name may be mistyped. */
void nearest_consider(struct nearest *n, struct span key);
