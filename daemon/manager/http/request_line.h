/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request line of RFC 9112, section 3, with the URI grammar of RFC 3986, applied literally.
 * Pure.
 *
 * A request target has one reading here. What the grammar does not allow is refused, also where
 * other servers guess: an unescaped '"', a '%' without two hex digits, user information, a port
 * that is not a number.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/span.h"
#include "manager/http/request.h"

/*
 * Reads METHOD SP TARGET SP VERSION, without the line's end, into method, path, query and http10 of
 * *r, as spans into the line. 0, or the status to refuse it with (400, 414, 501, 505) and a
 * sentence in *why.
 */
MUST_CHECK int request_line_read(struct span line, struct http_request *r, const char **why);

/* uri-host [ ":" port ], as in a Host field: may be empty. */
MUST_CHECK bool host_is_valid(struct span host);
/* A token of RFC 9110: a method, a field's name. */
bool http_is_token(struct span s);
