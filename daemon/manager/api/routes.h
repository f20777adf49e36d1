/* SPDX-License-Identifier: Apache-2.0 */
/* Which function serves which path and method, and what every request passes before it. */
#pragma once

#include "manager/api/request.h"

/* Serves the connection's request, or refuses it: authentication, route, organization, method. */
void routes_serve(struct api *api, struct http_conn *conn);
