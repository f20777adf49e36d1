/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of a scenario line, and whether what happened is what a line expects. A word ends at a
 * blank; blanks between quotes belong to it. Nothing here touches the heap: the runner counts the
 * core's allocations, not its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_WORDS 64
#define MAX_TEXT  512

struct words {
	char text[4096]; /* the words, each ended by a NUL */
	char *word[MAX_WORDS];
	size_t n;
};

/* Cuts text; false when there are too many words or a quote is left open. */
bool words_cut(struct words *w, const char *text);
/* What stands behind `prefix` in the first word that begins with it, or NULL. */
const char *words_value(const struct words *w, const char *prefix);
bool words_has(const struct words *w, const char *word);

/*
 * Does what happened show everything that is expected? Each expected word must be there as it is;
 * `key=value` also when both values are the same time or number, `key=low..high` when it lies
 * between, `key~"part"` when the value contains the part.
 */
bool words_match(const struct words *expected, const struct words *happened);
/* A number or time: "3", "1.5s", "2m". */
bool words_number(const char *text, int64_t *ms_or_count);
