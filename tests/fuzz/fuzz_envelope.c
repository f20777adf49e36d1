/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a frame: it closes the connection; or it is a request whose key and team are within
 * their limits and can be written again; or it is refused with a valid error reply. Checked in one
 * pass or in two, a frame is the same call.
 */
#include <string.h>

#include "base/json/scan.h"
#include "base/limits.h"
#include "base/mem.h"
#include "proto/secrets.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/call_in_two_passes.h"

static void
check_refusal(enum secrets_verdict v, const struct call *call, struct span parameter)
{
	struct buf out = BUF_INIT(1 << 20);
	struct reply reply;
	struct span value;

	secrets_write_refusal(&out, v, call, parameter);
	must(buf_error(&out) == 0 && out.len > 0 &&
	     memchr(out.data, '\0', out.len) == out.data + out.len - 1);
	must(scan_check((struct span){ out.data, out.len - 1 }, SCAN_STRICT, &value, NULL) == 0);
	must(envelope_reply(value, &reply) == 0 && reply.error.p && !reply.continues);
	buf_fini(&out);
}

static void
check_request(const struct secrets_request *q)
{
	struct buf out = BUF_INIT(1 << 20);
	struct secrets_request again;
	struct span parameter;
	struct call call;
	const char *why;

	must(q->key.n <= LIMIT_KEY_BYTES && q->team.n <= LIMIT_KEY_BYTES);
	must(!q->key.p || !memchr(q->key.p, '\0', q->key.n));
	must(!q->team.p || q->team.n);
	secrets_write_call(&out, q);
	must(buf_error(&out) == 0);
	must(envelope_call((struct span){ out.data, out.len - 1 }, &call, &why) == 0);
	must(secrets_read(&call, out.data, &again, &parameter) == SECRETS_OK);
	must(again.method == q->method && again.more == q->more);
	must(again.key.p ? span_equal(again.key, q->key) : !q->key.p);
	must(again.team.p ? span_equal(again.team, q->team) : !q->team.p);
	buf_fini(&out);
}

static void
check_two_passes(struct span frame)
{
	struct call one = { 0 }, two = { 0 };
	const char *why;

	must((envelope_call(frame, &one, &why) == 0) == call_in_two_passes(frame, &two));
	if (why)
		return;
	must(one.method.p == two.method.p && one.method.n == two.method.n);
	must(one.parameters.p == two.parameters.p && one.parameters.n == two.parameters.n);
	must(one.trace.p == two.trace.p && one.trace.n == two.trace.n);
	must(one.more == two.more && one.oneway == two.oneway);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *frame = malloc(n ? n : 1);
	enum secrets_verdict v;
	struct secrets_request q;
	struct span parameter;
	struct reply reply;
	struct call call;
	const char *why;

	must(frame != NULL);
	memcpy(frame, data, n);
	(void)!envelope_reply((struct span){ frame, n }, &reply);
	check_two_passes((struct span){ frame, n });
	if (envelope_call((struct span){ frame, n }, &call, &why) == 0) {
		must(call.method.p && !why && call.oneway + call.more <= 1);
		v = secrets_read(&call, frame, &q, &parameter);
		if (v == SECRETS_OK)
			check_request(&q);
		else
			check_refusal(v, &call, parameter);
	} else {
		must(why && *why);
	}
	free(frame);
	must(mem_live() == 0);
	return 0;
}
