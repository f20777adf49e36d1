/* SPDX-License-Identifier: Apache-2.0 */
/* Which function serves which path and method, and what every request passes before it. */
#pragma once

#include "manager/api/request.h"

/*
 * Checks the head of a request: its token, path, method and organization. True:
 * its body may come; false: it has its response.
 */
MUST_CHECK bool routes_admit(struct api *api, struct http_conn *conn);
/* Serves the connection's request, or refuses it: authentication, route, organization, method. */
void routes_serve(struct api *api, struct http_conn *conn);
