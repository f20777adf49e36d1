/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion scripts for bash and zsh, which differ in a few words, and what fish's shares with
 * them.
 */
#include "base/cli/shell.h"

#include <string.h>

/* --- the parts ------------------------------------------------------------------------- */

enum cli_value
shell_value(const char *argument)
{
	if (!argument)
		return VALUE_NONE;
	if (cli_is_choice(span_of(argument)))
		return VALUE_CHOICE;
	if (strcmp(argument, "FILE") == 0 || strcmp(argument, "PATH") == 0 ||
	    strcmp(argument, "COMMAND") == 0)
		return VALUE_FILE;
	return strcmp(argument, "DIR") == 0 ? VALUE_DIRECTORY : VALUE_ANY;
}

void
shell_choices(struct buf *out, struct span argument)
{
	struct span word;

	for (const char *gap = ""; cli_next(&argument, "|", &word); gap = " ")
		buf_addf(out, "%s%.*s", gap, (int)word.n, word.p);
}

void
shell_sentence(struct buf *out, const char *text)
{
	const char *end = strstr(text, ". ");
	size_t n = end ? (size_t)(end - text) : strlen(text);

	if (n && text[n - 1] == '.')
		n--;
	buf_addc(out, '\'');
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '\'')
			buf_adds(out, "'\\''");
		else
			buf_addc(out, text[i] == '\n' ? ' ' : text[i]);
	}
	buf_addc(out, '\'');
}

void
shell_verbs(struct buf *out, const struct cli_program *p, const char *noun)
{
	for (size_t i = 0; i < p->n_verbs; i++) {
		struct span first = cli_first_word(&p->verb[i]);

		if (noun && span_is(first, noun))
			buf_addf(out, " %s", cli_second_word(&p->verb[i]));
		else if (!noun && first.n && cli_is_first_of_noun(p, i))
			buf_addf(out, " %.*s", (int)first.n, first.p);
	}
}

bool
shell_is_noun(const struct cli_program *p, size_t i)
{
	return *cli_second_word(&p->verb[i]) && cli_is_first_of_noun(p, i);
}

bool
shell_source_fits(const struct cli_source *s, const struct cli_verb *v)
{
	struct span rest = span_of(v->operands), first;

	return s->words && s->argument && span_is(cli_first_word(v), s->words) &&
	       cli_next(&rest, " ", &first) && span_is(cli_operand_name(first), s->argument);
}

bool
shell_source_has(const struct cli_source *s, const struct cli_option *o)
{
	return s->option && o->argument && strcmp(o->name, s->option) == 0 &&
	       strcmp(o->argument, s->argument) == 0;
}

/* Does no earlier verb have an option of this name? */
static bool
is_first_verb(const struct cli_program *p, size_t verb, const struct cli_option *o)
{
	for (size_t i = 0; i < verb; i++)
		if (cli_option(&p->verb[i], span_of(o->name)))
			return false;
	return true;
}

const struct cli_option *
shell_walk(const struct cli_program *p, struct shell_walk *w)
{
	const struct cli_option *o;

	for (; w->verb < p->n_verbs; w->verb++, w->in = (struct cli_walk){ 0 })
		while ((o = cli_walk(&p->verb[w->verb], &w->in)))
			if (is_first_verb(p, w->verb, o))
				return o;
	return NULL;
}

/* --- bash and zsh ---------------------------------------------------------------------- */

struct dialect {
	/* defines cur, prev, and given: the words before the cursor, options left out */
	const char *head;
	const char *tail;
	int first_index; /* of an array */
	const char *files, *directories;
	const char *words; /* followed by a list and `words_end` */
	const char *words_end;
	const char *lines; /* followed by a command that prints the choices, and `lines_end` */
	const char *lines_end;
	const char *nothing;
};

static const struct dialect bash = {
	.head = "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i\n"
		"\tlocal -a given=()\n"
		"\tCOMPREPLY=()\n"
		"\t# bash splits --option=value into three words.\n"
		"\tif [[ $cur == = ]]; then\n"
		"\t\tcur=\n"
		"\telif [[ $prev == = ]]; then\n"
		"\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
		"\tfi\n"
		"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		"\t\tcase ${COMP_WORDS[i]} in\n"
		"\t\t%VALUED%)\n"
		"\t\t\t[[ ${COMP_WORDS[i + 1]-} != = ]] || ((i++))\n"
		"\t\t\t((i++))\n"
		"\t\t\t;;\n"
		"\t\t-*) ;;\n"
		"\t\t*) given+=(\"${COMP_WORDS[i]}\") ;;\n"
		"\t\tesac\n"
		"\tdone\n",
	.files = "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")",
	.directories = "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")",
	.words = "mapfile -t COMPREPLY < <(compgen -W \"",
	.words_end = "\" -- \"$cur\")",
	/* Not compgen -W, which would expand what a key holds. */
	.lines = "mapfile -t COMPREPLY < <(",
	.lines_end = " | while IFS= read -r i; do "
		     "[[ $i != \"$cur\"* ]] || printf '%q\\n' \"$i\"; done)",
	.nothing = ":",
};

