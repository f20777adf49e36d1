/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authenticated encryption: XChaCha20-Poly1305 with a random nonce. All of it goes through here.
 * A sealed text is nonce (24) | ciphertext | tag (16), SEAL_OVERHEAD bytes longer than the plain
 * text. The associated data `ad` is authenticated but not stored; it binds the text to its place,
 * such as its row or its header.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define SEAL_KEY_SIZE 32
#define SEAL_OVERHEAD (24 + 16)

/* Encrypts n bytes. out has room for n + SEAL_OVERHEAD bytes and does not overlap in. */
void seal(uint8_t *out, const void *in, size_t n, const void *ad, size_t ad_len,
    const uint8_t key[static SEAL_KEY_SIZE]);
/*
 * Decrypts n bytes. out has room for n - SEAL_OVERHEAD bytes. 0, or -EBADMSG: wrong key, wrong ad,
 * damaged or too short.
 */
MUST_CHECK int seal_open(uint8_t *out, const uint8_t *in, size_t n, const void *ad, size_t ad_len,
    const uint8_t key[static SEAL_KEY_SIZE]);

/* Derives the key for one purpose from a master key. context: 8 characters naming the purpose. */
void seal_derive(uint8_t out[static SEAL_KEY_SIZE], const uint8_t master[static SEAL_KEY_SIZE],
    const char context[static 8], uint64_t id);
