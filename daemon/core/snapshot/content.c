/* SPDX-License-Identifier: Apache-2.0 */
#include "core/snapshot/content.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "core/snapshot/header.h"

#define RECORD_SIZE 24 /* without its key, text and held value */
#define PIECE_AD    (HASH_SIZE + 5)
#define PIECES_MAX  (1u << 20)

/* Writes the associated data of a piece: its file, its number, and whether it is the last. */
static void
piece_ad(uint8_t ad[static PIECE_AD], const uint8_t header_hash[static HASH_SIZE], uint32_t number,
    bool last)
{
	memcpy(ad, header_hash, HASH_SIZE);
	for (size_t i = 0; i < 4; i++)
		ad[HASH_SIZE + i] = (uint8_t)(number >> (8 * i));
	ad[HASH_SIZE + 4] = last;
}

void
content_about_fill(struct content_about *out, const struct replica_memory *memory,
    const struct moment *now, const char *url)
{
	int64_t ago_ms = now->boot_ms - memory->confirmed_ms;

	rnd_bytes(out->id, sizeof out->id);
	out->generation = memory->generation;
	out->written = *now;
	out->confirmed_ago_ms = ago_ms > 0 ? ago_ms : 0;
	snprintf(out->url, sizeof out->url, "%s", url);
}

/* --- writing ------------------------------------------------------------------------- */

struct content_writer {
	struct generation *g;
	int64_t written_ms; /* the ages of held values are relative to this time */
	uint8_t key[SEAL_KEY_SIZE];
	uint8_t header_hash[HASH_SIZE];
	struct buf header; /* empty once written */
	uint32_t piece, pieces;
	uint64_t plain_bytes;
	enum record_kind kind; /* of the next record; its index is `next` */
	size_t next;
	struct buf plain;
};

static size_t
record_bytes(const struct record *rec)
{
	return RECORD_SIZE + rec->key.n + rec->text.n + (rec->held ? rec->held->text.n : 0);
}

static const struct record *
next_record(struct content_writer *w)
{
	while (w->kind < N_KINDS && w->next == generation_count(w->g, w->kind)) {
		w->kind++;
		w->next = 0;
	}
	return w->kind < N_KINDS ? generation_at(w->g, w->kind, w->next) : NULL;
}

static void
record_write(struct buf *b, const struct record *rec, int64_t written_ms)
{
	snap_put(b, rec->kind, 1);
	snap_put(b, rec->state, 1);
	snap_put(b, rec->held != NULL, 2);
	snap_put(b, rec->key.n, 4);
	snap_put(b, rec->text.n, 4);
	snap_put(b, rec->held ? rec->held->text.n : 0, 4);
	snap_put(b, rec->held ? (uint64_t)(written_ms - rec->held->confirmed_ms) : 0, 8);
	buf_add(b, rec->key.p, rec->key.n);
	buf_add(b, rec->text.p, rec->text.n);
	if (rec->held)
		buf_add(b, rec->held->text.p, rec->held->text.n);
}

/*
 * Advances over the records of the next piece: whole records, at least one if any is left. Writes
 * them to out, unless it is NULL. Returns their size in bytes.
 */
static size_t
next_piece(struct content_writer *w, struct buf *out)
{
	const struct record *rec;
	size_t n = 0;

	while ((rec = next_record(w)) && (n == 0 || n + record_bytes(rec) <= CONTENT_PIECE_BYTES)) {
		n += record_bytes(rec);
		w->next++;
		if (out)
			record_write(out, rec, w->written_ms);
	}
	return n;
}

/* Counts the pieces and their bytes for the header. */
static void
plan(struct content_writer *w)
{
	do {
		w->plain_bytes += next_piece(w, NULL);
		w->pieces++;
	} while (next_record(w));
	w->kind = 0;
	w->next = 0;
}

int
content_writer_new(struct content_writer **out, struct generation *g,
    const struct content_about *about, const struct snap_owner *owner, const struct snap_keys *keys)
{
	struct content_writer *w = mem_zalloc(sizeof *w);
	struct snap_header h = {
		.magic = snap_snapshot_magic,
		.generation = about->generation,
		.written = about->written,
		.confirmed_ago_ms = about->confirmed_ago_ms,
	};
	int r;

	if (!w)
		return -ENOMEM;
	w->g = generation_ref(g);
	w->written_ms = about->written.boot_ms;
	snap_derive(w->key, keys->newest, snap_snapshot_magic);
	buf_init(&w->plain, generation_bytes(g) + CONTENT_PIECE_BYTES);
	plan(w);
	for (int k = 0; k < N_KINDS; k++)
		h.records += (uint32_t)generation_count(g, (enum record_kind)k);
	h.pieces = w->pieces;
	h.plain_bytes = w->plain_bytes;
	memcpy(h.id, about->id, sizeof h.id);
	snprintf(h.url, sizeof h.url, "%s", about->url);
	buf_init(&w->header, SNAP_HEADER_SIZE + SNAP_URL_SIZE);
	snap_header_write(&w->header, &h, owner, keys->newest);
	r = buf_error(&w->header);
	if (r < 0) {
		content_writer_free(w);
		return r;
	}
	hash_long(w->header_hash, NULL, 0, w->header.data, w->header.len);
	*out = w;
	return 0;
}

