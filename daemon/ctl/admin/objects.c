/* SPDX-License-Identifier: Apache-2.0 */
/* connctl connection|variable|env-var|metrics-export VERB. */
#include "ctl/admin/objects.h"

#include "ctl/verbs.h"

static int (*const verb_run[])(struct session *s, const struct object_kind *kind) = {
	[0] = objects_list,
	[VERB_OBJECT_GET - VERB_OBJECT_LIST] = objects_get,
	[VERB_OBJECT_CREATE - VERB_OBJECT_LIST] = objects_create,
	[VERB_OBJECT_SET - VERB_OBJECT_LIST] = objects_set,
	[VERB_OBJECT_DELETE - VERB_OBJECT_LIST] = objects_delete,
	[VERB_OBJECT_LINK - VERB_OBJECT_LIST] = objects_link,
	[VERB_OBJECT_UNLINK - VERB_OBJECT_LIST] = objects_unlink,
	[VERB_OBJECT_EXCLUDE - VERB_OBJECT_LIST] = objects_exclude,
	[VERB_OBJECT_OVERRIDE - VERB_OBJECT_LIST] = objects_override,
	[VERB_OBJECT_PROMOTE - VERB_OBJECT_LIST] = objects_promote,
	[VERB_OBJECT_HISTORY - VERB_OBJECT_LIST] = objects_history,
	[VERB_OBJECT_RESTORE - VERB_OBJECT_LIST] = objects_restore,
};

int
ctl_object(const struct ctl_options *o)
{
	struct session s;
	int code = session_open(&s, o);

	if (code == CTL_YES)
		code = verb_run[o->line->verb->id - VERB_OBJECT_LIST](&s, object_kind(&s));
	session_close(&s);
	return code;
}
