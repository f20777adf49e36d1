/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request, as it was read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"
#include "base/span.h"

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OTHER, /* well-formed, and no route has it */
};

struct http_field {
	struct span name; /* as sent; compared without case */
	struct span value;
};

/* One request. Its spans live until the parser is fed or reset again. */
struct http_request {
	enum http_method method;
	struct span method_text;
	struct span path;  /* begins with '/'; still percent-encoded */
	struct span query; /* behind the '?'; absent without one */
	bool http10;
	bool keep_alive;
	bool expect_continue;
	size_t n_fields;
	struct http_field fields[LIMIT_HTTP_FIELDS];
	struct span body; /* "" when there is none */
};
