/* SPDX-License-Identifier: Apache-2.0 */
#include "base/seal.h"

#include <errno.h>
#include <sodium.h>

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES

_Static_assert(SEAL_OVERHEAD == NONCE + crypto_aead_xchacha20poly1305_ietf_ABYTES, "overhead");
_Static_assert(SEAL_KEY_SIZE == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key size");
_Static_assert(SEAL_KEY_SIZE == crypto_kdf_KEYBYTES, "master key size");

void
seal(uint8_t *out, const void *in, size_t n, const void *ad, size_t ad_len,
    const uint8_t key[static SEAL_KEY_SIZE])
{
	randombytes_buf(out, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
	    out + NONCE, NULL, in, n, ad, ad_len, NULL, out, key);
}

int
seal_open(uint8_t *out, const uint8_t *in, size_t n, const void *ad, size_t ad_len,
    const uint8_t key[static SEAL_KEY_SIZE])
{
	if (n < SEAL_OVERHEAD)
		return -EBADMSG;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(
		out, NULL, NULL, in + NONCE, n - NONCE, ad, ad_len, in, key) != 0)
		return -EBADMSG;
	return 0;
}

void
seal_derive(uint8_t out[static SEAL_KEY_SIZE], const uint8_t master[static SEAL_KEY_SIZE],
    const char context[static 8], uint64_t id)
{
	crypto_kdf_derive_from_key(out, SEAL_KEY_SIZE, id, context, master);
}
