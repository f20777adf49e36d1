/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no token: /healthz, and the API's description. */
#pragma once

#include "base/attr.h"
#include "manager/http/conn.h"

/* True: the request was for one of these, and has its response. */
MUST_CHECK bool public_respond(struct http_conn *conn);
/* /healthz alone. */
MUST_CHECK bool public_respond_health(struct http_conn *conn);
