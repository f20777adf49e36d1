/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of the hosted API that connd-manager does not serve, and what to do instead: stock clients
 * show their user nothing but the message of the 404. Pure.
 */
#pragma once

#include "manager/api/input/query.h"

/* Returns a sentence for the path (as under /v1); NULL if the hosted API lacks the path, too. */
const char *unserved_sentence(const struct path *path);
