/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of the hosted API that connd-manager does not serve, and what to do instead: stock clients
 * show their user nothing but the message of the 404. Pure.
 */
#pragma once

#include "manager/api/input/query.h"

/* A sentence for the path (as under /v1), or NULL: it is not one of the hosted API's either. */
const char *unserved_sentence(const struct path *path);
