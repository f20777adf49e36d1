/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The completion script for fish: one line a verb, a word and an option, each with its condition.
 */
#include "base/cli/shell.h"

static void
function_name(struct buf *out, const struct cli_program *p)
{
	buf_adds(out, "__");
	for (const char *c = p->name; *c; c++)
		buf_addc(out, *c == '-' ? '_' : *c);
}

/* NAME_words: the words before the cursor without options and their values. */
static void
write_words(struct buf *out, const struct cli_program *p)
{
	struct shell_walk w = { 0 };
	const struct cli_option *o;

	buf_adds(out, "function ");
	function_name(out, p);
	buf_adds(out, "_words\n"
		      "\tset -l skip 0\n"
		      "\tfor word in (commandline -opc)[2..-1]\n"
		      "\t\tif test $skip = 1\n"
		      "\t\t\tset skip 0\n"
		      "\t\t\tcontinue\n"
		      "\t\tend\n"
		      "\t\tswitch $word\n"
		      "\t\t\tcase --");
	while ((o = shell_walk(p, &w)))
		if (o->argument && !(o->flags & CLI_OPTIONAL))
			buf_addf(out, " --%s", o->name);
	buf_adds(out, "\n"
		      "\t\t\t\tset skip 1\n"
		      "\t\t\tcase '-*'\n"
		      "\t\t\tcase '*'\n"
		      "\t\t\t\techo $word\n"
		      "\t\tend\n"
		      "\tend\n"
		      "end\n");
}

/* NAME_at VERB [N]: is this the verb, with N words after it so far? */
static void
write_at(struct buf *out, const struct cli_program *p)
{
	buf_adds(out, "function ");
	function_name(out, p);
	buf_adds(out, "_at\n\tset -l words (");
	function_name(out, p);
	buf_adds(out,
	    "_words)\n"
	    "\tset -l verb (string split -n ' ' -- $argv[1])\n"
	    "\tset -l n (count $verb)\n"
	    "\ttest (count $words) -ge $n; or return 1\n"
	    "\tif test $n -gt 0\n"
	    "\t\ttest \"$words[1..$n]\" = \"$argv[1]\"; or return 1\n"
	    "\tend\n"
	    "\ttest (count $argv) -lt 2; or test (count $words) -eq (math $n + $argv[2])\n"
	    "end\n");
}

/* "complete -c NAME -n '__NAME_at "VERB" N'" */
static void
write_condition(struct buf *out, const struct cli_program *p, struct span verb, int n)
{
	buf_addf(out, "complete -c %s -n '", p->name);
	function_name(out, p);
	buf_addf(out, "_at \"%.*s\"", (int)verb.n, verb.p);
	if (n >= 0)
		buf_addf(out, " %d", n);
	buf_adds(out, "' ");
}

static void
write_value(struct buf *out, const char *argument)
{
	enum cli_value kind = shell_value(argument);

	if (kind == VALUE_CHOICE) {
		buf_adds(out, " -x -a '");
		shell_choices(out, span_of(argument));
		buf_addc(out, '\'');
	} else if (kind == VALUE_DIRECTORY) {
		buf_adds(out, " -x -a '(__fish_complete_directories)'");
	} else if (kind == VALUE_FILE) {
		buf_adds(out, " -r -F");
	} else if (kind == VALUE_ANY) {
		buf_adds(out, " -x");
	}
}

static const struct cli_source *
source_of(const struct cli_program *p, const struct cli_option *o)
{
	for (size_t i = 0; i < p->n_sources; i++)
		if (shell_source_has(&p->source[i], o))
			return &p->source[i];
	return NULL;
}

static void
write_options(struct buf *out, const struct cli_program *p, const struct cli_verb *v)
{
	struct cli_walk w = { 0 };
	const struct cli_option *o;

	while ((o = cli_walk(v, &w))) {
		const struct cli_source *s = source_of(p, o);

		write_condition(out, p, span_of(v->name), *v->name ? -1 : 0);
		buf_addf(out, "-l %s", o->name);
		if (s)
			buf_addf(out, " -x -a '(%s)'", s->command);
		else
			write_value(out, o->flags & CLI_OPTIONAL ? NULL : o->argument);
		buf_adds(out, " -d ");
		shell_sentence(out, o->help);
		buf_addc(out, '\n');
	}
}

static void
write_operands(struct buf *out, const struct cli_program *p, const struct cli_verb *v)
{
	struct span rest = span_of(v->operands), word;

	for (int n = 0; cli_next(&rest, " ", &word); n++) {
		CLEANUP(buf_fini) struct buf name = BUF_INIT(256);

		buf_add(&name, cli_operand_name(word).p, cli_operand_name(word).n);
		if (shell_value(buf_str(&name)) == VALUE_ANY)
			continue;
		write_condition(out, p, span_of(v->name), cli_operand_repeats(word) ? -1 : n);
		write_value(out, buf_str(&name));
		buf_addc(out, '\n');
	}
}

/* What only the running system knows, for the first operand of this verb. */
static void
write_sources(struct buf *out, const struct cli_program *p)
{
	for (size_t i = 0; i < p->n_sources; i++) {
		const struct cli_source *s = &p->source[i];

		if (s->words && !s->argument) {
			write_condition(out, p, span_of(s->words), 0);
			buf_addf(out, "-x -a '(%s)'\n", s->command);
		}
		for (size_t k = 0; k < p->n_verbs; k++) {
			if (!shell_source_fits(s, &p->verb[k]))
				continue;
			write_condition(out, p, span_of(p->verb[k].name), 0);
			buf_addf(out, "-x -a '(%s)'\n", s->command);
		}
	}
}

/* The verb's own word, after the ones before it. */
static void
write_verb(struct buf *out, const struct cli_program *p, size_t i)
{
	const struct cli_verb *v = &p->verb[i];
	struct span first = cli_first_word(v);

	if (cli_is_first_of_noun(p, i)) {
		write_condition(out, p, span_of(""), 0);
		buf_addf(out, "-a %.*s -d ", (int)first.n, first.p);
		shell_sentence(out, shell_is_noun(p, i) ? "More verbs." : v->summary);
		buf_addc(out, '\n');
	}
	if (*cli_second_word(v)) {
		write_condition(out, p, first, 0);
		buf_addf(out, "-a %s -d ", cli_second_word(v));
		shell_sentence(out, v->summary);
		buf_addc(out, '\n');
	}
}

void
cli_write_fish(const struct cli_program *p, struct buf *out)
{
	buf_addf(out, "# fish completion for %s, written from its option table\n", p->name);
	write_words(out, p);
	write_at(out, p);
	buf_addf(out, "complete -c %s -f\n", p->name);
	buf_addf(out, "complete -c %s -s h -l help -d 'Prints the help'\n", p->name);
	buf_addf(out, "complete -c %s -l version -d 'Prints the version'\n", p->name);
	for (size_t i = 0; i < p->n_verbs; i++) {
		if (*p->verb[i].name)
			write_verb(out, p, i);
		write_operands(out, p, &p->verb[i]);
		write_options(out, p, &p->verb[i]);
	}
	write_sources(out, p);
}
