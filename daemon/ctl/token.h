/* SPDX-License-Identifier: Apache-2.0 */
/* A manager's token: from its file, and what can be read from its text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

#define TOKEN_ID_SIZE 65 /* an id and its NUL */

/*
 * Appends the token of a file (base/bearer.h) to out, whose max must be at least LIMIT_TOKEN.
 * Returns the exit code, having said why; what is the option, or whatever named the file.
 */
MUST_CHECK int token_read(const char *what, const char *path, struct buf *out);
/* What a JWT says of itself. "" and -1: it does not say. */
struct token_claims {
	char organization[TOKEN_ID_SIZE], workspace[TOKEN_ID_SIZE], deployment[TOKEN_ID_SIZE];
	int64_t issued_s, expires_s; /* since 1970 */
};
/* Reads the claims. Nothing is verified: the manager decides. */
void token_claims(struct span token, struct token_claims *out);
/*
 * The organization that a JWT's permissions name. false: the token is not a JWT or names none.
 * Nothing is verified: the manager decides.
 */
bool token_organization(struct span token, char out[static TOKEN_ID_SIZE]);
