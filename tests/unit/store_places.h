/* SPDX-License-Identifier: Apache-2.0 */
/* The places of a test's objects. */
#pragma once

#include "manager/store/store.h"

/* Creates an organization (parent: an empty id), Workspace, Deployment or project. */
struct id test_place(struct store *s, enum scope scope, const struct id *parent, const char *name);
