/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON body that is an object with a few plain members. Pure. As everywhere in the API, null
 * equals absent and members that are not asked for are ignored.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "manager/api/input/field_error.h"

struct body {
	struct span object; /* the text: a valid object without repeated members */
	struct buf text;    /* decoded strings; never moves */
	struct fault *fault;
};

/* Borrows json and f. 0; -EINVAL with *f; -ENOMEM. body_fini() in any case. */
MUST_CHECK int body_read(struct body *b, struct span json, struct fault *f);
void body_fini(struct body *b);

/* Each: 0, or -EINVAL with *f. An absent member leaves *out as it is, unless it is needed. */
MUST_CHECK int body_text(struct body *b, const char *name, bool needed, struct span *out);
/* given: the member is present. */
MUST_CHECK int body_bool(struct body *b, const char *name, bool *out, bool *given);
MUST_CHECK int body_int(
    struct body *b, const char *name, int64_t least, int64_t most, int64_t *out);
/*
 * A name for people: 1 to most characters, none of them a control character, no blank at either
 * end.
 */
MUST_CHECK int body_name(
    struct body *b, const char *name, bool needed, size_t most, struct span *out);

/* A text of so many characters at most, "" too. */
MUST_CHECK int body_prose(struct body *b, const char *name, size_t most, struct span *out);

/*
 * A strict JSON object, no member twice; what reading any body begins with. 0; -EINVAL with *f;
 * -ENOMEM.
 */
MUST_CHECK int body_check(struct span json, struct span *object, struct fault *f);
