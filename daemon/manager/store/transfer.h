/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the store's interface (store.h) that copies one store into another. */
#pragma once

#include "manager/store/store.h"

#define STORE_N_TABLES 15
struct store_transfer {
	bool copied; /* false: it was all there already */
	struct store_table_rows {
		const char *name;
		int64_t rows;
	} tables[STORE_N_TABLES];
};
/*
 * Copies everything of a store into another one with the same key, in which nothing was ever done,
 * in one transaction; meanwhile nobody changes the source. Then both are read and compared, row by
 * row, by a keyed hash. If the other one has everything already, it is compared alone. `to` must be
 * opened again before it is used otherwise. -EEXIST: it has something else. -EPROTO: one of them
 * has the schema of a newer program. 0 or -errno with `why`.
 */
MUST_CHECK int store_transfer(
    struct store *to, struct store *from, struct store_transfer *out, struct why *why);
