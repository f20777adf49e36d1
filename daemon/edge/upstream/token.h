/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token for the manager, in locked memory for as long as it is needed; and what it says of
 * itself.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/file.h"
#include "base/span.h"

struct token {
	struct arena *arena; /* NULL: there is none */
	struct span text;
};

/* Reads it from its file; *out holds none before. 0, or -errno with a sentence in why. */
MUST_CHECK int token_load(
    struct token *out, const char *path, enum arena_lock lock, char why[static FILE_WHY_SIZE]);
void token_free(struct token *t); /* wipes; holds none afterwards */

/* What a JWT says of its life. Unverified: for warnings and for people only. */
struct token_life {
	int64_t issued_s, expires_s; /* seconds since 1970; 0: it does not say */
	int64_t family_ends_s;       /* no renewal of it lives longer; likewise */
};
/* All zero when the token is not a JWT. */
void token_read_life(struct token_life *out, struct span token);
