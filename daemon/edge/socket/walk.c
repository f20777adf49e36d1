/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/walk.h"

#define RECORD_COST 8 /* of going to a record and writing its key, beside the rules */

void
walk_begin(struct walk *w, struct service *s, struct caller *c)
{
	*w = (struct walk){
		.service = s,
		.caller = c,
		.generation = generation_ref(replica_current(s->replica)),
	};
}

enum walk_step
walk_next(struct walk *w, const struct record **r, size_t *budget)
{
	const struct acl *acl = w->service->acl;
	size_t cost = RECORD_COST + acl_cost(acl);

	if (w->next >= generation_count(w->generation, w->kind))
		return WALK_OVER;
	if (*budget == 0)
		return WALK_PAUSE;
	*budget -= cost < *budget ? cost : *budget;
	*r = generation_at(w->generation, w->kind, w->next++);
	return caller_may_read(w->caller, acl, w->kind, (*r)->key) == PERMISSION_ALLOWED
		   ? WALK_RECORD
		   : WALK_SKIPPED;
}

void
walk_end(struct walk *w)
{
	w->service->release(w->service->env, w->generation);
	w->generation = NULL;
}
