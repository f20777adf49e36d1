/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/store/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rnd.h"

#define KIND_FIRST   1
#define KIND_PRESENT 2
#define WRAPPED_SIZE (SEAL_KEY_SIZE + SEAL_OVERHEAD)
#define HEAD_SIZE    (1 + KEYS_ID_SIZE) /* kind, key id */
#define MAX_AD       256
#define WRAP_AD_MAX  (HEAD_SIZE + MAX_AD)
#define PATH_SIZE    4096

struct key {
	uint8_t bytes[SEAL_KEY_SIZE];
	uint8_t id[KEYS_ID_SIZE];
};

struct pair {
	struct key current;
	struct key other; /* also opens; there when has_other */
	bool has_other;
};

struct keys {
	struct arena *arena; /* the memory of the keys: locked, and not in core dumps */
	struct pair *pair;
	bool ours;        /* path is DIR/manager.key, which we made and may replace */
	bool is_shared;   /* other managers use the database, too */
	bool rotates;     /* other is to become current */
	bool is_unknown;  /* whether it has: see keys_rotate_unknown() */
	bool new_is_ours; /* other is in DIR/manager.key.new */
	char path[PATH_SIZE], next[PATH_SIZE]; /* the file of current; DIR/manager.key.new */
};

static void
set_key(struct key *k, const uint8_t bytes[static SEAL_KEY_SIZE])
{
	static const char context[] = "connd-manager key id";
	uint8_t digest[HASH_SIZE];

	memcpy(k->bytes, bytes, SEAL_KEY_SIZE);
	/* The id is public: a digest under the key itself tells nothing of it. */
	hash_long(digest, bytes, SEAL_KEY_SIZE, context, sizeof context - 1);
	memcpy(k->id, digest, KEYS_ID_SIZE);
}

/* NULL: out of memory. */
static struct keys *
keys_new(void)
{
	struct keys *k = mem_zalloc(sizeof *k);

	if (!k)
		return NULL;
	if (arena_new(&k->arena, sizeof *k->pair, ARENA_LOCK_PREFER) == 0)
		k->pair = arena_alloc(k->arena, sizeof *k->pair, _Alignof(struct pair));
	return k->pair ? k : keys_free(k);
}

struct keys *
keys_from_bytes(const uint8_t key[static SEAL_KEY_SIZE])
{
	struct keys *k = keys_new();

	if (k)
		set_key(&k->pair->current, key);
	return k;
}

struct keys *
keys_free(struct keys *k)
{
	if (k)
		(void)arena_free(k->arena);
	mem_free(k);
	return NULL;
}

void
keys_share(struct keys *k)
{
	k->is_shared = true;
}

void
keys_name(const struct keys *k, char out[static 2 * KEYS_ID_SIZE + 1])
{
	hex_encode(out, k->pair->current.id, KEYS_ID_SIZE);
}

/* ---- files ---- */

/* Where the key is, and whether this program may create it. */
static int
key_path(struct keys *k, const char *dir, const char *key_file, struct why *why)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	int n = 0, n_next = 0;

	if (key_file) {
		n = snprintf(k->path, PATH_SIZE, "%s", key_file);
		goto out;
	}
	if (credentials) {
		n = snprintf(k->path, PATH_SIZE, "%s/manager-key", credentials);
		if (n >= PATH_SIZE || access(k->path, F_OK) == 0)
			goto out;
	}
	k->ours = true;
	n = snprintf(k->path, PATH_SIZE, "%s/manager.key", dir);
	n_next = snprintf(k->next, PATH_SIZE, "%s/manager.key.new", dir);
out:
	if (n < PATH_SIZE && n_next < PATH_SIZE)
		return 0;
	why_set(why, "the path of the key-encryption key is too long");
	return -ENAMETOOLONG;
}

static int
read_key(const char *path, struct key *out, struct why *why)
{
	uint8_t bytes[SEAL_KEY_SIZE];
	struct why reason = { "" };
	int r = file_read_key(path, bytes, &reason);

	if (r == -ENOENT)
		why_set(why,
		    "the key-encryption key is missing: %.300s; put it back, or name it with "
		    "--key-file",
		    path);
	else if (r < 0)
		why_set(why, "the key-encryption key cannot be read: %.400s", reason.text);
	else
		set_key(out, bytes);
	mem_wipe(bytes, sizeof bytes);
	return r;
}

