/* SPDX-License-Identifier: Apache-2.0 */
/* What --help prints. */
#include <string.h>

#include "base/cli/cli.h"
#include "base/cli/words.h"

#define WIDTH 80
/* of a noun that are listed one by one in the program's help */
#define FEW_VERBS   3
#define HELP_COLUMN 26 /* where the text beside an option or a verb begins */

static const struct cli_option standard[] = {
	{ .name = "help", .help = "Prints this text." },
	{ .name = "version", .help = "Prints the version." },
	{ 0 },
};

static void
spaces(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_addc(out, ' ');
}

/* Appends a paragraph, wrapped; the cursor stands at column `at`, later lines begin at `indent`. */
static void
wrap(struct buf *out, struct span text, size_t at, size_t indent)
{
	struct span word;
	bool first = true;

	while (cli_next(&text, " \n", &word)) {
		if (!first && at + 1 + word.n > WIDTH) {
			buf_addc(out, '\n');
			spaces(out, indent);
			at = indent;
		} else if (!first) {
			buf_addc(out, ' ');
			at++;
		}
		buf_add(out, word.p, word.n);
		at += word.n;
		first = false;
	}
	buf_addc(out, '\n');
}

/* Paragraphs, each after an empty line. */
static void
paragraphs(struct buf *out, const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t n = end ? (size_t)(end - text) : strlen(text);

		buf_addc(out, '\n');
		wrap(out, (struct span){ text, n }, 0, 0);
		text += n + (end ? 2 : 0);
	}
}

/* A label and the text beside it, or below it when the label is wide. */
static void
row(struct buf *out, const struct buf *label, const char *text, const char *preset)
{
	CLEANUP(buf_fini) struct buf whole = BUF_INIT(8192);

	buf_adds(&whole, text);
	if (preset)
		buf_addf(&whole, " Default: %s.", preset);
	buf_addf(out, "  %s", buf_str(label));
	if (label->len + 4 > HELP_COLUMN) {
		buf_addc(out, '\n');
		spaces(out, HELP_COLUMN);
	} else {
		spaces(out, HELP_COLUMN - 2 - label->len);
	}
	wrap(out, span_of_buf(&whole), HELP_COLUMN, HELP_COLUMN);
	if (buf_error(&whole))
		out->error = buf_error(&whole);
}

static void
option_row(struct buf *out, const struct cli_option *o)
{
	CLEANUP(buf_fini) struct buf label = BUF_INIT(256);

	buf_addf(&label, "%s--%s", strcmp(o->name, "help") == 0 ? "-h, " : "", o->name);
	if (o->argument)
		buf_addf(&label, o->flags & CLI_OPTIONAL ? "[=%s]" : " %s", o->argument);
	if (o->flags & CLI_REPEATS)
		buf_adds(&label, "...");
	row(out, &label, o->help, o->preset);
}

static void
option_rows(struct buf *out, const struct cli_option *o)
{
	for (; o->name; o++)
		option_row(out, o);
}

static void
groups(struct buf *out, const struct cli_verb *v)
{
	const struct cli_group *g;

	for (size_t i = 0; (g = v->group[i]); i++) {
		if (!g->option->name)
			continue;
		buf_addf(out, "\n%s:\n", g->title ? g->title : "Options");
		option_rows(out, g->option);
	}
	buf_addc(out, '\n');
	option_rows(out, standard);
}

/* The synopsis names what the verb needs. */
static void
usage(const struct cli_program *p, const struct cli_verb *v, struct buf *out)
{
	CLEANUP(buf_fini) struct buf line = BUF_INIT(4096);
	struct cli_walk w = { 0 };
	const struct cli_option *o;

	buf_addf(&line, "Usage: %s", p->name);
	if (*v->name)
		buf_addf(&line, " %s", v->name);
	if (*v->operands)
		buf_addf(&line, " %s", v->operands);
	while ((o = cli_walk(v, &w)))
		if (o->flags & CLI_NEEDED)
			buf_addf(&line, " --%s %s", o->name, o->argument);
	buf_adds(&line, " [options]");
	wrap(out, span_of_buf(&line), 0, 8);
}

static void
verb_row(struct buf *out, const struct cli_verb *v)
{
	CLEANUP(buf_fini) struct buf label = BUF_INIT(256);

	buf_adds(&label, v->name);
	if (*v->operands)
		buf_addf(&label, " %s", v->operands);
	row(out, &label, v->summary, NULL);
}

static void
noun_rows(const struct cli_program *p, struct span noun, struct buf *out)
{
	for (size_t i = 0; i < p->n_verbs; i++)
		if (span_equal(cli_first_word(&p->verb[i]), noun))
			verb_row(out, &p->verb[i]);
}

/* A noun with many verbs is one row, with the verbs beside it. */
static void
noun_row(const struct cli_program *p, struct span noun, struct buf *out)
{
	CLEANUP(buf_fini) struct buf label = BUF_INIT(256), text = BUF_INIT(4096);
	size_t n = 0;

	for (size_t i = 0; i < p->n_verbs; i++)
		if (span_equal(cli_first_word(&p->verb[i]), noun))
			buf_addf(&text, "%s%s", n++ ? ", " : "", cli_second_word(&p->verb[i]));
	if (n <= FEW_VERBS) {
		noun_rows(p, noun, out);
		return;
	}
	buf_addf(&label, "%.*s VERB", (int)noun.n, noun.p);
	row(out, &label, buf_str(&text), NULL);
}

static void
program_help(const struct cli_program *p, const struct cli_verb *unnamed, struct buf *out)
{
	if (unnamed)
		usage(p, unnamed, out);
	if (p->n_verbs > 1)
		buf_addf(out, "%s %s VERB [options]\n", unnamed ? "      " : "Usage:", p->name);
	paragraphs(out, p->summary);
	if (unnamed)
		paragraphs(out, unnamed->help);
	if (p->n_verbs > 1)
		buf_adds(out, "\nVerbs:\n");
	for (size_t i = 0; i < p->n_verbs; i++)
		if (*p->verb[i].name && cli_is_first_of_noun(p, i))
			noun_row(p, cli_first_word(&p->verb[i]), out);
	if (unnamed) {
		groups(out, unnamed);
	} else {
		buf_addc(out, '\n');
		option_rows(out, standard);
	}
	paragraphs(out, p->ending);
}

void
cli_write_help(const struct cli_program *p, const struct cli_line *line, struct buf *out)
{
	const struct cli_verb *v = line->verb;

	if (line->noun) {
		buf_addf(out, "Usage: %s %s VERB [options]\n\n", p->name, line->noun);
		noun_rows(p, span_of(line->noun), out);
		buf_addf(out, "\n\"%s %s VERB --help\" says more.\n", p->name, line->noun);
	} else if (v && *v->name) {
		usage(p, v, out);
		paragraphs(out, v->help);
		groups(out, v);
	} else {
		program_help(p, v, out);
	}
}