static const struct dialect zsh = {
	.head = "\tlocal cur=${words[CURRENT]} prev=${words[CURRENT-1]} i\n"
		"\tlocal -a given=()\n"
		"\tif [[ $cur == --*=* ]]; then\n"
		"\t\tprev=${cur%%=*}\n"
		"\t\tcompset -P '*='\n"
		"\tfi\n"
		"\tfor ((i = 2; i < CURRENT; i++)); do\n"
		"\t\tcase ${words[i]} in\n"
		"\t\t(%VALUED%) ((i++)) ;;\n"
		"\t\t(-*) ;;\n"
		"\t\t(*) given+=(${words[i]}) ;;\n"
		"\t\tesac\n"
		"\tdone\n",
	.first_index = 1,
	.files = "_files",
	.directories = "_files -/",
	.words = "compadd -- ",
	.words_end = "",
	.lines = "compadd -- \"${(@f)$(",
	.lines_end = ")}\"",
	.nothing = "_message value",
};

static void
write_value(struct buf *out, const struct dialect *d, enum cli_value kind, struct span argument)
{
	if (kind == VALUE_FILE)
		buf_adds(out, d->files);
	else if (kind == VALUE_DIRECTORY)
		buf_adds(out, d->directories);
	else if (kind == VALUE_CHOICE) {
		buf_adds(out, d->words);
		shell_choices(out, argument);
		buf_adds(out, d->words_end);
	} else
		buf_adds(out, d->nothing);
}

/* "--a | --b": the options that take the next word. */
static void
write_valued(struct buf *out, const struct cli_program *p)
{
	struct shell_walk w = { 0 };
	const struct cli_option *o;
	const char *gap = "";

	while ((o = shell_walk(p, &w))) {
		if (!o->argument || o->flags & CLI_OPTIONAL)
			continue;
		buf_addf(out, "%s--%s", gap, o->name);
		gap = " | ";
	}
	if (!*gap)
		buf_adds(out, "--");
}

static void
write_head(struct buf *out, const struct dialect *d, const struct cli_program *p)
{
	const char *valued = strstr(d->head, "%VALUED%");

	buf_add(out, d->head, (size_t)(valued - d->head));
	write_valued(out, p);
	buf_adds(out, valued + strlen("%VALUED%"));
}

/* The value of the option before the cursor. */
static void
write_values(struct buf *out, const struct dialect *d, const struct cli_program *p)
{
	struct shell_walk w = { 0 };
	const struct cli_option *o;

	buf_adds(out, "\tcase $prev in\n");
	while ((o = shell_walk(p, &w))) {
		if (!o->argument)
			continue;
		buf_addf(out, "\t(--%s) ", o->name);
		write_value(out, d, shell_value(o->argument), span_of(o->argument));
		buf_adds(out, "; return ;;\n");
	}
	buf_adds(out, "\tesac\n");
}

static void
write_options(struct buf *out, const struct dialect *d, const struct cli_verb *v)
{
	struct cli_walk w = { 0 };
	const struct cli_option *o;

	buf_addf(out, "\t\tif [[ $cur == -* ]]; then\n\t\t\t%s", d->words);
	while ((o = cli_walk(v, &w)))
		buf_addf(out, "--%s%s ", o->name, o->flags & CLI_OPTIONAL ? "=" : "");
	buf_addf(out, "--help%s\n", d->words_end);
}

static void
write_verb(struct buf *out, const struct dialect *d, const struct cli_verb *v)
{
	struct span rest = span_of(v->operands), word;
	int n = *cli_second_word(v) ? 2 : 1;

	buf_addf(out, "\t(\"%s \"*)\n", v->name);
	write_options(out, d, v);
	for (; cli_next(&rest, " ", &word); n++) {
		CLEANUP(buf_fini) struct buf name = BUF_INIT(256);

		buf_add(&name, cli_operand_name(word).p, cli_operand_name(word).n);
		buf_addf(out, "\t\telif ((${#given[@]} %s %d)); then\n\t\t\t",
		    cli_operand_repeats(word) ? ">=" : "==", n);
		write_value(out, d, shell_value(buf_str(&name)), span_of_buf(&name));
		buf_addc(out, '\n');
	}
	buf_adds(out, "\t\tfi\n\t\t;;\n");
}

