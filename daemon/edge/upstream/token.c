/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/scan.h"
#include "base/limits.h"
#include "edge/upstream/token_file.h"

/* --- in locked memory --------------------------------------------------------------------- */

static int
keep(struct token *out, const struct buf *text, enum arena_lock lock)
{
	char *room;
	int r = arena_new(&out->arena, text->len, lock);

	if (r < 0)
		return r;
	room = arena_alloc(out->arena, text->len, 1);
	if (!room)
		return arena_error(out->arena);
	memcpy(room, text->data, text->len);
	out->text = (struct span){ room, text->len };
	return arena_seal(out->arena);
}

int
token_load(struct token *out, const char *path, enum arena_lock lock, struct why *why)
{
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	int r;

	why_set(why, "the token: out of memory");
	r = credential_read(path, &text, why);
	if (r == 0) {
		r = keep(out, &text, lock);
		if (r == -EPERM)
			why_set(why,
			    "the token: memory cannot be locked: raise RLIMIT_MEMLOCK, or set "
			    "[memory] lock = prefer");
	}
	if (r < 0)
		token_free(out);
	buf_fini(&text);
	return r;
}

void
token_free(struct token *t)
{
	arena_free(t->arena);
	*t = (struct token){ 0 };
}

/* --- claims --------------------------------------------------------------------------------- */

/* Returns the value of a base64url digit, 0 to 63, or -1. */
static int
digit_of(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789-_";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Decodes base64url. False if text has other characters. out must have room for the result. */
static bool
decode(struct span text, struct buf *out)
{
	uint32_t bits = 0;
	int n = 0, digit;

	for (size_t i = 0; i < text.n; i++) {
		digit = digit_of(text.p[i]);
		if (digit < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit;
		n += 6;
		if (n >= 8) {
			n -= 8;
			buf_addc(out, (char)(bits >> n));
		}
	}
	return buf_error(out) == 0;
}

/* Returns the part between the first two dots; absent if there are fewer than two. */
static struct span
claims_of(struct span token)
{
	const char *from = token.n ? memchr(token.p, '.', token.n) : NULL, *to;

	if (!from)
		return (struct span){ 0 };
	from++;
	to = memchr(from, '.', token.n - (size_t)(from - token.p));
	return to ? (struct span){ from, (size_t)(to - from) } : (struct span){ 0 };
}

static int64_t
seconds(struct span claims, const char *name)
{
	struct span value;
	int64_t s;

	if (scan_find(claims, name, &value) < 0 || !value.p || scan_int(value, &s) < 0 || s < 0)
		return 0;
	return s;
}

void
token_read_life(struct token_life *out, struct span token)
{
	struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct span claims;

	*out = (struct token_life){ 0 };
	if (decode(claims_of(token), &text) &&
	    scan_check(span_of_buf(&text), SCAN_LENIENT, &claims, NULL) == 0 &&
	    scan_type(claims) == SCAN_OBJECT) {
		out->issued_s = seconds(claims, "iat");
		out->expires_s = seconds(claims, "exp");
		out->family_ends_s = seconds(claims, "family_exp");
	}
	buf_fini(&text);
}
