/* SPDX-License-Identifier: Apache-2.0 */
/* Where the objects of a test live. */
#pragma once

#include "manager/store/store.h"

/* An organization (parent: an empty id), Workspace, Deployment or project that must come to be. */
struct id test_place(struct store *s, enum scope scope, const struct id *parent, const char *name);
