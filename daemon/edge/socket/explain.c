/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/explain.h"

#include <string.h>

#include "base/limits.h"
#include "core/kind.h"
#include "proto/secrets.h"

/* Splits "conn:KEY" into kind and key. False: it has no such prefix, or no key behind it. */
static bool
split(struct span given, enum record_kind *kind, struct span *key)
{
	char text[LIMIT_KEY_BYTES + 1]; /* no key is longer: see secrets_read() */
	const char *rest;

	memcpy(text, given.p, given.n);
	text[given.n] = '\0';
	rest = kind_split(text, kind);
	if (!rest || !*rest)
		return false;
	*key = (struct span){ given.p + (rest - text), given.n - (size_t)(rest - text) };
	return true;
}

void
explain_serve(struct service *s, struct caller *caller, struct span given, struct buf *out)
{
	enum record_kind kind;
	enum permission may;
	const char *rule;
	struct span key;

	if (!split(given, &kind, &key)) {
		secrets_write_refusal(out, SECRETS_BAD_PARAMETER, NULL, SPAN_LITERAL("key"));
		return;
	}
	may = caller_may_read_by(caller, s->acl, kind, key, &rule);
	if (may == PERMISSION_UNKNOWN)
		secrets_write_overloaded(out, SERVICE_RETRY_MS);
	else
		secrets_write_explain(out, may == PERMISSION_ALLOWED, rule);
}
