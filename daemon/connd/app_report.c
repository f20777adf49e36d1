/* SPDX-License-Identifier: Apache-2.0 */
/* What Status and the metrics show of the parts that serve no lookup. */
#include "connd/app_internal.h"

static void
report_manager(const struct app *a, struct report *out)
{
	const struct config *c = a->settings->config;

	out->manager.url = a->sync ? sync_url(a->sync) : c->manager.url.item[0];
}

static void
report_push(const struct app *a, struct report *out)
{
	if (!a->settings->config->manager.push)
		out->push.state = REPORT_PUSH_OFF;
}

static void
report_snapshot(const struct app *a, struct report *out)
{
	struct snapshot_status st;

	snapshot_status(a->snapshot, &st);
	if (!st.path)
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
			.path = a->settings->config->socket.path,
			.passed = listener_was_passed(a->listener),
		},
	};
	report_manager(a, out);
	report_push(a, out);
	report_snapshot(a, out);
}
