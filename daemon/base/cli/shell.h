/* SPDX-License-Identifier: Apache-2.0 */
/* What the three completion scripts are made of. */
#pragma once

#include <stdbool.h>

#include "base/cli/words.h"
#include "base/span.h"

enum cli_value { VALUE_NONE, VALUE_ANY, VALUE_FILE, VALUE_DIRECTORY, VALUE_CHOICE };

/* What completes an argument shown as this text; NULL: VALUE_NONE. */
enum cli_value shell_value(const char *argument);
/* "a|b" as "a b". */
void shell_choices(struct buf *out, struct span argument);
/* The first sentence of a text without its full stop, in single quotes. */
void shell_sentence(struct buf *out, const char *text);
/* The first words of all verbs, or the second ones of a noun, with a space before each. */
void shell_verbs(struct buf *out, const struct cli_program *p, const char *noun);
/* A noun has verbs of its own: "token" of "token create". */
bool shell_is_noun(const struct cli_program *p, size_t i);

/* Does the source complete the first operand of this verb, or the value of this option of it? */
bool shell_source_fits(const struct cli_source *s, const struct cli_verb *v);
bool shell_source_has(const struct cli_source *s, const struct cli_option *o);

/*
 * The options of the program in their first appearance, each name once: start with zeroed
 * positions. NULL at the end.
 */
struct shell_walk {
	size_t verb;
	struct cli_walk in;
};
const struct cli_option *shell_walk(const struct cli_program *p, struct shell_walk *w);
