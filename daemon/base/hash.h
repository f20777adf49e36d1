/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyed hashes, and bytes as text. The short one (SipHash-2-4) is for tables filled with foreign
 * keys, under a random key of this process; the long one (BLAKE2b-256) names or authenticates.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define HASH_SHORT_KEY_SIZE 16
#define HASH_SIZE           32

uint64_t hash_short(const uint8_t key[static HASH_SHORT_KEY_SIZE], const void *p, size_t n);

/* key may be NULL with key_len 0 for an unkeyed digest; at most 64 bytes otherwise. */
void hash_long(
    uint8_t out[static HASH_SIZE], const void *key, size_t key_len, const void *p, size_t n);
bool hash_equal(const void *a, const void *b, size_t n); /* in constant time */

/* Lower-case hex; out takes 2 * n + 1 bytes. */
void hex_encode(char *out, const void *p, size_t n);
/* Exactly n bytes from 2 * n digits, nothing else in the text: true. */
bool hex_decode(void *out, size_t n, const char *text, size_t text_len);
