/* SPDX-License-Identifier: Apache-2.0 */
/* `login-link`: a URL that signs in to the Environment page, once. */
#include "manager/program/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/write.h"
#include "manager/api/session.h"

/* The default address of a server. */
#define DEFAULT_URL "http://127.0.0.1:8888"

struct search {
	int64_t now_ms;
	struct id found; /* "": none yet */
};

static bool
is_good(const struct store_token *t, int64_t now_ms)
{
	return !t->revoked_ms && (!t->expires_ms || t->expires_ms > now_ms);
}

/* The list begins with the newest token, so the last one is the oldest. */
static int
take_owner(void *arg, const struct store_token *t)
{
	struct search *s = arg;

	if (is_good(t, s->now_ms) && t->subject.scope == SCOPE_ORGANIZATION &&
	    t->subject.role == ROLE_OWNER)
		s->found = t->id;
	return 0;
}

/*
 * Finds the oldest OWNER token of the organization: the one that init made unless it was revoked.
 */
static int
find_owner(const struct command_env *env, const struct id *organization, struct search *s)
{
	const struct place all = { .organization = *organization };
	int64_t total;
	int r = store_token_list(env->store, &all, 0, -1, take_owner, s, &total);

	return r == 0 && id_is_none(&s->found) ? STORE_NOT_FOUND : r;
}

static int
find_token(const struct command_env *env, const struct id *wanted, struct search *s)
{
	struct store_token t;
	int r = store_token_get(env->store, wanted, &t);

	if (r == 0 && !is_good(&t, s->now_ms))
		r = STORE_NOT_FOUND;
	s->found = *wanted;
	return r;
}

static int
print_link(
    const struct command_env *env, const struct options *o, const struct search *s, struct buf *out)
{
	struct buf url = BUF_INIT(2048);
	const char *base = o->url ? o->url : env->url[0] ? env->url : DEFAULT_URL;
	char expires[CLOCK_RFC3339_SIZE];
	size_t n = strlen(base);
	int r;

	while (n && base[n - 1] == '/')
		n--;
	buf_add(&url, base, n);
	buf_adds(&url, "/ui/#code=");
	r = sign_in_code_make(env->tokens, &s->found, s->now_ms, &url);
	clock_rfc3339(s->now_ms + SIGN_IN_CODE_MS, expires);
	buf_addc(out, '{');
	jtext_member_string(out, "url", span_of_buf(&url));
	jtext_member_string(out, "tokenId", span_of(s->found.s));
	jtext_member_string(out, "expiresAt", span_of(expires));
	buf_addc(out, '}');
	buf_fini(&url);
	return r;
}

int
command_login_link(const struct command_env *env, const struct options *o,
    const struct id *organization, struct buf *out)
{
	struct search s = { .now_ms = clock_wall_ms() };
	int r =
	    id_is_none(&o->id) ? find_owner(env, organization, &s) : find_token(env, &o->id, &s);

	return r == 0 ? print_link(env, o, &s, out) : r;
}
