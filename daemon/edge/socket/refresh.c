/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/refresh.h"

#include "base/log.h"
#include "proto/envelope.h"
#include "proto/secrets.h"

#define EVERY_MS 1000

void
refresh_serve(struct service *s, struct caller *caller, struct buf *out)
{
	enum permission may = caller_may_administer(caller, s->acl);
	int64_t wait_ms = s->refreshed_ms + EVERY_MS - s->now_ms;

	if (may != PERMISSION_ALLOWED) {
		service_refuse(s, caller, may, "refresh", (struct span){ 0 }, out);
		return;
	}
	if (s->refreshed_ms && wait_ms > 0) {
		secrets_write_overloaded(out, wait_ms);
		return;
	}
	s->refreshed_ms = s->now_ms;
	log_info("refresh requested", LOG_INT("uid", caller->uid), LOG_INT("pid", caller->pid));
	s->refresh(s->env);
	envelope_write_reply(out, (struct span){ 0 }, false);
}
