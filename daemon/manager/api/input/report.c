/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/input/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/json/write.h"
#include "manager/api/input/body.h"

#define ERROR_MAX 200                    /* characters of a reason */
#define AGE_MAX   INT64_C(3155760000000) /* a century */

static const char *const states[] = { "fresh", "stale", "offline", "expired", "not-ready", NULL };
static const char *const snapshots[] = { "off", "current", "behind", "failing", NULL };

/* A text that is one of these words; `word` stays absent when it is not there. */
static int
read_word(struct body *b, const char *name, const char *const *words, struct span *word)
{
	int r = body_text(b, name, false, word);

	if (r < 0 || !word->p)
		return r;
	for (; *words; words++)
		if (span_is(*word, *words))
			return 0;
	return -EINVAL;
}

static int
read_id(struct body *b, struct report *r)
{
	uint8_t bytes[(REPORT_ID_SIZE - 1) / 2];
	struct span id = { 0 };
	int error = body_text(b, "id", true, &id);

	if (error < 0)
		return error;
	if (!hex_decode(bytes, sizeof bytes, id.p, id.n))
		return -EINVAL;
	hex_encode(r->id, bytes, sizeof bytes);
	return 0;
}

static int
read_name(struct body *b, struct report *r)
{
	struct span name = { 0 };
	int error = body_name(b, "name", true, REPORT_NAME_MAX, &name);

	if (error == 0)
		(void)snprintf(r->name, sizeof r->name, "%.*s", (int)name.n, name.p);
	return error;
}

static int
read_rest(struct body *b, struct report *r, struct buf *out)
{
	struct span version = { 0 }, state = { 0 }, error = { 0 }, snapshot = { 0 };
	int64_t generation = 0;
	int e = body_name(b, "version", true, REPORT_NAME_MAX, &version);

	r->age_ms = -1;
	if (e == 0)
		e = body_int(b, "generation", 0, INT64_MAX, &generation);
	if (e == 0)
		e = body_int(b, "ageMs", 0, AGE_MAX, &r->age_ms);
	if (e == 0)
		e = read_word(b, "state", states, &state);
	if (e == 0)
		e = read_word(b, "snapshot", snapshots, &snapshot);
	if (e == 0)
		e = body_prose(b, "lastError", ERROR_MAX, &error);
	if (e < 0)
		return e;
	buf_addc(out, '{');
	jtext_member_string(out, "version", version);
	jtext_member_int(out, "generation", generation);
	jtext_member_string(out, "state", state);
	jtext_member_string(out, "snapshot", snapshot);
	if (error.n)
		jtext_member_string(out, "lastError", error);
	buf_addc(out, '}');
	return buf_error(out);
}

int
report_read(struct span text, struct report *r, struct buf *out)
{
	struct fault unsaid; /* the request is about something else */
	struct body b;
	int e;

	if (text.n > REPORT_MAX)
		return -EINVAL;
	e = body_read(&b, text, &unsaid);
	if (e == 0)
		e = read_id(&b, r);
	if (e == 0)
		e = read_name(&b, r);
	if (e == 0)
		e = read_rest(&b, r, out);
	body_fini(&b);
	return e;
}
