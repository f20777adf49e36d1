/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of one JSON object, found by name. Reading takes two passes over the object; finding
 * takes a hash and usually one comparison, whether or not names are escaped. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/span.h"

struct json_member {
	struct span raw;  /* the name as in the text, without its quotes */
	struct span name; /* the name, decoded */
	struct span value;
	unsigned marks; /* for the caller's use; 0 at first */
};

struct json_members {
	struct json_member *all; /* in the order of the text */
	size_t n;
	uint32_t *slots; /* the hash table: index into all + 1; 0: free; NULL while n is small */
	size_t mask;
	uint8_t key[HASH_SHORT_KEY_SIZE];
	struct buf text; /* the decoded names that had escapes */
};

/*
 * Reads the members of object, which must have passed scan_check(SCAN_STRICT) and must not have two
 * members of one name. An absent span has no members. Borrows object. 0 or -ENOMEM; call
 * json_members_fini() in either case.
 */
MUST_CHECK int json_members_read(struct json_members *m, struct span object);
void json_members_fini(struct json_members *m);

/* Returns the member of this decoded name, or NULL. */
struct json_member *json_members_find(const struct json_members *m, struct span name);
