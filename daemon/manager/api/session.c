/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/session.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/rnd.h"
#include "manager/api/token_internal.h"

/* The purpose of a text is authenticated with it, so that a code is never accepted as a session. */
#define FOR_SESSION "connd session"
#define FOR_CODE    "connd sign-in code"

#define COOKIE        "connd_session"
#define COOKIE_ON_TLS "__Host-" COOKIE

/* ---- times ---- */

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
end_of(const struct session *s, const struct token_identity *who, int64_t now_ms)
{
	int64_t end_ms = least(now_ms + SESSION_IDLE_MS, s->begun_ms + SESSION_MAX_MS);

	return who->expires_ms ? least(end_ms, who->expires_ms) : end_ms;
}

void
session_begin(struct session *s, const struct token_identity *who, int64_t now_ms)
{
	*s = (struct session){ .token = who->id, .begun_ms = now_ms };
	rnd_bytes(s->id, sizeof s->id);
	s->expires_ms = end_of(s, who, now_ms);
}

bool
session_renew(struct session *s, const struct token_identity *who, int64_t now_ms)
{
	int64_t end_ms = end_of(s, who, now_ms);

	if (s->expires_ms - now_ms > SESSION_IDLE_MS / 2 || end_ms <= s->expires_ms)
		return false;
	s->expires_ms = end_ms;
	return true;
}

int64_t
session_last_ms(const struct session *s)
{
	return s->begun_ms + SESSION_MAX_MS;
}

void
session_hash(const struct session *s, uint8_t hash[static HASH_SIZE])
{
	hash_long(hash, NULL, 0, s->id, sizeof s->id);
}

/* ---- sealed texts ---- */

#define PLAIN_SIZE  (sizeof(struct id) + SESSION_ID_SIZE + 2 * sizeof(uint64_t))
#define SEALED_SIZE (PLAIN_SIZE + SEAL_OVERHEAD)

static int
write_text(
    const struct token_authority *a, const char *purpose, const struct session *s, struct buf *out)
{
	uint64_t times[2] = { htobe64((uint64_t)s->begun_ms), htobe64((uint64_t)s->expires_ms) };
	uint8_t plain[PLAIN_SIZE], sealed[SEALED_SIZE], *at = plain;

	memcpy(at, &s->token, sizeof s->token);
	at += sizeof s->token;
	memcpy(at, s->id, sizeof s->id);
	at += sizeof s->id;
	memcpy(at, times, sizeof times);
	seal(sealed, plain, sizeof plain, purpose, strlen(purpose), a->keys->session);
	token_encode(out, sealed, sizeof sealed);
	return buf_error(out);
}

static int
read_sealed(const struct token_authority *a, const char *purpose, const struct buf *sealed,
    struct session *out)
{
	uint8_t plain[PLAIN_SIZE], *at = plain;
	uint64_t times[2];

	if (sealed->len != SEALED_SIZE ||
	    seal_open(plain, (const uint8_t *)sealed->data, sealed->len, purpose, strlen(purpose),
		a->keys->session) < 0)
		return TOKEN_FORGED;
	memcpy(&out->token, at, sizeof out->token);
	at += sizeof out->token;
	memcpy(out->id, at, sizeof out->id);
	at += sizeof out->id;
	memcpy(times, at, sizeof times);
	out->begun_ms = (int64_t)be64toh(times[0]);
	out->expires_ms = (int64_t)be64toh(times[1]);
	return TOKEN_GOOD;
}

static int
read_text(const struct token_authority *a, const char *purpose, struct span text, int64_t now_ms,
    struct session *out)
{
	struct buf sealed = BUF_INIT(SESSION_TEXT_MAX);
	int r = text.n <= SESSION_TEXT_MAX ? token_decode(text, &sealed) : -EINVAL;

	if (r == 0)
		r = read_sealed(a, purpose, &sealed, out);
	buf_fini(&sealed);
	if (r == TOKEN_GOOD && out->expires_ms <= now_ms)
		return TOKEN_EXPIRED;
	return r == -EINVAL ? TOKEN_FORGED : r;
}

