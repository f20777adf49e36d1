/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of the hosted API that connd-manager does not serve, and what to use instead, because stock
 * clients show their users only the message of a 404. Pure.
 */
#pragma once

#include "manager/api/input/query.h"

/* Returns a sentence for the path (as under /v1); NULL if the hosted API lacks the path, too. */
const char *unserved_sentence(const struct path *path);