static void
write_nouns(struct buf *out, const struct dialect *d, const struct cli_program *p)
{
	for (size_t i = 0; i < p->n_verbs; i++) {
		CLEANUP(buf_fini) struct buf noun = BUF_INIT(256);
		struct span word = cli_first_word(&p->verb[i]);

		if (!shell_is_noun(p, i))
			continue;
		buf_add(&noun, word.p, word.n);
		buf_addf(out, "\t(\"%s  \") %s", buf_str(&noun), d->words);
		shell_verbs(out, p, buf_str(&noun));
		buf_addf(out, "%s ;;\n", d->words_end);
	}
}

/* Before any word: the verbs, and the options of a program that runs without one. */
static void
write_first(struct buf *out, const struct dialect *d, const struct cli_program *p)
{
	buf_addf(out, "\t(\"  \") if [[ $cur == -* ]]; then %s--help --version", d->words);
	for (size_t i = 0; i < p->n_verbs; i++) {
		struct cli_walk w = { 0 };
		const struct cli_option *o;

		while (!*p->verb[i].name && (o = cli_walk(&p->verb[i], &w)))
			buf_addf(out, " --%s", o->name);
	}
	buf_addf(out, "%s; else %s", d->words_end, d->words);
	shell_verbs(out, p, NULL);
	buf_addf(out, "%s; fi ;;\n", d->words_end);
}

/* The patterns that a source is for, with a bar between them. False: there is none. */
static bool
write_patterns(struct buf *out, const struct cli_program *p, const struct cli_source *s)
{
	const char *gap = "\t(";

	if (s->words && !s->argument) {
		buf_addf(out, "%s\"%s :\"*", gap, s->words);
		gap = " | ";
	}
	for (size_t i = 0; i < p->n_verbs; i++) {
		const struct cli_verb *v = &p->verb[i];
		struct cli_walk w = { 0 };
		const struct cli_option *o;

		if (shell_source_fits(s, v)) {
			buf_addf(out, "%s\"%s :\"*", gap, v->name);
			gap = " | ";
		}
		while ((o = cli_walk(v, &w)))
			if (shell_source_has(s, o)) {
				buf_addf(out, "%s\"%s \"*\": --%s\"", gap, v->name, o->name);
				gap = " | ";
			}
	}
	return *gap == ' ';
}

/*
 * What only the running system knows: by the words so far, a colon, and the word before the
 * cursor. An option that takes a value comes before the words' own completion.
 */
static void
write_sources(struct buf *out, const struct dialect *d, const struct cli_program *p)
{
	if (!p->n_sources)
		return;
	buf_adds(out, "\tcase \"${given[*]} : $prev\" in\n");
	for (int options = 1; options >= 0; options--)
		for (size_t i = 0; i < p->n_sources; i++) {
			const struct cli_source *s = &p->source[i];

			if ((s->option != NULL) != options || !write_patterns(out, p, s))
				continue;
			buf_addf(out, ") if [[ $cur != -*%s ]]; then %s%s%s; return; fi ;;\n",
			    options ? "" : " && $prev != --*", d->lines, s->command, d->lines_end);
		}
	buf_adds(out, "\tesac\n");
}

static void
write_body(struct buf *out, const struct dialect *d, const struct cli_program *p)
{
	int at = d->first_index;

	write_head(out, d, p);
	write_sources(out, d, p);
	write_values(out, d, p);
	buf_addf(out, "\tcase \"${given[%d]-} ${given[%d]-} \" in\n", at, at + 1);
	write_first(out, d, p);
	write_nouns(out, d, p);
	for (size_t i = 0; i < p->n_verbs; i++)
		if (*p->verb[i].name)
			write_verb(out, d, &p->verb[i]);
	buf_adds(out, "\tesac\n");
}

/* A function's name: a dash is allowed in bash and zsh, but no letter of POSIX's. */
static void
function_name(struct buf *out, const struct cli_program *p)
{
	buf_addc(out, '_');
	for (const char *c = p->name; *c; c++)
		buf_addc(out, *c == '-' ? '_' : *c);
}

void
cli_write_bash(const struct cli_program *p, struct buf *out)
{
	buf_addf(out, "# bash completion for %s, written from its option table\n", p->name);
	function_name(out, p);
	buf_adds(out, "()\n{\n");
	write_body(out, &bash, p);
	buf_adds(out, "}\ncomplete -F ");
	function_name(out, p);
	buf_addf(out, " %s\n", p->name);
}

void
cli_write_zsh(const struct cli_program *p, struct buf *out)
{
	buf_addf(out, "#compdef %s\n# Written from the option table of %s.\n", p->name, p->name);
	function_name(out, p);
	buf_adds(out, "()\n{\n");
	write_body(out, &zsh, p);
	buf_adds(out, "}\n");
	function_name(out, p);
	buf_adds(out, " \"$@\"\n");
}
