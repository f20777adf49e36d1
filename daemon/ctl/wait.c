/* SPDX-License-Identifier: Apache-2.0 */
/* connctl wait: until connd is ready, for scripts and for containers that start beside it. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json/scan.h"
#include "base/limits.h"
#include "base/rnd.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/output.h"

#define ONE_CALL_MS 2000 /* Status is answered at once, whatever connd is doing */
/* between two calls; up to twice that, so that many waiters spread */
#define PAUSE_MS 100
#define MAX_TEXT ((size_t)64 * 1024)

struct readiness {
	bool ready;
	struct buf why; /* what connd says is missing */
};

static int
add_member(struct readiness *r, struct span status, const char *name, const char *before,
    const char *after)
{
	struct span value;

	if (scan_find(status, name, &value) < 0)
		return -EBADMSG;
	if (r->why.len || !value.p || scan_type(value) != SCAN_STRING || span_is(value, "\"\""))
		return 0;
	buf_adds(&r->why, before);
	if (scan_string(value, &r->why) < 0)
		return -EBADMSG;
	buf_adds(&r->why, after);
	return 0;
}

static int
on_reply(void *arg, struct span status)
{
	struct readiness *r = arg;
	struct span ready = { 0 };

	buf_reset(&r->why);
	if (!status.p || scan_find(status, "ready", &ready) < 0)
		return ctl_fail(
		    CTL_UNAVAILABLE, NULL, "connd's response cannot be read: it is not a status");
	if (!ready.p || scan_type(ready) != SCAN_BOOL)
		return ctl_fail(CTL_UNAVAILABLE, "Is connd older than this connctl?",
		    "connd does not say whether it is ready");
	r->ready = scan_bool(ready);
	if (add_member(r, status, "lacks", "", " is missing or too old") < 0 ||
	    add_member(r, status, "last_error", "", "") < 0)
		return ctl_fail(
		    CTL_UNAVAILABLE, NULL, "connd's response cannot be read: it is not a status");
	return CTL_YES;
}

static int
ask(const struct ctl_options *o, int64_t left_ms, struct readiness *r)
{
	struct ctl_options one = *o;
	struct client_call call = { .method = SECRETS_STATUS, .on_reply = on_reply, .arg = r };

	one.timeout_ms = left_ms < ONE_CALL_MS ? left_ms : ONE_CALL_MS;
	r->ready = false;
	return client_call(&one, &call);
}

/* Time is up: once more, aloud. */
static int
last_try(const struct ctl_options *o, struct readiness *r)
{
	int code = ask(o, ONE_CALL_MS, r);

	if (code != CTL_YES || r->ready)
		return code;
	return ctl_fail(CTL_UNAVAILABLE, "\"connctl status\" shows more; --timeout waits longer.",
	    "connd is not ready after %" PRId64 " ms: %.500s", o->timeout_ms,
	    r->why.len ? buf_str(&r->why) : "it has no data yet");
}

int
ctl_wait(const struct ctl_options *o)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(MAX_TEXT);
	int64_t deadline_ms = clock_boot_ms() + o->timeout_ms, left_ms;
	struct readiness r = { .why = BUF_INIT(MAX_TEXT) };
	int code = CTL_UNAVAILABLE;

	ctl_mute(true);
	while ((left_ms = deadline_ms - clock_boot_ms()) > 0) {
		code = ask(o, left_ms, &r);
		if (r.ready || code == CTL_DENIED)
			break;
		output_waiting("waiting until connd is ready");
		(void)poll(NULL, 0, (int)rnd_between(PAUSE_MS, 2 * PAUSE_MS));
	}
	ctl_mute(false);
	if (!r.ready)
		code = last_try(o, &r);
	buf_fini(&r.why);
	if (code == CTL_YES)
		buf_adds(&out, o->json ? "{\"ready\":true}\n" : "ready\n");
	return code == CTL_YES ? output_flush(&out) : code;
}