/* Creates a file with a fresh key, atomically. The file must not exist. */
static int
write_key(const char *path, struct why *why)
{
	uint8_t bytes[SEAL_KEY_SIZE];
	char hex[2 * SEAL_KEY_SIZE + 2], part[PATH_SIZE];
	int r;

	if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
		return -ENAMETOOLONG;
	(void)unlink(part); /* of a process that was killed */
	rnd_bytes(bytes, sizeof bytes);
	hex_encode(hex, bytes, sizeof bytes);
	hex[sizeof hex - 2] = '\n';
	r = file_create(part, hex, sizeof hex - 1, why);
	if (r == 0 && renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE) < 0) {
		r = -errno;
		why_set(why, "%.400s: %s", path, strerror(-r));
		(void)unlink(part); /* r tells */
	}
	if (r == 0)
		r = file_sync_name(path);
	mem_wipe(bytes, sizeof bytes);
	mem_wipe(hex, sizeof hex);
	return r;
}

/* make: creates a key of our own if there is none. */
static int
load(struct keys **out, const char *dir, const char *key_file, bool make, struct why *why)
{
	struct keys *k = keys_new();
	int r;

	if (!k)
		return -ENOMEM;
	r = key_path(k, dir, key_file, why);
	if (r == 0 && make && k->ours && access(k->path, F_OK) != 0)
		r = write_key(k->path, why);
	if (r == 0)
		r = read_key(k->path, &k->pair->current, why);
	if (r == 0 && k->ours && access(k->next, F_OK) == 0) {
		r = read_key(k->next, &k->pair->other, why);
		k->pair->has_other = k->new_is_ours = r == 0;
	}
	if (r < 0)
		k = keys_free(k);
	*out = k;
	return r;
}

int
keys_load(struct keys **out, const char *dir, const char *key_file, struct why *why)
{
	return load(out, dir, key_file, false, why);
}

int
keys_make(struct keys **out, const char *dir, const char *key_file, struct why *why)
{
	return load(out, dir, key_file, true, why);
}

/* ---- envelopes ---- */

/* Returns 0 if it is not an envelope. */
static int
kind_of(struct span envelope)
{
	int kind = envelope.n < KEYS_OVERHEAD ? 0 : envelope.p[0];

	return kind == KIND_FIRST || kind == KIND_PRESENT ? kind : 0;
}

bool
keys_is_first(struct span envelope)
{
	return kind_of(envelope) == KIND_FIRST;
}

static bool
has_id(const struct key *key, const uint8_t *id)
{
	return memcmp(key->id, id, KEYS_ID_SIZE) == 0;
}

/*
 * Another manager may have changed the key of a database that it shares with this one, and a person
 * has put the new one into this one's file. True: it is the other key now.
 */
static bool
learn(const struct keys *k, const uint8_t *id)
{
	struct why why;
	struct key key = { 0 };
	bool found;

	if (!k->is_shared)
		return false;
	found = read_key(k->path, &key, &why) == 0 && has_id(&key, id);
	if (found) {
		k->pair->other = key;
		k->pair->has_other = true;
	}
	mem_wipe(&key, sizeof key);
	return found;
}

/* The key that wraps it; NULL if it is not known. */
static const struct key *
key_of(const struct keys *k, struct span envelope)
{
	const uint8_t *id = (const uint8_t *)envelope.p + 1;

	if (!kind_of(envelope))
		return NULL;
	if (has_id(&k->pair->current, id))
		return &k->pair->current;
	if (k->pair->has_other && has_id(&k->pair->other, id))
		return &k->pair->other;
	return !k->rotates && learn(k, id) ? &k->pair->other : NULL;
}

/*
 * What the wrapped data key is bound to: which key wraps it, the place of the text and, but for the
 * first, the kind of the envelope.
 */
