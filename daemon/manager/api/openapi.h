/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description of the HTTP API, proto/openapi.yaml, built in: at /v1/openapi.yaml, and at /spec/v1.0,
 * where stock clients look. For anybody, since it says how to ask: no token, no organization.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "manager/http/server.h"

/* True: the request was for the description, and has its response. */
MUST_CHECK bool apidoc_answer(struct http_conn *conn);
