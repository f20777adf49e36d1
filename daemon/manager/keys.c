/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rnd.h"

#define KEYS_VERSION 1
#define WRAPPED_SIZE (SEAL_KEY_SIZE + SEAL_OVERHEAD)
#define HEAD_SIZE    (1 + KEYS_ID_SIZE)
#define MAX_AD       256

struct keys {
	uint8_t key[SEAL_KEY_SIZE];
	uint8_t id[KEYS_ID_SIZE];
};

struct keys *
keys_from_bytes(const uint8_t key[static SEAL_KEY_SIZE])
{
	struct keys *k = mem_zalloc(sizeof *k);
	uint8_t digest[HASH_SIZE];

	if (!k)
		return NULL;
	memcpy(k->key, key, SEAL_KEY_SIZE);
	/* The id is public: a digest under the key itself tells nothing of it. */
	hash_long(digest, key, SEAL_KEY_SIZE, "connd-manager key id", 20);
	memcpy(k->id, digest, KEYS_ID_SIZE);
	return k;
}

struct keys *
keys_free(struct keys *k)
{
	mem_free(k);
	return NULL;
}

/* Where the key is, and whether it is ours to make. */
static int
key_path(const char *dir, const char *key_file, char path[static 4096], bool *ours)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	int n;

	*ours = false;
	if (key_file) {
		n = snprintf(path, 4096, "%s", key_file);
		return n < 4096 ? 0 : -ENAMETOOLONG;
	}
	if (credentials) {
		n = snprintf(path, 4096, "%s/manager-key", credentials);
		if (n < 4096 && access(path, F_OK) == 0)
			return 0;
	}
	*ours = true;
	n = snprintf(path, 4096, "%s/manager.key", dir);
	return n < 4096 ? 0 : -ENAMETOOLONG;
}

static int
load(struct keys **out, const char *path, char why[static FILE_WHY_SIZE])
{
	uint8_t key[SEAL_KEY_SIZE];
	char reason[FILE_WHY_SIZE] = "";
	int r = file_read_key(path, key, reason);

	if (r == -ENOENT)
		snprintf(why, FILE_WHY_SIZE,
		    "the key-encryption key is missing: %.300s; put it back, or name it with "
		    "--key-file",
		    path);
	else if (r < 0)
		snprintf(
		    why, FILE_WHY_SIZE, "the key-encryption key can not be read: %.400s", reason);
	if (r < 0)
		goto out;
	*out = keys_from_bytes(key);
	if (!*out)
		r = -ENOMEM;
out:
	mem_wipe(key, sizeof key);
	return r;
}

int
keys_load(struct keys **out, const char *dir, const char *key_file, char why[static FILE_WHY_SIZE])
{
	char path[4096];
	bool ours;
	int r = key_path(dir, key_file, path, &ours);

	if (r < 0) {
		snprintf(why, FILE_WHY_SIZE, "the path of the key-encryption key is too long");
		return r;
	}
	return load(out, path, why);
}

int
keys_make(struct keys **out, const char *dir, const char *key_file, char why[static FILE_WHY_SIZE])
{
	uint8_t key[SEAL_KEY_SIZE];
	char path[4096], hex[2 * SEAL_KEY_SIZE + 2];
	bool ours;
	int r = key_path(dir, key_file, path, &ours);

	if (r < 0) {
		snprintf(why, FILE_WHY_SIZE, "the path of the key-encryption key is too long");
		return r;
	}
	if (ours && access(path, F_OK) != 0) {
		rnd_bytes(key, sizeof key);
		hex_encode(hex, key, sizeof key);
		hex[sizeof hex - 2] = '\n';
		r = file_create(path, hex, sizeof hex - 1, why);
		mem_wipe(key, sizeof key);
		mem_wipe(hex, sizeof hex);
		if (r < 0)
			return r;
	}
	return load(out, path, why);
}

/* What the wrapped data key is bound to: the place of the text, and which key wraps it. */
static size_t
wrap_ad(char out[static MAX_AD + KEYS_ID_SIZE], const uint8_t *id, struct span ad)
{
	memcpy(out, id, KEYS_ID_SIZE);
	memcpy(out + KEYS_ID_SIZE, ad.p, ad.n);
	return KEYS_ID_SIZE + ad.n;
}

int
keys_seal(const struct keys *k, struct span ad, struct span text, struct buf *out)
{
	char bound[MAX_AD + KEYS_ID_SIZE];
	uint8_t dek[SEAL_KEY_SIZE], *p;

	if (ad.n > MAX_AD)
		return -EINVAL;
	p = (uint8_t *)buf_room(out, KEYS_OVERHEAD + text.n);
	if (!p)
		return buf_error(out);
	p[0] = KEYS_VERSION;
	memcpy(p + 1, k->id, KEYS_ID_SIZE);
	rnd_bytes(dek, sizeof dek);
	seal(p + HEAD_SIZE, dek, sizeof dek, bound, wrap_ad(bound, k->id, ad), k->key);
	seal(p + HEAD_SIZE + WRAPPED_SIZE, text.p, text.n, ad.p, ad.n, dek);
	mem_wipe(dek, sizeof dek);
	buf_grown(out, KEYS_OVERHEAD + text.n);
	return 0;
}

int
keys_open(const struct keys *k, struct span ad, struct span envelope, struct buf *out)
{
	const uint8_t *p = (const uint8_t *)envelope.p;
	char bound[MAX_AD + KEYS_ID_SIZE];
	uint8_t dek[SEAL_KEY_SIZE];
	size_t n;
	char *room;
	int r;

	if (envelope.n < KEYS_OVERHEAD || ad.n > MAX_AD || p[0] != KEYS_VERSION ||
	    memcmp(p + 1, k->id, KEYS_ID_SIZE) != 0)
		return -EBADMSG;
	r = seal_open(dek, p + HEAD_SIZE, WRAPPED_SIZE, bound, wrap_ad(bound, k->id, ad), k->key);
	if (r < 0)
		return r;
	n = envelope.n - KEYS_OVERHEAD;
	room = buf_room(out, n);
	if (room) {
		r = seal_open((uint8_t *)room, p + HEAD_SIZE + WRAPPED_SIZE, n + SEAL_OVERHEAD,
		    ad.p, ad.n, dek);
		if (r == 0)
			buf_grown(out, n);
	} else {
		r = buf_error(out);
	}
	mem_wipe(dek, sizeof dek);
	return r;
}
