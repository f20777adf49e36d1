/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/token.h"

#include <string.h>

#include "base/limits.h"
#include "base/bearer.h"
#include "ctl/ctl.h"
#include "ctl/json.h"

int
token_read(const char *what, const char *path, struct buf *out)
{
	struct why why = { "out of memory" };

	if (bearer_read(path, out, &why) < 0)
		return ctl_fail(CTL_USAGE, NULL, "%s: %s", what, why.text);
	return CTL_YES;
}

/* One letter of base64url as its six bits; -1: it is none. */
static int
six_bits(char c)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = c ? strchr(letters, c) : NULL;

	return at ? (int)(at - letters) : -1;
}

static bool
base64url(struct span text, struct buf *out)
{
	unsigned bits = 0, n = 0;

	for (size_t i = 0; i < text.n; i++) {
		int six = six_bits(text.p[i]);

		if (six < 0)
			return false;
		bits = bits << 6 | (unsigned)six;
		n += 6;
		if (n >= 8) {
			n -= 8;
			buf_addc(out, (char)(bits >> n & 0xff));
		}
	}
	return !buf_error(out);
}

/* The second of a JWT's three parts. */
static struct span
payload(struct span token)
{
	const char *a = memchr(token.p, '.', token.n), *b;

	if (!a)
		return (struct span){ 0 };
	b = memchr(a + 1, '.', token.n - (size_t)(a + 1 - token.p));
	return b ? (struct span){ a + 1, (size_t)(b - a - 1) } : (struct span){ 0 };
}

/* The id in a permission like "organizationId:ID"; out stays as it is if there is none. */
static void
find_id(const struct json *claims, const char *name, char out[static TOKEN_ID_SIZE])
{
	const struct json *all = json_get(claims, "permissions"), *j;
	const char *text;

	for (j = all && json_type(all) == SCAN_ARRAY ? json_first(all) : NULL; j;
	     j = json_next(j)) {
		text = json_string(j);
		if (!text || strncmp(text, name, strlen(name)) != 0)
			continue;
		text += strlen(name);
		if (*text && strlen(text) < TOKEN_ID_SIZE &&
		    strspn(
			text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
			strlen(text))
			memcpy(out, text, strlen(text) + 1);
		return;
	}
}

static void
read_claims(const struct json *claims, struct token_claims *out)
{
	find_id(claims, "organizationId:", out->organization);
	find_id(claims, "workspaceId:", out->workspace);
	find_id(claims, "deploymentId:", out->deployment);
	if (!json_int(json_get(claims, "iat"), &out->issued_s))
		out->issued_s = -1;
	if (!json_int(json_get(claims, "exp"), &out->expires_s))
		out->expires_s = -1;
}

void
token_claims(struct span token, struct token_claims *out)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_TOKEN);
	struct json *claims = NULL;
	struct span part = payload(token);

	*out = (struct token_claims){ .issued_s = -1, .expires_s = -1 };
	if (part.n && base64url(part, &text) &&
	    json_parse(&claims, span_of_buf(&text), NULL) == 0 && json_type(claims) == SCAN_OBJECT)
		read_claims(claims, out);
	json_free(claims);
}

bool
token_organization(struct span token, char out[static TOKEN_ID_SIZE])
{
	struct token_claims claims;

	token_claims(token, &claims);
	memcpy(out, claims.organization, sizeof claims.organization);
	return out[0] != '\0';
}
