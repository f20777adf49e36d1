/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of one JSON object, found by name. Reading costs one pass over the object, finding a
 * hash and one comparison, however the names are escaped. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/span.h"

struct json_member {
	struct span raw;  /* the name between its quotes, as in the text */
	struct span name; /* without escapes */
	struct span value;
	unsigned marks; /* the caller's own; 0 at first */
};

struct json_members {
	struct json_member *all; /* in the order of the text */
	size_t n;
	uint32_t *slots; /* index + 1 into all, 0: free; NULL while n is small */
	size_t mask;
	uint8_t key[HASH_SHORT_KEY_SIZE];
	struct buf text; /* names that had escapes */
};

/*
 * object passed scan_check(SCAN_STRICT) and has no member twice; absent: no members. Borrows it. 0
 * or -ENOMEM; json_members_fini() in either case.
 */
MUST_CHECK int json_members_read(struct json_members *m, struct span object);
void json_members_fini(struct json_members *m);

/* The member of this name (without escapes), or NULL. */
struct json_member *json_members_find(const struct json_members *m, struct span name);
