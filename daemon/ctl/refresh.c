/* SPDX-License-Identifier: Apache-2.0 */
/* connctl refresh: has connd ask the manager now, and waits until that has ended. */
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/rnd.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/output.h"

#define PAUSE_MS 50 /* between two looks at Status; up to twice that */
#define MAX_TEXT ((size_t)64 * 1024)

/* What matters of Status. */
struct progress {
	const struct ctl_options *o;
	bool syncing;
	int64_t generation; /* 0: none */
	int64_t age_ms;     /* of the data; -1: there is none */
	int64_t ended;      /* syncs, good and failed, since connd started */
	struct buf state, error;
};

struct refreshing {
	const struct ctl_options *o;
	int64_t deadline_ms;
	int64_t asked_ms; /* when connd took the request */
	int64_t retry_ms; /* how long to wait with the next try */
	struct progress before, now;
};

/* --- Status ------------------------------------------------------------------------------- */

static int64_t
find_int(struct span object, const char *name, int64_t otherwise)
{
	struct span value;
	int64_t n;

	if (scan_find(object, name, &value) < 0 || !value.p || scan_int(value, &n) < 0)
		return otherwise;
	return n;
}

static int
find_text(struct span object, const char *name, struct buf *out)
{
	struct span value;

	buf_reset(out);
	if (scan_find(object, name, &value) < 0)
		return -1;
	return value.p && scan_type(value) == SCAN_STRING ? scan_string(value, out) : 0;
}

static int
on_status(void *arg, struct span status)
{
	struct progress *p = arg;
	struct span syncing;

	if (!status.p || scan_find(status, "syncing", &syncing) < 0 || !syncing.p ||
	    scan_type(syncing) != SCAN_BOOL || find_text(status, "state", &p->state) < 0 ||
	    find_text(status, "last_error", &p->error) < 0)
		return client_bad_reply(p->o);
	p->syncing = scan_bool(syncing);
	p->generation = find_int(status, "generation", 0);
	p->age_ms = find_int(status, "age_ms", -1);
	p->ended = find_int(status, "syncs_ok", 0) + find_int(status, "syncs_failed", 0);
	return CTL_YES;
}

static int
look(const struct refreshing *r, struct progress *p)
{
	struct client_call call = { .method = SECRETS_STATUS, .on_reply = on_status, .arg = p };

	p->o = r->o;
	return client_call(r->o, &call);
}

static void
pause_for(int64_t ms)
{
	output_waiting("waiting for connd's sync with the manager");
	(void)poll(NULL, 0, (int)ms);
}

static bool
time_is_up(const struct refreshing *r)
{
	return clock_boot_ms() >= r->deadline_ms;
}

/* --- the request -------------------------------------------------------------------------- */

static int
on_reply(void *arg, struct span parameters)
{
	struct refreshing *r = arg;

	(void)parameters;
	r->retry_ms = 0;
	return CTL_YES;
}

/* The last refresh was less than a second ago. */
static int
on_overloaded(void *arg, struct span parameters)
{
	struct refreshing *r = arg;

	r->retry_ms = parameters.p ? find_int(parameters, "retry_ms", 1000) : 1000;
	if (r->retry_ms < 1 || r->retry_ms > 60000)
		r->retry_ms = 1000;
	return CTL_YES;
}

static int
request(struct refreshing *r)
{
	struct client_call call = {
		.method = SECRETS_REFRESH,
		.on_reply = on_reply,
		.error = "io.connd.secrets.Overloaded",
		.on_error = on_overloaded,
		.arg = r,
	};
	int code;

	for (;;) {
		code = look(r, &r->before);
		r->asked_ms = clock_boot_ms();
		if (code == CTL_YES)
			code = client_call(r->o, &call);
		if (code != CTL_YES || r->retry_ms == 0)
			return code;
		if (clock_boot_ms() + r->retry_ms >= r->deadline_ms)
			return ctl_fail(CTL_UNAVAILABLE, "Try again in a moment.",
			    "connd was refreshed a moment ago, and takes one refresh a second");
		pause_for(r->retry_ms);
	}
}

/* --- its end ------------------------------------------------------------------------------ */

/* The data is what the manager said after our request. */
static bool
is_done(const struct refreshing *r)
{
	return r->now.age_ms >= 0 && r->now.age_ms <= clock_boot_ms() - r->asked_ms &&
	       strcmp(buf_str(&r->now.state), "expired") != 0;
}

static int
await_end(struct refreshing *r)
{
	/* A sync that was under way has asked too early: another follows it. */
	int64_t last = r->before.ended + (r->before.syncing ? 2 : 1);

	for (;;) {
		int code = look(r, &r->now);

		if (code != CTL_YES || is_done(r))
			return code;
		if (!r->now.syncing && r->now.ended >= last)
			return ctl_fail(CTL_UNAVAILABLE, "\"connctl status\" shows more.",
			    "the refresh failed: %.1000s",
			    r->now.error.len ? buf_str(&r->now.error) : "connd does not say why");
		if (time_is_up(r))
			return ctl_fail(CTL_UNAVAILABLE,
			    "\"connctl status\" shows how it goes on; --timeout waits longer.",
			    "the refresh has not ended after %" PRId64 " ms", r->o->timeout_ms);
		pause_for((int64_t)rnd_between(PAUSE_MS, 2 * PAUSE_MS));
	}
}

static int
report(const struct refreshing *r)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(MAX_TEXT);
	bool changed = r->now.generation != r->before.generation;

	if (r->o->json) {
		buf_addc(&out, '{');
		jtext_member_string(&out, "state", span_of_buf(&r->now.state));
		jtext_member_int(&out, "generation", r->now.generation);
		jtext_member_bool(&out, "changed", changed);
		buf_adds(&out, "}\n");
	} else {
		buf_addf(&out, "%s, generation %" PRId64 "%s\n", buf_str(&r->now.state),
		    r->now.generation, changed ? "" : " (unchanged)");
	}
	return output_flush(&out);
}

int
ctl_refresh(const struct ctl_options *o)
{
	struct refreshing r = {
		.o = o,
		.deadline_ms = clock_boot_ms() + o->timeout_ms,
		.before = { .state = BUF_INIT(MAX_TEXT), .error = BUF_INIT(MAX_TEXT) },
		.now = { .state = BUF_INIT(MAX_TEXT), .error = BUF_INIT(MAX_TEXT) },
	};
	int code = request(&r);

	if (code == CTL_YES)
		code = await_end(&r);
	if (code == CTL_YES)
		code = report(&r);
	buf_fini(&r.before.state);
	buf_fini(&r.before.error);
	buf_fini(&r.now.state);
	buf_fini(&r.now.error);
	return code;
}
