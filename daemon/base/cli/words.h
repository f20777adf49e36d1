/* SPDX-License-Identifier: Apache-2.0 */
/* Walking a command-line table and its texts, for the files of base/cli. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cli/cli.h"
#include "base/span.h"

/* Cuts the next piece up to one of the separators from *rest; false when nothing is left. */
bool cli_next(struct span *rest, const char *separators, struct span *piece);
/* "a|b", not "A:B" or "FILE|[X]": only the words between the bars are allowed. */
bool cli_is_choice(struct span argument);
bool cli_choice_allows(struct span argument, const char *value);
/* "[PATH...]": does this operand take all words that are left? Its name, "PATH". */
bool cli_operand_repeats(struct span operand);
struct span cli_operand_name(struct span operand);

/* Every option of a verb, group by group, in order: start with a zeroed one. NULL at the end. */
struct cli_walk {
	size_t group, option;
};
const struct cli_option *cli_walk(const struct cli_verb *verb, struct cli_walk *w);
/* The verb's option of this name; NULL. */
const struct cli_option *cli_option(const struct cli_verb *verb, struct span name);

/* The verb's first word, and what follows it ("" or the second). */
struct span cli_first_word(const struct cli_verb *verb);
const char *cli_second_word(const struct cli_verb *verb);
/* Do the verb's operands end with another program's command line? */
bool cli_takes_command(const struct cli_verb *verb);
/* Is verb i the first of the table with its first word? */
bool cli_is_first_of_noun(const struct cli_program *p, size_t i);
