/* SPDX-License-Identifier: Apache-2.0 */
#include "core/snapshot/header.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FORMAT      1
#define ALGORITHM   1 /* XChaCha20-Poly1305, base/seal */
#define KEY_ID_SIZE 8

const char snap_snapshot_magic[SNAP_MAGIC_SIZE] = "conndsnp";
const char snap_stamp_magic[SNAP_MAGIC_SIZE] = "conndstp";

/* --- numbers and bytes --------------------------------------------------------------- */

void
snap_put(struct buf *b, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		buf_addc(b, (char)(v >> (8 * i)));
}

const uint8_t *
snap_take(struct snap_cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->over || n > c->n) {
		c->over = true;
		return NULL;
	}
	c->p += n;
	c->n -= n;
	return p;
}

uint64_t
snap_get(struct snap_cursor *c, size_t bytes)
{
	const uint8_t *p = snap_take(c, bytes);
	uint64_t v = 0;

	for (size_t i = 0; p && i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

void
snap_get_bytes(struct snap_cursor *c, void *out, size_t n)
{
	const uint8_t *p = snap_take(c, n);

	if (p)
		memcpy(out, p, n);
}

int PRINTF(3, 4) snap_refuse(struct why *why, int error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	why_set_args(why, fmt, args);
	va_end(args);
	return error;
}

/* --- keys and owners ----------------------------------------------------------------- */

/* Writes an identifier of the key that reveals nothing about it. */
static void
key_id(uint8_t out[static KEY_ID_SIZE], const uint8_t key[static SEAL_KEY_SIZE])
{
	static const char what[] = "connd snapshot key";
	uint8_t hash[HASH_SIZE];

	hash_long(hash, key, SEAL_KEY_SIZE, what, sizeof what);
	memcpy(out, hash, KEY_ID_SIZE);
}

/* Snapshots and stamps use different keys, so one cannot be passed off as the other. */
void
snap_derive(uint8_t out[static SEAL_KEY_SIZE], const uint8_t master[static SEAL_KEY_SIZE],
    const char *magic)
{
	seal_derive(out, master, magic == snap_stamp_magic ? "connd-st" : "connd-sn", 1);
}

static void
owner_hash(uint8_t out[static HASH_SIZE], const struct snap_owner *owner)
{
	uint8_t part[3][HASH_SIZE];
	const char *text[3] = { owner->organization, owner->deployment, owner->workspace };

	for (size_t i = 0; i < 3; i++)
		hash_long(
		    part[i], NULL, 0, text[i] ? text[i] : "", text[i] ? strlen(text[i]) + 1 : 0);
	hash_long(out, NULL, 0, part, sizeof part);
}

/* Finds the key of a file by the key's identifier, without trial decryption. */
static const uint8_t *
find_key(const struct snap_keys *keys, const uint8_t id[static KEY_ID_SIZE])
{
	const uint8_t *key[2] = { keys->newest, keys->previous };
	uint8_t have[KEY_ID_SIZE];

	for (size_t i = 0; i < 2; i++) {
		if (!key[i])
			continue;
		key_id(have, key[i]);
		if (memcmp(have, id, sizeof have) == 0)
			return key[i];
	}
	return NULL;
}

/* --- the header ---------------------------------------------------------------------- */

static void
put_moment(struct buf *b, const struct moment *m)
{
	snap_put(b, (uint64_t)m->wall_ms, 8);
	snap_put(b, (uint64_t)m->boot_ms, 8);
	snap_put(b, m->has_boot_id, 4);
	buf_add(b, m->boot_id, sizeof m->boot_id);
}

static void
get_moment(struct snap_cursor *c, struct moment *m)
{
	m->wall_ms = (int64_t)snap_get(c, 8);
	m->boot_ms = (int64_t)snap_get(c, 8);
	m->has_boot_id = snap_get(c, 4) != 0;
	snap_get_bytes(c, m->boot_id, sizeof m->boot_id);
}

void
snap_header_write(struct buf *b, const struct snap_header *h, const struct snap_owner *owner,
    const uint8_t key[static SEAL_KEY_SIZE])
{
	uint8_t owner_id[HASH_SIZE], id[KEY_ID_SIZE];

	owner_hash(owner_id, owner);
	key_id(id, key);
	buf_add(b, h->magic, SNAP_MAGIC_SIZE);
	snap_put(b, FORMAT, 2);
	snap_put(b, ALGORITHM, 2);
	buf_add(b, id, sizeof id);
	buf_add(b, owner_id, sizeof owner_id);
	buf_add(b, h->id, sizeof h->id);
	snap_put(b, h->generation, 8);
	put_moment(b, &h->written);
	snap_put(b, (uint64_t)h->confirmed_ago_ms, 8);
	snap_put(b, h->records, 4);
	snap_put(b, h->pieces, 4);
	snap_put(b, h->plain_bytes, 8);
	snap_put(b, strlen(h->url), 2);
	buf_adds(b, h->url);
}

/*
 * The header is not authenticated yet, so limit times such that subtracting them cannot overflow.
 */
static bool
is_a_time(int64_t ms)
{
	return ms >= 0 && ms <= INT64_MAX / 4;
}

int
snap_header_read(struct snap_header *h, struct snap_cursor *c, const struct snap_owner *owner,
    const struct snap_keys *keys, const uint8_t **key, struct why *why)
{
	uint8_t owner_id[HASH_SIZE], their_owner[HASH_SIZE] = { 0 }, id[KEY_ID_SIZE] = { 0 };
	const uint8_t *magic = snap_take(c, SNAP_MAGIC_SIZE);
	uint64_t format, algorithm, url_n;

	if (!magic || memcmp(magic, h->magic, SNAP_MAGIC_SIZE) != 0)
		return snap_refuse(why, -EBADMSG, "the file is not a connd %s",
		    h->magic == snap_stamp_magic ? "stamp" : "snapshot");
	format = snap_get(c, 2);
	algorithm = snap_get(c, 2);
	if (!c->over && (format != FORMAT || algorithm != ALGORITHM))
		return snap_refuse(why, -EBADMSG,
		    "the format %" PRIu64 " belongs to another version of connd", format);
	snap_get_bytes(c, id, sizeof id);
	snap_get_bytes(c, their_owner, sizeof their_owner);
	snap_get_bytes(c, h->id, sizeof h->id);
	h->generation = snap_get(c, 8);
	get_moment(c, &h->written);
	h->confirmed_ago_ms = (int64_t)snap_get(c, 8);
	h->records = (uint32_t)snap_get(c, 4);
	h->pieces = (uint32_t)snap_get(c, 4);
	h->plain_bytes = snap_get(c, 8);
	url_n = snap_get(c, 2);
	if (url_n >= sizeof h->url)
		return snap_refuse(why, -EBADMSG, SNAP_DAMAGED);
	snap_get_bytes(c, h->url, url_n);
	if (c->over)
		return snap_refuse(why, -EBADMSG, "the file is truncated");
	h->url[url_n] = '\0';
	if (!is_a_time(h->written.wall_ms) || !is_a_time(h->written.boot_ms))
		return snap_refuse(why, -EBADMSG, SNAP_DAMAGED);
	owner_hash(owner_id, owner);
	if (memcmp(owner_id, their_owner, sizeof owner_id) != 0)
		return snap_refuse(why, -EPERM,
		    "the file belongs to another organization, Deployment or Workspace");
	*key = find_key(keys, id);
	if (!*key)
		return snap_refuse(why, -ENOKEY,
		    "the file was sealed with another key than key_file and previous_key_file");
	return 0;
}
