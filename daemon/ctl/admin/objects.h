/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of environment objects. Each returns the exit code. */
#pragma once

#include "base/attr.h"
#include "ctl/admin/object.h"

MUST_CHECK int objects_list(struct session *s, const struct object_kind *kind);
MUST_CHECK int objects_get(struct session *s, const struct object_kind *kind);
MUST_CHECK int objects_history(struct session *s, const struct object_kind *kind);
MUST_CHECK int objects_create(struct session *s, const struct object_kind *kind);
MUST_CHECK int objects_set(struct session *s, const struct object_kind *kind);
MUST_CHECK int objects_delete(struct session *s, const struct object_kind *kind);
MUST_CHECK int objects_link(struct session *s, const struct object_kind *kind);
MUST_CHECK int objects_unlink(struct session *s, const struct object_kind *kind);
MUST_CHECK int objects_exclude(struct session *s, const struct object_kind *kind);
MUST_CHECK int objects_override(struct session *s, const struct object_kind *kind);
MUST_CHECK int objects_promote(struct session *s, const struct object_kind *kind);
MUST_CHECK int objects_restore(struct session *s, const struct object_kind *kind);

/* {"scope": "DEPLOYMENT", "scopeEntityId": id}; NULL: out of memory. */
struct json *objects_new_place(const char *deployment);