size_t
content_writer_left(const struct content_writer *w)
{
	return w->header.len + w->plain_bytes + (w->pieces - w->piece) * (4 + SEAL_OVERHEAD);
}

int
content_writer_step(struct content_writer *w, struct buf *out)
{
	bool last = w->piece + 1 == w->pieces;
	uint8_t ad[PIECE_AD];
	size_t n;
	char *to;

	if (w->header.len) {
		buf_add(out, w->header.data, w->header.len);
		buf_fini(&w->header);
		return buf_error(out) ? buf_error(out) : 1;
	}
	buf_reset(&w->plain);
	n = next_piece(w, &w->plain);
	if (buf_error(&w->plain))
		return buf_error(&w->plain);
	snap_put(out, n + SEAL_OVERHEAD, 4);
	to = buf_room(out, n + SEAL_OVERHEAD);
	if (!to)
		return buf_error(out);
	piece_ad(ad, w->header_hash, w->piece, last);
	seal((uint8_t *)to, buf_str(&w->plain), n, ad, sizeof ad, w->key);
	buf_grown(out, n + SEAL_OVERHEAD);
	buf_reset(&w->plain);
	w->plain_bytes -= n;
	w->piece++;
	return last ? 0 : 1;
}

struct content_writer *
content_writer_free(struct content_writer *w)
{
	if (w) {
		generation_unref(w->g);
		buf_fini(&w->header);
		buf_fini(&w->plain);
		mem_free(w);
	}
	return NULL;
}

/* --- reading ------------------------------------------------------------------------- */

/* Adds one record of a decrypted piece to the builder. written_ms: on the current boot clock. */
static int
record_read(struct generation_builder *b, struct snap_cursor *c, int64_t written_ms)
{
	uint64_t kind = snap_get(c, 1), state = snap_get(c, 1), held = snap_get(c, 2);
	size_t key_n = snap_get(c, 4), text_n = snap_get(c, 4), value_n = snap_get(c, 4);
	int64_t held_ago_ms = (int64_t)snap_get(c, 8);
	struct span key = { (const char *)snap_take(c, key_n), key_n };
	struct span text = { (const char *)snap_take(c, text_n), text_n };
	struct span value = { (const char *)snap_take(c, value_n), value_n };

	if (c->over || kind >= N_KINDS || state > RECORD_INVALID)
		return -EBADMSG;
	if (!held)
		return generation_builder_add(
		    b, (enum record_kind)kind, (enum record_state)state, key, text);
	if (state != RECORD_WITHHELD || held_ago_ms < 0 || held_ago_ms > SNAP_MAX_AGO_MS)
		return -EBADMSG;
	return generation_builder_add_held(
	    b, (enum record_kind)kind, key, text, value, written_ms - held_ago_ms);
}

/* The rest of a file. Some bytes were read together with its header. */
struct intake {
	const struct content_source *file;
	struct snap_cursor ahead; /* bytes already read */
	size_t behind;            /* number of bytes not read yet */
};

static int
intake_take(struct intake *in, void *to, size_t n)
{
	size_t first = n < in->ahead.n ? n : in->ahead.n;

	if (n - first > in->behind)
		return -EBADMSG;
	if (first)
		memcpy(to, snap_take(&in->ahead, first), first);
	if (n == first)
		return 0;
	in->behind -= n - first;
	return in->file->read(in->file->env, (char *)to + first, n - first);
}

/* Reads the next piece, still encrypted, to out. */
static int
piece_take(struct intake *in, struct buf *out)
{
	uint8_t length[4];
	struct snap_cursor c = { length, sizeof length, false };
	int r = intake_take(in, length, sizeof length);
	size_t n;
	char *to;

	if (r < 0)
		return r;
	n = snap_get(&c, sizeof length);
	if (n < SEAL_OVERHEAD || n > in->ahead.n + in->behind)
		return -EBADMSG;
	out->len = 0; /* encrypted bytes need no wiping */
	to = buf_room(out, n);
	if (!to)
		return buf_error(out);
	r = intake_take(in, to, n);
	if (r == 0)
		buf_grown(out, n);
	return r;
}

/* Decrypts one piece to plain and adds its records to the builder. */
static int
piece_read(struct generation_builder *b, struct span sealed, struct buf *plain,
    const uint8_t ad[static PIECE_AD], const uint8_t key[static SEAL_KEY_SIZE], int64_t written_ms)
{
	struct snap_cursor c = { NULL, sealed.n - SEAL_OVERHEAD, false };
	uint8_t *to = (uint8_t *)buf_room(plain, sealed.n);
	int r;

	if (!to)
		return buf_error(plain);
	c.p = to;
	r = seal_open(to, (const uint8_t *)sealed.p, sealed.n, ad, PIECE_AD, key);
	while (r == 0 && c.n)
		r = record_read(b, &c, written_ms);
	return r;
}

