/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/traced.h"

#include <errno.h>

#include "base/json/scan.h"
#include "base/limits.h"
#include "ctl/client.h"

#define TEXT_BYTES  ((size_t)LIMIT_FRAME)
#define MAX_REPLIES 64 /* a busy connd adds lookups as fast as they are read */

static int64_t
find_int(struct span object, const char *name)
{
	struct span value;
	int64_t n;

	if (scan_find(object, name, &value) < 0 || !value.p || scan_type(value) != SCAN_NUMBER ||
	    scan_int(value, &n) < 0)
		return -1;
	return n;
}

/* Appends a text that may be absent. 0 or -EBADMSG. */
static int
add_text(struct buf *out, struct span object, const char *name)
{
	struct span value;

	if (scan_find(object, name, &value) < 0)
		return -EBADMSG;
	if (!value.p)
		return 0;
	return scan_type(value) == SCAN_STRING ? scan_string(value, out) : -EBADMSG;
}

/* "conn:" or "var:" and the key. */
static int
add_key(struct buf *out, struct span object)
{
	struct span kind;

	if (scan_find(object, "kind", &kind) < 0 || !kind.p)
		return -EBADMSG;
	buf_adds(out, span_is(kind, "\"connection\"") ? "conn:" : "var:");
	return add_text(out, object, "key");
}

static void
traced_fini(struct traced *t)
{
	buf_fini(&t->key);
	buf_fini(&t->team);
	buf_fini(&t->result);
	buf_fini(&t->id);
}

static int
take(struct traced_reader *r, struct span object)
{
	CLEANUP(traced_fini)
	struct traced t = {
		.json = object,
		.key = BUF_INIT(TEXT_BYTES),
		.team = BUF_INIT(TEXT_BYTES),
		.result = BUF_INIT(TEXT_BYTES),
		.id = BUF_INIT(TEXT_BYTES),
	};

	if (scan_type(object) != SCAN_OBJECT || add_key(&t.key, object) < 0 ||
	    add_text(&t.team, object, "team") < 0 || add_text(&t.result, object, "result") < 0 ||
	    add_text(&t.id, object, "trace") < 0)
		return -EBADMSG;
	t.time_ms = find_int(object, "time_ms");
	t.uid = find_int(object, "uid");
	t.pid = find_int(object, "pid");
	t.us = find_int(object, "us");
	t.age_ms = find_int(object, "age_ms");
	t.generation = find_int(object, "generation");
	r->take(r->arg, &t);
	r->taken++;
	return 0;
}

static int
on_reply(void *arg, struct span reply)
{
	struct traced_reader *r = arg;
	struct span lookups, object;
	int64_t next = reply.p ? find_int(reply, "next") : -1;

	if (next < 0 || scan_find(reply, "lookups", &lookups) < 0 || !lookups.p ||
	    scan_type(lookups) != SCAN_ARRAY)
		return client_bad_reply(r->o);
	r->after = next;
	while (scan_element(&lookups, &object))
		if (take(r, object) < 0)
			return client_bad_reply(r->o);
	return CTL_YES;
}

int
traced_read(struct traced_reader *r)
{
	struct client_call call = {
		.method = SECRETS_TRACE, .after = r->after, .on_reply = on_reply, .arg = r
	};

	r->taken = 0;
	return client_call(r->o, &call);
}

int
traced_read_all(struct traced_reader *r)
{
	for (int i = 0; i < MAX_REPLIES; i++) {
		int code = traced_read(r);

		if (code != CTL_YES || r->taken == 0)
			return code;
	}
	return CTL_YES;
}
