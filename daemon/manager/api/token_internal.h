/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What token.c (checking), token_issue.c (issuing, families) and session.c (sessions of the page)
 * share.
 */
#pragma once

#include <sodium.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/seal.h"
#include "manager/api/token.h"

#define JTI_SIZE     16
#define JTI_KEY_SIZE 32

/* Texts that were found good: sets of a few, the one unused longest makes room. */
#define CACHE_SETS 256
#define CACHE_WAYS 8
struct known {
	uint8_t text_hash[HASH_SIZE];
	struct token_identity identity; /* id "": free */
	int64_t used_ms;
	bool unsaved; /* used_ms is newer than the row's */
};

/* In locked memory, outside core dumps. */
struct token_keys {
	uint8_t sign[crypto_sign_SECRETKEYBYTES];
	uint8_t jti[JTI_KEY_SIZE];      /* in the store: the same in every run */
	uint8_t text[JTI_KEY_SIZE];     /* this process's alone */
	uint8_t session[SEAL_KEY_SIZE]; /* derived from jti: the same in every manager of a store */
};

struct token_authority {
	struct store *store;
	struct arena *arena;     /* of keys */
	struct token_keys *keys; /* random ones, which match nothing, until is_loaded */
	bool is_loaded;
	uint8_t verify_key[crypto_sign_PUBLICKEYBYTES];
	int64_t max_lifetime_ms; /* of families */
	int64_t families_ending; /* see token_watch_families() */
	char header[128];        /* encoded, with the '.' behind it */
	struct known known[CACHE_SETS][CACHE_WAYS];
};

/* Appends base64url without padding. */
void token_encode(struct buf *out, const void *p, size_t n);
/*
 * Appends what text encodes. 0; -EINVAL: it is not base64url in its one spelling; -ENOMEM.
 */
MUST_CHECK int token_decode(struct span text, struct buf *out);
