/* SPDX-License-Identifier: Apache-2.0 */
/* The token for the manager, in locked memory while it is in use, and its claims. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/file.h"
#include "base/span.h"
#include "base/why.h"

struct token {
	struct arena *arena; /* NULL: no token */
	struct span text;
};

/* Reads the token file into *out, which must be empty. 0, or -errno with a sentence in why. */
MUST_CHECK int token_load(
    struct token *out, const char *path, enum arena_lock lock, struct why *why);
void token_free(struct token *t); /* wipes the token; *t is then empty */

/* The lifetime claims of a JWT. They are not verified: use them only for warnings and display. */
struct token_life {
	int64_t issued_s, expires_s; /* seconds since 1970; 0: not stated */
	int64_t family_ends_s;       /* the latest end of any renewal of it; 0: not stated */
};
/* Sets *out to zero if the token is not a JWT. */
void token_read_life(struct token_life *out, struct span token);
