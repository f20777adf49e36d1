/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no token: /healthz, and the API's description. */
#pragma once

#include "base/attr.h"
#include "manager/http/conn.h"

struct store;

/* True: the request was for one of these, and has its response. */
MUST_CHECK bool public_respond(struct http_conn *conn, const struct store *store);
/* /healthz alone. It never waits: it says what is known of the database. */
MUST_CHECK bool public_respond_health(struct http_conn *conn, const struct store *store);
