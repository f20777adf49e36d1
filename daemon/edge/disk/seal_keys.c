/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/disk/seal_keys.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/seal.h"

#define ARENA_BYTES 4096

struct seal_keys
seal_keys_free(struct seal_keys k)
{
	arena_free(k.arena);
	return (struct seal_keys){ 0 };
}

static int
read_key(struct arena *a, const char *path, uint8_t **out, struct why *why)
{
	*out = arena_alloc(a, SEAL_KEY_SIZE, 8);
	if (!*out) {
		why_set(why, "out of memory for the snapshot's key");
		return arena_error(a);
	}
	return file_read_key(path, *out, why);
}

/* True if key and path are in the same directory: a copy of it would include the key. */
static bool
lies_beside(const char *key, const char *path)
{
	const char *a = strrchr(key, '/'), *b = strrchr(path, '/');
	size_t na = a ? (size_t)(a - key) : 0, nb = b ? (size_t)(b - path) : 0;

	return na == nb && memcmp(key, path, na) == 0;
}

/* Writes the path of the configured key, or of the systemd credential. False if there is none. */
static bool
key_path(const struct config *c, char out[static PATH_MAX])
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (c->snapshot.key_file)
		return (size_t)snprintf(out, PATH_MAX, "%s", c->snapshot.key_file) < PATH_MAX;
	return dir && (size_t)snprintf(out, PATH_MAX, "%s/snapshot-key", dir) < PATH_MAX &&
	       access(out, F_OK) == 0;
}

static int
find_key(const struct config *c, char path[static PATH_MAX], struct why *why)
{
	if (!key_path(c, path)) {
		why_set(why,
		    "[snapshot] path is set without a key: set key_file, or pass a systemd "
		    "credential named snapshot-key");
		return -ENOKEY;
	}
	if (lies_beside(path, c->snapshot.path)) {
		why_set(why,
		    "[snapshot] key_file is in the directory of the snapshot, so a copy of the "
		    "directory includes the key: move it to another directory");
		return -EINVAL;
	}
	return 0;
}

int
seal_keys_read(struct seal_keys *out, const struct config *c, struct why *why)
{
	struct seal_keys k = { 0 };
	char path[PATH_MAX];
	int r = find_key(c, path, why);

	if (r < 0)
		return r;
	why_set(why, "out of memory for the snapshot's key");
	r = arena_new(&k.arena, ARENA_BYTES, c->memory.lock);
	if (r == 0)
		r = read_key(k.arena, path, &k.newest, why);
	if (r == 0 && c->snapshot.previous_key_file)
		r = read_key(k.arena, c->snapshot.previous_key_file, &k.previous, why);
	if (r == 0)
		r = arena_seal(k.arena);
	if (r < 0)
		seal_keys_free(k);
	else
		*out = k;
	return r;
}
