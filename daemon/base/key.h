/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which texts may name a connection or a variable. A value sometimes arrives where a name belongs,
 * a URI with its password or a JSON document: such text is not a name, and must not be sent on,
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

/*
 * Does the text look like a URI (it holds "://") or like JSON (it begins with a brace or bracket)?
 */
bool key_looks_like_value(struct span key);

/*
 * Appends what may be shown of a text that is not a name: the scheme of a URI and "://...", a brace
 * or bracket and "...", else "...".
 */
void key_shorten(struct buf *out, struct span key);
