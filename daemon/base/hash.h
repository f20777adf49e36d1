/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyed hashes and hex. hash_short() (SipHash-2-4) is for hash tables whose keys come from clients:
 * use a random key per process. hash_long() (BLAKE2b-256) identifies or authenticates data.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define HASH_SHORT_KEY_SIZE 16
#define HASH_SIZE           32

uint64_t hash_short(const uint8_t key[static HASH_SHORT_KEY_SIZE], const void *p, size_t n);

/* key: at most 64 bytes; NULL with key_len 0 gives an unkeyed digest. */
void hash_long(
    uint8_t out[static HASH_SIZE], const void *key, size_t key_len, const void *p, size_t n);
bool hash_equal(const void *a, const void *b, size_t n); /* in constant time */

/* Writes 2 * n lower-case hex digits and a NUL to out. */
void hex_encode(char *out, const void *p, size_t n);
/* Decodes text to n bytes. False unless text is exactly 2 * n hex digits. */
bool hex_decode(void *out, size_t n, const char *text, size_t text_len);
