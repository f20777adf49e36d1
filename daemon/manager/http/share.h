/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much each caller uses of what all callers share, and which one gives way when it runs short.
 * Pure: counts only.
 *
 * A caller is a token family once its connection has shown a valid token, and an address before
 * that (behind a load balancer all clients have the same one). A share is not a quota: while there
 * is room, one caller may use all of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum share_kind {
	SHARE_CONNECTIONS,
	SHARE_HELD,   /* requests whose response may take long */
	SHARE_INPUT,  /* bytes of requests that are not complete */
	SHARE_OUTPUT, /* bytes of responses that the client has not taken */
	SHARE_LISTS,  /* lists that are being read from the store */
	SHARE_N_KINDS,
};

#define SHARE_KEY_SIZE 32
struct share_key {
	char bytes[SHARE_KEY_SIZE]; /* padded with zeros */
};

/* One caller; reference-counted. */
struct share;
struct shares;

MUST_CHECK struct shares *shares_new(void); /* NULL: out of memory */
struct shares *shares_free(
    struct shares *s); /* after the last reference; NULL is fine; returns NULL */

enum share_caller {
	SHARE_ADDRESS, /* no valid token was shown */
	SHARE_FAMILY,
	/* A family of an organization's OWNERs: an eighth of the room is kept for it. */
	SHARE_OWNER,
};
/* A new reference to this caller's share. NULL: out of memory. */
MUST_CHECK struct share *share_of(
    struct shares *s, enum share_caller what, const struct share_key *key);
bool share_is(const struct share *one, enum share_caller what, const struct share_key *key);
struct share *share_ref(struct share *one);
struct share *share_unref(
    struct share *one); /* with the last reference its use must be 0; returns NULL */

void share_add(struct share *one, enum share_kind kind, size_t n);
void share_sub(struct share *one, enum share_kind kind, size_t n);
size_t share_used(const struct share *one, enum share_kind kind);
size_t shares_used(const struct shares *s, enum share_kind kind); /* by all callers */

/*
 * The weight of this caller if it used `more` of a room of that size: the heaviest gives way first.
 * Addresses weigh more than all families while they use more than a quarter of the room together.
 */
size_t share_weight(const struct share *one, enum share_kind kind, size_t more, size_t room);
