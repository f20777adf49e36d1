/* SPDX-License-Identifier: Apache-2.0 */
/* What a response that is not a list means: which outcome, and what a person can do about it. */
#pragma once

#include <stdint.h>

#include "core/replica.h"
#include "edge/upstream/fetch.h"

#define REFUSAL_TEXT_SIZE 320

struct refusal {
	enum sync_outcome outcome;
	char text[REFUSAL_TEXT_SIZE]; /* plain ASCII; without the URL */
};

/*
 * f->end is FETCH_ANSWERED, and its status is not one that was asked for. Empties f->body.
 * token_path: of the token that was sent.
 */
void refusal_read(struct refusal *out, const struct fetch_result *f, const char *token_path);
/* A fetch that got no response: UNREACHABLE, BAD or FAILED. */
void refusal_of_failure(struct refusal *out, const struct fetch_result *f);