static int
pieces_read(struct generation_builder *b, const struct snap_header *h, struct intake *in,
    const uint8_t header_hash[static HASH_SIZE], const uint8_t key[static SEAL_KEY_SIZE],
    int64_t written_ms)
{
	struct buf sealed = BUF_INIT(in->ahead.n + in->behind), plain = BUF_INIT(sealed.max);
	uint8_t ad[PIECE_AD];
	int r = 0;

	for (uint32_t i = 0; i < h->pieces && r == 0; i++) {
		piece_ad(ad, header_hash, i, i + 1 == h->pieces);
		r = piece_take(in, &sealed);
		if (r == 0)
			r = piece_read(b, span_of_buf(&sealed), &plain, ad, key, written_ms);
	}
	buf_fini(&sealed);
	buf_fini(&plain); /* wipes; each piece has overwritten the one before */
	return r;
}

static int
reading_failed(struct why *why, int error)
{
	switch (error) {
	case -ENOMEM:
		return snap_refuse(why, error, "out of memory");
	case -EMSGSIZE:
		return snap_refuse(why, error, "the data needs more than [memory] max_bytes");
	case -EPERM:
		return snap_refuse(
		    why, error, "memory for the data cannot be locked: raise RLIMIT_MEMLOCK");
	case -EIO:
		return snap_refuse(why, error, "reading the file failed");
	default:
		return snap_refuse(why, -EBADMSG, SNAP_DAMAGED);
	}
}

/*
 * Checks the size and the time in the header before anything is decrypted. Sets *written_ms, on the
 * boot clock of now.
 */
static int
check_outside(const struct snap_header *h, size_t rest, const struct moment *now,
    int64_t *written_ms, struct why *why)
{
	uint64_t want = h->plain_bytes + (uint64_t)h->pieces * (4 + SEAL_OVERHEAD);
	int64_t age_ms, ahead_ms;

	if (h->pieces == 0 || h->pieces > PIECES_MAX || h->plain_bytes > SIZE_MAX / 4 ||
	    h->confirmed_ago_ms < 0 || h->confirmed_ago_ms > SNAP_MAX_AGO_MS)
		return snap_refuse(why, -EBADMSG, SNAP_DAMAGED);
	if (rest < want)
		return snap_refuse(why, -EBADMSG, "the file is truncated");
	if (rest > want)
		return snap_refuse(why, -EBADMSG, "the file is longer than its header says");
	if (moment_age(&h->written, now, &age_ms, &ahead_ms) < 0)
		return snap_refuse(why, -ERANGE, "the file comes from the future, by %" PRId64 " s",
		    ahead_ms / 1000);
	*written_ms = now->boot_ms - age_ms;
	return 0;
}

/*
 * Makes a builder that expects as many records as the header says. The header is not authenticated
 * yet, so the number is limited by the size of the file.
 */
static int
builder_for(struct generation_builder **out, const struct snap_header *h, enum arena_lock lock,
    size_t max_bytes)
{
	size_t n = h->plain_bytes / RECORD_SIZE;
	int r = generation_builder_new(out, lock, max_bytes);

	if (r < 0)
		return r;
	r = generation_builder_expect(*out, h->records < n ? h->records : n);
	if (r < 0)
		*out = generation_builder_free(*out);
	return r;
}

int
content_read(struct generation **out, struct content_about *about,
    const struct content_source *file, const struct snap_owner *owner, const struct snap_keys *keys,
    const struct moment *now, enum arena_lock lock, size_t max_bytes, struct why *why)
{
	uint8_t header_hash[HASH_SIZE], key[SEAL_KEY_SIZE];
	uint8_t first[SNAP_HEADER_SIZE + SNAP_URL_SIZE];
	size_t n = file->size < sizeof first ? file->size : sizeof first;
	struct intake in = { file, { first, n, false }, file->size - n };
	struct snap_header h = { .magic = snap_snapshot_magic };
	struct generation_builder *b;
	struct generation *g;
	const uint8_t *master;
	int64_t written_ms = 0;
	int r = file->read(file->env, first, n);

	if (r < 0)
		return reading_failed(why, r);
	r = snap_header_read(&h, &in.ahead, owner, keys, &master, why);
	if (r == 0)
		r = check_outside(&h, in.ahead.n + in.behind, now, &written_ms, why);
	if (r < 0)
		return r;
	r = builder_for(&b, &h, lock, max_bytes);
	if (r < 0)
		return reading_failed(why, r);
	hash_long(header_hash, NULL, 0, first, n - in.ahead.n);
	snap_derive(key, master, snap_snapshot_magic);
	r = pieces_read(b, &h, &in, header_hash, key, written_ms);
	mem_wipe(key, sizeof key);
	if (r < 0)
		generation_builder_free(b);
	else
		r = generation_builder_finish(b, &g);
	if (r < 0)
		return reading_failed(why, r);
	*about = (struct content_about){
		.generation = h.generation,
		.written = h.written,
		.confirmed_ago_ms = h.confirmed_ago_ms,
	};
	memcpy(about->id, h.id, sizeof about->id);
	memcpy(about->url, h.url, sizeof about->url);
	*out = g;
	return 0;
}
