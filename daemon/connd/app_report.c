/* SPDX-License-Identifier: Apache-2.0 */
/* What Status and the metrics show of the parts that serve no lookup. */
#include "connd/app_internal.h"

#include <inttypes.h>
#include <stdio.h>

static void
report_manager(const struct app *a, struct report *out)
{
	const struct config *c = a->settings->config;

	out->manager.url = a->sync ? sync_url(a->sync) : c->manager.url.item[0];
	if (!a->names)
		return;
	out->manager.organization_name = names_organization(a->names);
	out->manager.deployment_name = names_deployment(a->names);
	out->manager.workspace_name = names_workspace(a->names);
}

static void
report_push(const struct app *a, struct report *out)
{
	static char why[96]; /* borrowed until the next report */
	struct watch_status st;

	if (!a->settings->config->manager.push) {
		out->push.state = REPORT_PUSH_OFF;
		return;
	}
	watch_status(a->watch, &st);
	if (st.state == WATCH_OFF)
		return; /* no good sync yet, or lists without tags */
	out->push.state = st.holds ? REPORT_PUSH_HELD : REPORT_PUSH_POLLING;
	if (st.state == WATCH_POLLING)
		out->push.why = "the manager does not wait for changes";
	if (st.state != WATCH_CUT)
		return;
	(void)snprintf(why, sizeof why,
	    "a held request was cut after %" PRId64 " ms; the next asks for %" PRId64 " s",
	    st.cut_after_ms, st.wait_s);
	out->push.why = why;
}

static void
report_snapshot(const struct app *a, struct report *out)
{
	struct snapshot_status st;

	snapshot_status(a->snapshot, &st);
	if (!a->snapshot)
		st.error = a->snapshot_why;
	if (!a->settings->config->snapshot.path)
		out->snapshot.state = REPORT_SNAPSHOT_OFF;
	else if (*st.error)
		out->snapshot.state = REPORT_SNAPSHOT_FAILING;
	else
		out->snapshot.state = st.current ? REPORT_SNAPSHOT_CURRENT : REPORT_SNAPSHOT_BEHIND;
	out->snapshot.why = st.error;
}

void
app_report(void *env, struct report *out)
{
	const struct app *a = env;

	*out = (struct report){
		.socket = {
			.path = listener_path(a->listener),
			.passed = listener_was_passed(a->listener),
		},
		.metrics = metrics_where(a->metrics),
	};
	report_manager(a, out);
	if (a->sync) {
		struct token_life life = sync_token_life(a->sync);

		out->token.expires_s = life.expires_s;
		out->token.family_ends_s = life.family_ends_s;
	}
	report_push(a, out);
	report_snapshot(a, out);
}