static size_t
wrap_ad(char out[static WRAP_AD_MAX], int kind, const uint8_t *id, struct span ad)
{
	size_t n = 0;

	if (kind != KIND_FIRST)
		out[n++] = (char)kind;
	memcpy(out + n, id, KEYS_ID_SIZE);
	n += KEYS_ID_SIZE;
	memcpy(out + n, ad.p, ad.n);
	return n + ad.n;
}

/* The first part of an envelope, HEAD_SIZE + WRAPPED_SIZE bytes. */
static void
wrap(const struct key *key, struct span ad, const uint8_t dek[static SEAL_KEY_SIZE], uint8_t *out)
{
	char bound[WRAP_AD_MAX];
	size_t n = wrap_ad(bound, KIND_PRESENT, key->id, ad);

	out[0] = KIND_PRESENT;
	memcpy(out + 1, key->id, KEYS_ID_SIZE);
	seal(out + HEAD_SIZE, dek, SEAL_KEY_SIZE, bound, n, key->bytes);
}

static int
unwrap(const struct keys *k, int kind, struct span ad, struct span envelope,
    uint8_t dek[static SEAL_KEY_SIZE])
{
	const struct key *key = key_of(k, envelope);
	char bound[WRAP_AD_MAX];

	if (kind_of(envelope) != kind || ad.n > MAX_AD)
		return -EBADMSG;
	if (!key)
		return k->is_shared ? -EKEYREJECTED : -EBADMSG;
	return seal_open(dek, (const uint8_t *)envelope.p + HEAD_SIZE, WRAPPED_SIZE, bound,
	    wrap_ad(bound, kind, key->id, ad), key->bytes);
}

int
keys_seal(const struct keys *k, struct span ad, struct span text, struct buf *out)
{
	uint8_t dek[SEAL_KEY_SIZE], *p;

	if (ad.n > MAX_AD)
		return -EINVAL;
	p = (uint8_t *)buf_room(out, KEYS_OVERHEAD + text.n);
	if (!p)
		return buf_error(out);
	rnd_bytes(dek, sizeof dek);
	wrap(&k->pair->current, ad, dek, p);
	seal(p + HEAD_SIZE + WRAPPED_SIZE, text.p, text.n, ad.p, ad.n, dek);
	mem_wipe(dek, sizeof dek);
	buf_grown(out, KEYS_OVERHEAD + text.n);
	return 0;
}

static int
open_kind(const struct keys *k, int kind, struct span ad, struct span envelope, struct buf *out)
{
	uint8_t dek[SEAL_KEY_SIZE];
	size_t n;
	char *room;
	int r = unwrap(k, kind, ad, envelope, dek);

	if (r < 0)
		return r;
	n = envelope.n - KEYS_OVERHEAD;
	room = buf_room(out, n);
	if (room) {
		r = seal_open((uint8_t *)room,
		    (const uint8_t *)envelope.p + HEAD_SIZE + WRAPPED_SIZE, n + SEAL_OVERHEAD, ad.p,
		    ad.n, dek);
		if (r == 0)
			buf_grown(out, n);
	} else {
		r = buf_error(out);
	}
	mem_wipe(dek, sizeof dek);
	return r;
}

int
keys_open(const struct keys *k, struct span ad, struct span envelope, struct buf *out)
{
	return open_kind(k, KIND_PRESENT, ad, envelope, out);
}

int
keys_open_first(const struct keys *k, struct span ad, struct span envelope, struct buf *out)
{
	return open_kind(k, KIND_FIRST, ad, envelope, out);
}

int
keys_reseal(const struct keys *k, struct span ad, struct span envelope, struct buf *out)
{
	struct buf text = BUF_INIT(envelope.n);
	int r = keys_open_first(k, ad, envelope, &text);

	if (r == 0)
		r = keys_seal(k, ad, span_of_buf(&text), out);
	buf_fini(&text);
	return r;
}

/* ---- rotation ---- */

int
keys_rewrap(const struct keys *k, struct span ad, struct span envelope, struct buf *out)
{
	uint8_t dek[SEAL_KEY_SIZE], *p;
	int r = unwrap(k, KIND_PRESENT, ad, envelope, dek);

	if (r < 0)
		return r;
	p = (uint8_t *)buf_room(out, envelope.n);
	if (p) {
		wrap(k->rotates ? &k->pair->other : &k->pair->current, ad, dek, p);
		memcpy(p + HEAD_SIZE + WRAPPED_SIZE, envelope.p + HEAD_SIZE + WRAPPED_SIZE,
		    envelope.n - HEAD_SIZE - WRAPPED_SIZE);
		buf_grown(out, envelope.n);
	}
	mem_wipe(dek, sizeof dek);
	return buf_error(out);
}

