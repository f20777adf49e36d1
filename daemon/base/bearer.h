/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bearer token in a file: one line of visible ASCII of at most LIMIT_TOKEN bytes, with white
 * space around it. Only the user that reads the file, and root, may have access to it
 * (base/file.h).
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"

#define BEARER_EXPECTED "expected one line of visible ASCII"

/* Cuts white space off both ends of *token. Returns true if the rest is a token. */
bool bearer_trim(struct buf *token);
/*
 * Appends the token of the file to out, whose max must be at least LIMIT_TOKEN. 0, or -errno with
 * why, which names the path; -EINVAL if the file is empty or does not hold a token.
 */
MUST_CHECK int bearer_read(const char *path, struct buf *out, struct why *why);
