/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <sodium.h>
#include <string.h>

uint64_t
hash_short(const uint8_t key[static HASH_SHORT_KEY_SIZE], const void *p, size_t n)
{
	uint8_t out[crypto_shorthash_BYTES];
	uint64_t v;

	crypto_shorthash(out, p, n, key);
	memcpy(&v, out, sizeof v);
	return v;
}

void
hash_long(uint8_t out[static HASH_SIZE], const void *key, size_t key_len, const void *p, size_t n)
{
	crypto_generichash(out, HASH_SIZE, p, n, key, key_len);
}

bool
hash_equal(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

void
hex_encode(char *out, const void *p, size_t n)
{
	sodium_bin2hex(out, 2 * n + 1, p, n);
}

bool
hex_decode(void *out, size_t n, const char *text, size_t text_len)
{
	size_t got;

	return text_len == 2 * n && sodium_hex2bin(out, n, text, text_len, NULL, &got, NULL) == 0 &&
	       got == n;
}
