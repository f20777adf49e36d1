/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Environment page's files (daemon/manager/ui), embedded at build: / and /ui redirect to /ui/,
 * which is index.html; the other files are at /ui/VERSION/NAME. They need no token.
 */
#pragma once

#include "base/attr.h"
#include "manager/http/conn.h"

/* True: the request was for one of these, and has its response. */
MUST_CHECK bool page_respond(struct http_conn *conn);
