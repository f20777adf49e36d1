/* SPDX-License-Identifier: Apache-2.0 */
/* The id of a request, which names it in the response, the log and the audit log. */
#pragma once

#include <stdbool.h>

#include "manager/http/request.h"

#define HTTP_REQUEST_ID_SIZE 65

/*
 * Fills in the id: the request's own X-Request-Id, or random digits when it has none, several, or
 * one that could not be logged and stored as it is. True: the id is the request's own.
 */
bool request_id_choose(char out[static HTTP_REQUEST_ID_SIZE], const struct http_request *request);
