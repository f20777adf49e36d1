/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline of a start from a snapshot: pieces of 64 KiB are decrypted and copied into locked
 * memory, with the same cipher and the same number of bytes.
 *
 *	unseal make FILE BYTES    writes such a file
 *	unseal open FILE          decrypts and copies it; prints the microseconds from read to
 *copied
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <sodium.h>

#define PIECE  (64 * 1024)
#define NONCE  crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define SEALED (NONCE + PIECE + crypto_aead_xchacha20poly1305_ietf_ABYTES)

static const unsigned char key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES] = "bench";

static void
die(const char *what)
{
	(void)fprintf(stderr, "unseal: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int
make(const char *path, size_t bytes)
{
	unsigned char *plain = calloc(1, PIECE), *sealed = malloc(SEALED);
	FILE *f = fopen(path, "wb");

	if (!plain || !sealed || !f)
		die(path);
	for (size_t done = 0; done < bytes; done += PIECE) {
		randombytes_buf(sealed, NONCE);
		if (crypto_aead_xchacha20poly1305_ietf_encrypt(
			sealed + NONCE, NULL, plain, PIECE, NULL, 0, NULL, sealed, key) != 0 ||
		    fwrite(sealed, SEALED, 1, f) != 1)
			die(path);
	}
	free(plain);
	free(sealed);
	return fclose(f) == 0 ? 0 : 1;
}

static double
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static unsigned char *
read_all(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	unsigned char *all;

	if (!f || fseek(f, 0, SEEK_END) < 0)
		die(path);
	*n = (size_t)ftell(f);
	rewind(f);
	all = malloc(*n);
	if (!all || fread(all, 1, *n, f) != *n)
		die(path);
	(void)fclose(f);
	return all;
}

static int
open_all(const char *path)
{
	static unsigned char plain[PIECE];
	double began = now_us();
	size_t n, pieces;
	unsigned char *sealed = read_all(path, &n), *slab;

	pieces = n / SEALED;
	slab =
	    mmap(NULL, pieces * PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (slab == MAP_FAILED)
		die("memory");
	(void)mlock(slab, pieces * PIECE);
	for (size_t i = 0; i < pieces; i++) {
		const unsigned char *p = sealed + i * SEALED;

		if (crypto_aead_xchacha20poly1305_ietf_decrypt(
			plain, NULL, NULL, p + NONCE, SEALED - NONCE, NULL, 0, p, key) != 0)
			die("decrypt");
		memcpy(slab + i * PIECE, plain, PIECE);
	}
	(void)printf("%.0f\n", now_us() - began);
	free(sealed);
	return 0;
}

int
main(int argc, char *argv[])
{
	if (sodium_init() < 0)
		die("libsodium");
	if (argc == 4 && strcmp(argv[1], "make") == 0)
		return make(argv[2], strtoul(argv[3], NULL, 10));
	if (argc == 3 && strcmp(argv[1], "open") == 0)
		return open_all(argv[2]);
	return 2;
}
