/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields that options set and --unset clears, in an object's typed body or in a link's
 * override.
 */
#pragma once

#include "base/attr.h"
#include "ctl/admin/object.h"

/*
 * Applies the field options to typed and notes each in c, after prefix. holder has the setFields of
 * what is there: the object, or its link; NULL: nothing is. secret: a variable's value is one.
 * Returns the exit code.
 */
MUST_CHECK int fields_apply(struct session *s, const struct object_kind *kind,
    const struct json *holder, bool secret, const char *prefix, struct json *typed,
    struct change *c);
/* Clears what --unset names in an object; secrets cannot be cleared by an update. */
MUST_CHECK int fields_unset(
    struct session *s, const struct json *holder, struct json *typed, struct change *c);
/* The same in an override, where everything can be: names go to unset as well. */
MUST_CHECK int fields_unset_override(struct session *s, const struct json *holder,
    const char *prefix, struct json *typed, struct json *unset, struct change *c);
/* Is a field option, or --unset, given? */
bool fields_given(const struct session *s, const struct object_kind *kind);
