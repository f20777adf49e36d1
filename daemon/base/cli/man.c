/* SPDX-License-Identifier: Apache-2.0 */
/* The generated part of a manual page, in mdoc: VERBS and OPTIONS. */
#include <string.h>

#include "base/cli/cli.h"
#include "base/cli/words.h"

#define WIDTH 76

/* A word of text: mdoc gives a leading point or apostrophe and each backslash a meaning. */
static void
word_write(struct buf *out, struct span word, bool begins_line)
{
	if (begins_line && (*word.p == '.' || *word.p == '\''))
		buf_adds(out, "\\&");
	if (span_is(word, "--")) {
		buf_adds(out, "\\-\\-");
		return;
	}
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] == '\\')
			buf_adds(out, "\\e");
		else
			buf_addc(out, word.p[i]);
	}
}

/* A sentence ends a line, so that troff spaces it. */
static bool
ends_sentence(struct span word)
{
	return strchr(".!?", word.p[word.n - 1]) && !strchr("[(", *word.p) &&
	       !(word.n > 2 && strncmp(word.p + word.n - 3, "...", 3) == 0);
}

static void
text_write(struct buf *out, struct span text)
{
	struct span word;
	size_t at = 0;

	while (cli_next(&text, " \n", &word)) {
		if (at && at + 1 + word.n > WIDTH) {
			buf_addc(out, '\n');
			at = 0;
		} else if (at) {
			buf_addc(out, ' ');
			at++;
		}
		word_write(out, word, at == 0);
		at += word.n;
		if (ends_sentence(word)) {
			buf_addc(out, '\n');
			at = 0;
		}
	}
	if (at)
		buf_addc(out, '\n');
}

static void
paragraphs_write(struct buf *out, const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t n = end ? (size_t)(end - text) : strlen(text);

		text_write(out, (struct span){ text, n });
		if (end)
			buf_adds(out, ".Pp\n");
		text += n + (end ? 2 : 0);
	}
}

/* Words as the arguments of one macro: a lone bar or bracket would be a delimiter. */
static void
arguments_write(struct buf *out, const char *words)
{
	struct span rest = span_of(words), word;

	while (cli_next(&rest, " ", &word)) {
		buf_addf(out, " %s ", cli_is_choice(word) ? "Cm" : "Ar");
		word_write(out, word, false);
	}
}

static void
option_write(struct buf *out, const struct cli_option *o)
{
	buf_addf(out, ".It Fl -%s", o->name);
	if (o->argument && o->flags & CLI_OPTIONAL)
		buf_addf(out, " Ns Op = Ns Ar %s", o->argument);
	else if (o->argument)
		arguments_write(out, o->argument);
	if (o->flags & CLI_REPEATS)
		buf_adds(out, " ...");
	buf_addc(out, '\n');
	text_write(out, span_of(o->help));
	if (o->flags & CLI_REPEATS)
		buf_adds(out, "May be given again.\n");
	if (o->preset)
		buf_addf(out, "The default is\n.Ql %s .\n", o->preset);
}

static void
options_write(struct buf *out, const struct cli_option *o)
{
	if (!o->name)
		return;
	buf_adds(out, ".Bl -tag -width Ds\n");
	for (; o->name; o++)
		option_write(out, o);
	buf_adds(out, ".El\n");
}

static void
verb_write(struct buf *out, const struct cli_verb *v)
{
	const struct cli_group *g;
	struct span rest = span_of(v->name), word;

	buf_adds(out, ".It");
	while (cli_next(&rest, " ", &word))
		buf_addf(out, " Cm %.*s", (int)word.n, word.p);
	arguments_write(out, v->operands);
	buf_addc(out, '\n');
	paragraphs_write(out, v->help);
	for (size_t i = 0; (g = v->group[i]); i++)
		if (!g->title)
			options_write(out, g->option);
}

static void
unnamed_write(const struct cli_program *p, struct buf *out)
{
	const struct cli_group *g;

	for (size_t i = 0; i < p->n_verbs; i++)
		for (size_t k = 0; !*p->verb[i].name && (g = p->verb[i].group[k]); k++)
			if (!g->title)
				options_write(out, g->option);
}

/* Is this the first verb with this group? */
static bool
is_first_use(const struct cli_program *p, size_t verb, const struct cli_group *group)
{
	for (size_t i = 0; i < verb; i++)
		for (size_t k = 0; p->verb[i].group[k]; k++)
			if (p->verb[i].group[k] == group)
				return false;
	return true;
}

static void
shared_write(const struct cli_program *p, struct buf *out)
{
	const struct cli_group *g;

	for (size_t i = 0; i < p->n_verbs; i++) {
		for (size_t k = 0; (g = p->verb[i].group[k]); k++) {
			if (!g->title || !is_first_use(p, i, g))
				continue;
			buf_addf(out, ".Ss %s\n", g->title);
			options_write(out, g->option);
		}
	}
}

void
cli_write_man(const struct cli_program *p, struct buf *out)
{
	if (p->n_verbs > 1) {
		buf_adds(out, ".Sh VERBS\n.Bl -tag -width Ds\n");
		for (size_t i = 0; i < p->n_verbs; i++)
			if (*p->verb[i].name)
				verb_write(out, &p->verb[i]);
		buf_adds(out, ".El\n");
	}
	buf_adds(out, ".Sh OPTIONS\n");
	unnamed_write(p, out);
	shared_write(p, out);
	buf_adds(out, ".Ss Everywhere\n"
		      ".Bl -tag -width Ds\n"
		      ".It Fl h , -help\n"
		      "Prints the help of the program or, after a verb, of the verb.\n"
		      ".It Fl -version\n"
		      "Prints the version.\n"
		      ".El\n");
}
