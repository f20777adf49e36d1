/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection or variable -> the exact bytes a reply carries: the text Airflow parses, already
 * escaped as a JSON string with its quotes. The order of a connection's members is fixed: conn_type,
 * description, host, login, password, schema, port, extra; absent ones are absent.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

struct connection_fields {
	struct span conn_type, description, host, login, password, schema; /* UTF-8, no U+0000 */
	int32_t port;                                                      /* 0: absent */
	struct span extra; /* JSON object text, copied as it is; absent: absent */
};

void render_connection(struct buf *out, const struct connection_fields *c);
void render_variable(struct buf *out, struct span value);