static void
swap(struct keys *k)
{
	struct key was = k->pair->current;

	k->pair->current = k->pair->other;
	k->pair->other = was;
	mem_wipe(&was, sizeof was);
}

static void
forget_other(struct keys *k)
{
	k->pair->has_other = false;
	mem_wipe(&k->pair->other, sizeof k->pair->other);
}

int
keys_rotate(struct keys *k, const char *new_key_file, struct why *why)
{
	struct key fresh;
	int r = 0;

	if (k->is_unknown) {
		why_set(why,
		    "it is not known yet whether the last change of the key was made: try again "
		    "when the database has been reached");
		return -EBUSY;
	}
	if (!new_key_file && !k->ours) {
		why_set(
		    why, "the key is not DIR/manager.key: name the new one with --new-key-file");
		return -EINVAL;
	}
	if (!new_key_file)
		r = write_key(k->next, why);
	if (r == 0)
		r = read_key(new_key_file ? new_key_file : k->next, &fresh, why);
	if (r == 0 && has_id(&k->pair->current, fresh.id)) {
		why_set(why, "the new key is the present one");
		r = -EINVAL;
	}
	if (r == 0) {
		k->pair->other = fresh;
		k->pair->has_other = k->rotates = true;
		k->new_is_ours = !new_key_file;
	} else if (!new_key_file && r != -EEXIST) {
		(void)unlink(k->next); /* r tells */
	}
	mem_wipe(&fresh, sizeof fresh);
	return r;
}

/* The other key becomes current, and its file takes the place of the key's. */
static int
take_other(struct keys *k)
{
	bool has_file = k->new_is_ours;

	swap(k);
	k->ours = k->rotates ? k->new_is_ours : k->ours;
	k->rotates = k->is_unknown = k->new_is_ours = false;
	if (!has_file)
		return 0;
	if (rename(k->next, k->path) < 0)
		return -errno;
	return file_sync_name(k->path);
}

int
keys_rotated(struct keys *k)
{
	return k->rotates ? take_other(k) : 0; /* keys_follow() may have done it */
}

void
keys_rotate_undo(struct keys *k)
{
	if (k->new_is_ours)
		(void)unlink(k->next); /* then the next rotation says that it is there */
	k->rotates = k->is_unknown = k->new_is_ours = false;
	forget_other(k);
}

void
keys_rotate_unknown(struct keys *k)
{
	k->is_unknown = true;
}

int
keys_follow(struct keys *k, struct span envelope, bool is_settled)
{
	const struct key *key = key_of(k, envelope);
	int r;

	if (!key)
		return -EKEYREJECTED;
	if (key == &k->pair->other) {
		r = take_other(k);
		return r < 0 ? r : 1;
	}
	if (k->is_unknown && is_settled)
		keys_rotate_undo(k);
	return 0;
}

/* Removes the files of a process that was killed while it wrote a key. */
static void
remove_part(const char *path)
{
	char part[PATH_SIZE];

	if (snprintf(part, sizeof part, "%s.part", path) < (int)sizeof part)
		(void)unlink(part); /* there is none as a rule */
}

int
keys_settle(struct keys *k, struct span envelope)
{
	const struct key *key = key_of(k, envelope);
	int r;

	if (!key)
		return -EKEYREJECTED;
	if (k->ours) {
		remove_part(k->path);
		remove_part(k->next);
	}
	if (!k->pair->has_other)
		return 0;
	/* A rotation was interrupted; the envelope shows whether before or after its commit. */
	if (key == &k->pair->other) {
		r = take_other(k);
		forget_other(k);
		return r;
	}
	forget_other(k);
	k->rotates = k->is_unknown = k->new_is_ours = false;
	return unlink(k->next) < 0 && errno != ENOENT ? -errno : file_sync_name(k->next);
}
