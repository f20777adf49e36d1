/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splits scenario lines into words and compares events with expectations. A word ends at a blank,
 * except inside quotes. Nothing here allocates: the runner counts the core's allocations.
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

/* Splits text. False if there are too many words, or a quote is not closed. */
bool words_cut(struct words *w, const char *text);
/* Returns the rest of the first word that begins with `prefix`, or NULL. */
const char *words_value(const struct words *w, const char *prefix);
bool words_has(const struct words *w, const char *word);

/*
 * True if an event has every expected word. `key=value` also matches an equal time or number,
 * `key=low..high` a value in that range, `key~"part"` a value that contains the part.
 */
bool words_match(const struct words *expected, const struct words *happened);
/* Parses a number or time: "3", "1.5s", "2m". */
bool words_number(const char *text, int64_t *ms_or_count);
