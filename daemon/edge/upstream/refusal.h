/* SPDX-License-Identifier: Apache-2.0 */
/* Interprets responses that are not lists: the outcome, and what a person can do about it. */
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
 * Reads an unexpected response; f->end is FETCH_ANSWERED. Empties f->body. token_path: the file of
 * the token that was sent.
 */
void refusal_read(struct refusal *out, const struct fetch_result *f, const char *token_path);
/* Reads a fetch that ended without a response: SYNC_UNREACHABLE, SYNC_BAD or SYNC_FAILED. */
void refusal_of_failure(struct refusal *out, const struct fetch_result *f);
