/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cli/words.h"

#include <string.h>

bool
cli_next(struct span *rest, const char *separators, struct span *piece)
{
	while (rest->n && strchr(separators, *rest->p)) {
		rest->p++;
		rest->n--;
	}
	piece->p = rest->p;
	piece->n = 0;
	while (piece->n < rest->n && !strchr(separators, piece->p[piece->n]))
		piece->n++;
	rest->p += piece->n;
	rest->n -= piece->n;
	return piece->n > 0;
}

bool
cli_is_choice(struct span argument)
{
	bool bar = false;

	for (size_t i = 0; i < argument.n; i++) {
		char c = argument.p[i];

		if (c == '|')
			bar = true;
		else if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
			 !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return bar;
}

bool
cli_choice_allows(struct span argument, const char *value)
{
	struct span word;

	while (cli_next(&argument, "|", &word))
		if (span_is(word, value))
			return true;
	return false;
}

struct span
cli_operand_name(struct span operand)
{
	if (operand.n && operand.p[0] == '[') {
		operand.p++;
		operand.n -= 2;
	}
	if (operand.n > 3 && memcmp(operand.p + operand.n - 3, "...", 3) == 0)
		operand.n -= 3;
	return operand;
}

bool
cli_operand_repeats(struct span operand)
{
	struct span name = cli_operand_name(operand);

	return name.p + name.n < operand.p + operand.n && name.p[name.n] == '.';
}

const struct cli_option *
cli_walk(const struct cli_verb *verb, struct cli_walk *w)
{
	const struct cli_group *g;

	while ((g = verb->group[w->group])) {
		if (g->option[w->option].name)
			return &g->option[w->option++];
		w->group++;
		w->option = 0;
	}
	return NULL;
}

const struct cli_option *
cli_option(const struct cli_verb *verb, struct span name)
{
	struct cli_walk w = { 0 };
	const struct cli_option *o;

	while ((o = cli_walk(verb, &w)))
		if (span_is(name, o->name))
			return o;
	return NULL;
}

struct span
cli_first_word(const struct cli_verb *verb)
{
	return (struct span){ verb->name, strcspn(verb->name, " ") };
}

const char *
cli_second_word(const struct cli_verb *verb)
{
	const char *space = strchr(verb->name, ' ');

	return space ? space + 1 : "";
}

bool
cli_takes_command(const struct cli_verb *verb)
{
	return strncmp(verb->operands, "-- ", 3) == 0;
}

bool
cli_is_first_of_noun(const struct cli_program *p, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (span_equal(cli_first_word(&p->verb[k]), cli_first_word(&p->verb[i])))
			return false;
	return true;
}
