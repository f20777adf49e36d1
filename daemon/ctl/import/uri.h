/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a connection URI by Airflow's rules: the type is the scheme (with - for _), each part is
 * percent-encoded, the query becomes extra, or its parameter __extra__ is the JSON text of extra.
 * TYPE://https://HOST gives a host with a protocol. Pure.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

/*
 * Appends the connection to out as the JSON object that Airflow writes for one: conn_type, host,
 * login, password, schema, port, extra. uri is UTF-8 without NUL. 0; -EINVAL with a static sentence
 * in *refused; or out's error. Sets *note when Airflow ignores a part of the URI.
 */
MUST_CHECK int uri_to_json(
    struct span uri, struct buf *out, const char **refused, const char **note);