int
session_seal(const struct token_authority *a, const struct session *s, struct buf *out)
{
	return write_text(a, FOR_SESSION, s, out);
}

int
session_open(const struct token_authority *a, struct span text, int64_t now_ms, struct session *out)
{
	return read_text(a, FOR_SESSION, text, now_ms, out);
}

int
sign_in_code_make(
    const struct token_authority *a, const struct id *token, int64_t now_ms, struct buf *out)
{
	struct session s = {
		.token = *token, .begun_ms = now_ms, .expires_ms = now_ms + SIGN_IN_CODE_MS
	};

	rnd_bytes(s.id, sizeof s.id);
	return write_text(a, FOR_CODE, &s, out);
}

int
sign_in_code_open(const struct token_authority *a, struct span text, int64_t now_ms,
    struct session *out, uint8_t hash[static HASH_SIZE])
{
	hash_long(hash, NULL, 0, text.p, text.n);
	return read_text(a, FOR_CODE, text, now_ms, out);
}

/* ---- the cookie ---- */

/* Cuts the next pair from a Cookie field. False: there is none. */
static bool
next_pair(struct span *at, struct span *name, struct span *value)
{
	const char *end, *equals;
	size_t n;

	while (at->n && (*at->p == ' ' || *at->p == ';'))
		at->p++, at->n--;
	if (!at->n)
		return false;
	end = memchr(at->p, ';', at->n);
	n = end ? (size_t)(end - at->p) : at->n;
	equals = memchr(at->p, '=', n);
	*name = (struct span){ at->p, equals ? (size_t)(equals - at->p) : n };
	*value = equals ? (struct span){ equals + 1, n - name->n - 1 } : (struct span){ "", 0 };
	at->p += n;
	at->n -= n;
	return true;
}

static struct span
find_cookie(struct span field, const char *wanted)
{
	struct span name, value;

	while (next_pair(&field, &name, &value))
		if (span_is(name, wanted))
			return value;
	return (struct span){ 0 };
}

struct span
session_cookie(const struct http_request *http, bool secure, bool *for_tls)
{
	struct span field = http_request_field(http, "cookie", NULL);
	struct span value = find_cookie(field, COOKIE_ON_TLS);

	*for_tls = value.p || secure;
	return *for_tls ? value : find_cookie(field, COOKIE);
}

void
session_set_cookie(bool for_tls, struct span text, int64_t age_ms, struct buf *out)
{
	buf_addf(out, "%s=", for_tls ? COOKIE_ON_TLS : COOKIE);
	buf_add(out, text.p, text.n);
	buf_addf(out, "; Path=/; Max-Age=%" PRId64 "; HttpOnly; SameSite=Strict%s", age_ms / 1000,
	    for_tls ? "; Secure" : "");
}

/* ---- which page made a request ---- */

/* Returns the host and port of an origin; absent: the origin is opaque ("null"), or not http. */
static struct span
origin_host(struct span origin)
{
	static const struct span schemes[] = { SPAN_LITERAL("https://"), SPAN_LITERAL("http://") };

	for (size_t i = 0; i < N_ELEMENTS(schemes); i++)
		if (origin.n > schemes[i].n && memcmp(origin.p, schemes[i].p, schemes[i].n) == 0)
			return (struct span){ origin.p + schemes[i].n, origin.n - schemes[i].n };
	return (struct span){ 0 };
}

enum session_origin
session_origin(const struct http_request *http)
{
	struct span origin = http_request_field(http, "origin", NULL);
	struct span site = http_request_field(http, "sec-fetch-site", NULL);
	struct span host = http_request_field(http, "host", NULL);

	if (!span_is(http_request_field(http, "x-connd-ui", NULL), "1"))
		return ORIGIN_UNMARKED;
	if (site.p && !span_is(site, "same-origin"))
		return ORIGIN_FOREIGN;
	if (origin.p && (!host.p || !span_equal(origin_host(origin), host)))
		return ORIGIN_FOREIGN;
	return ORIGIN_OURS;
}

bool
session_origin_is_secure(const struct http_request *http)
{
	struct span origin = http_request_field(http, "origin", NULL);

	return origin.n > 8 && memcmp(origin.p, "https://", 8) == 0;
}
