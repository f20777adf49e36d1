/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/local/glimpse.h"

#include <poll.h>

#include "base/clock.h"
#include "base/json/scan.h"
#include "base/rnd.h"
#include "ctl/client.h"

#define ONE_CALL_MS 500 /* Status is answered at once, whatever connd is doing */
#define PAUSE_MS    50  /* between two calls; up to twice that */
#define LAST_MS     1000

static int
on_status(void *arg, struct span status)
{
	struct glimpse *g = arg;
	struct span state = status.p ? scan_get(status, "state") : (struct span){ 0 };
	struct span generation = status.p ? scan_get(status, "generation") : (struct span){ 0 };

	g->is_served = span_is(state, "\"fresh\"") || span_is(state, "\"stale\"") ||
		       span_is(state, "\"offline\"");
	if (!generation.p || scan_int(generation, &g->generation) < 0)
		return CTL_UNAVAILABLE;
	return CTL_YES;
}

int
glimpse(const struct ctl_options *o, struct glimpse *out)
{
	struct client_call call = { .method = SECRETS_STATUS, .on_reply = on_status, .arg = out };
	struct ctl_options brief = *o;
	int code;

	*out = (struct glimpse){ 0 };
	brief.timeout_ms = ONE_CALL_MS;
	ctl_mute(true);
	code = client_call(&brief, &call);
	ctl_mute(false);
	return code;
}

void
glimpse_await(const struct ctl_options *o, struct ctl_options *left)
{
	int64_t deadline_ms = clock_boot_ms() + o->timeout_ms;
	struct glimpse g;

	while (glimpse(o, &g) != CTL_DENIED && !g.is_served && clock_boot_ms() < deadline_ms)
		(void)poll(NULL, 0, (int)rnd_between(PAUSE_MS, 2 * PAUSE_MS));
	*left = *o;
	left->timeout_ms = deadline_ms - clock_boot_ms();
	if (left->timeout_ms < LAST_MS)
		left->timeout_ms = LAST_MS;
}
