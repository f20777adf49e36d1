/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renders a connection or variable as the exact bytes of a response: the text that Airflow parses,
 * escaped as a JSON string with its quotes. The members of a connection come in the order
 * conn_type, description, host, login, password, schema, port, extra; absent ones are left out.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

struct connection_fields {
	struct span conn_type, description, host, login, password, schema; /* UTF-8, no U+0000 */
	int32_t port;                                                      /* 0: absent */
	struct span extra; /* the text of a JSON object, copied unchanged; or absent */
};

/* Append to out; errors stay in out (buf_error()). */
void render_connection(struct buf *out, const struct connection_fields *c);
void render_variable(struct buf *out, struct span value);
