/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which texts are valid names of connections and variables. Clients sometimes send a value where a
 * name belongs: a URI with its password, or a JSON document. Such text must not be forwarded,
 * audited or logged whole.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

/* 1 to LIMIT_KEY characters, all of them from the kind's set. The bytes must be UTF-8. */
bool key_is_conn_id(struct span key);       /* letters, digits and _ # ! ( ) - . : / \ */
bool key_is_variable_name(struct span key); /* printable characters */
bool key_is_env_name(struct span key);      /* [A-Za-z_][A-Za-z0-9_]* */

/* True if the text looks like a URI (contains "://") or like JSON (begins with '{' or '['). */
bool key_looks_like_value(struct span key);

/*
 * Appends the part that may be shown of a text that is not a name: the scheme of a URI and
 * "://...", the opening '{' or '[' of JSON and "...", or "..." alone.
 */
void key_shorten(struct buf *out, struct span key);
