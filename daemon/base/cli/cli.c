/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cli/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/cli/words.h"
#include "base/distance.h"

#define MAX_WORDS (CLI_MAX_OPERANDS + 2) /* a verb has two at most */

/* What getopt_long returns for an option: its index in `longopts` and these. */
enum { FIRST_OPTION = 0x100, HELP = 'h' };
/* The first two of `longopts`. */
enum { LONGOPT_HELP, LONGOPT_VERSION };

struct reader {
	const struct cli_program *p;
	struct option longopts[CLI_MAX_NAMES + 3];
	size_t n_longopts;
	const char *word[MAX_WORDS];
	size_t n_words;        /* those beyond MAX_WORDS are counted, too */
	size_t n_words_before; /* "--" */
	char *const *rest;     /* what stands behind "--" */
	struct {
		const char *name, *value;
	} given[CLI_MAX_GIVEN];
	size_t n_given;
	bool help, version;
	struct why *why;
};

#define REFUSE(why, ...) (why_set(why, __VA_ARGS__), false)

/* --- the nearest name ------------------------------------------------------------------ */

struct nearest {
	struct span meant;
	struct span best;
	size_t distance;
};

static void
nearest_try(struct nearest *n, struct span candidate)
{
	size_t d = edit_distance(n->meant, candidate);
	bool begins = n->meant.n > 1 && candidate.n > n->meant.n &&
		      memcmp(n->meant.p, candidate.p, n->meant.n) == 0;

	if (begins)
		d = 1;
	if (candidate.n && d < n->distance) {
		n->distance = d;
		n->best = candidate;
	}
}

static struct nearest
nearest_to(const char *text, size_t length)
{
	/* Further apart than a third of its letters, two names are different things. */
	return (struct nearest){ .meant = { text, length }, .distance = length / 3 + 2 };
}

/* Appends ": did you mean PREFIX...?" to why, if a name was near. */
static void
nearest_say(const struct nearest *n, const char *prefix, struct why *why)
{
	if (n->best.p)
		why_add(why, ": did you mean \"%s%.*s\"?", prefix, (int)n->best.n, n->best.p);
}

/* --- reading argv ---------------------------------------------------------------------- */

static void
longopts_add(struct reader *r, const struct cli_option *o)
{
	int has_arg = !o->argument              ? no_argument
		      : o->flags & CLI_OPTIONAL ? optional_argument
						: required_argument;

	for (size_t i = 0; i < r->n_longopts; i++)
		if (strcmp(r->longopts[i].name, o->name) == 0)
			return;
	if (r->n_longopts < CLI_MAX_NAMES) {
		r->longopts[r->n_longopts] = (struct option){ .name = o->name,
			.has_arg = has_arg,
			.val = FIRST_OPTION + (int)r->n_longopts };
		r->n_longopts++;
	}
}

static void
longopts_build(struct reader *r)
{
	static const struct cli_option standard[] = { { .name = "help" }, { .name = "version" } };
	const struct cli_option *o;

	longopts_add(r, &standard[0]);
	longopts_add(r, &standard[1]);
	for (size_t i = 0; i < r->p->n_verbs; i++) {
		struct cli_walk w = { 0 };

		while ((o = cli_walk(&r->p->verb[i], &w)))
			longopts_add(r, o);
	}
}

static bool
refuse_unknown(struct reader *r, const char *arg)
{
	size_t dashes = strspn(arg, "-"), length = strcspn(arg + dashes, "=");
	struct nearest n = nearest_to(arg + dashes, length);

	(void)REFUSE(r->why, "unknown option \"%.*s\"",
	    (int)(dashes + length < 80 ? dashes + length : 80), arg);
	for (size_t i = 0; dashes == 2 && i < r->n_longopts; i++)
		nearest_try(&n, span_of(r->longopts[i].name));
	nearest_say(&n, "--", r->why);
	return false;
}

static void
word_add(struct reader *r, const char *word)
{
	if (r->n_words < MAX_WORDS)
		r->word[r->n_words] = word;
	r->n_words++;
}

static bool
option_add(struct reader *r, size_t i, const char *value)
{
	if (i == LONGOPT_HELP) {
		r->help = true;
		return true;
	}
	if (i == LONGOPT_VERSION) {
		r->version = true;
		return true;
	}
	if (r->n_given == CLI_MAX_GIVEN)
		return REFUSE(r->why, "at most %d options fit on one command line", CLI_MAX_GIVEN);
	r->given[r->n_given].name = r->longopts[i].name;
	r->given[r->n_given++].value = value;
	return true;
}

/* One result of getopt_long, which looked at arg first. */
static bool
take(struct reader *r, int c, const char *arg, int index)
{
	size_t length = strlen(arg) > 2 ? strcspn(arg + 2, "=") : 0;

	if (c == 1) {
		word_add(r, optarg);
		return true;
	}
	if (c == HELP)
		return option_add(r, LONGOPT_HELP, NULL);
	if (c == ':')
		return REFUSE(r->why, "--%.*s needs a value", (int)length, arg + 2);
	if (c == '?' && optopt >= FIRST_OPTION)
		return REFUSE(r->why, "--%.*s takes no value", (int)length, arg + 2);
	/*
	 * getopt_long accepts beginnings of names; a script that uses them breaks with the next
	 * option.
	 */
	if (c == '?' || strlen(r->longopts[index].name) != length)
		return refuse_unknown(r, arg);
	return option_add(r, (size_t)index, optarg);
}

/* After an error the words still count: they say which verb's help to name. */
static bool
read_arguments(struct reader *r, int argc, char *const argv[])
{
	bool fits = true;

	opterr = 0;
	optind = 0; /* glibc: start anew */
	for (;;) {
		int at = optind > 0 ? optind : 1, index = -1;
		/*
		 * "-": words are returned in their places, argv stays as it is; ":": says what is
		 * missing
		 */
		int c = getopt_long(argc, argv, "-:h", r->longopts, &index);

		if (c == -1)
			break;
		if (fits)
			fits = take(r, c, argv[at], index);
		else if (c == 1)
			word_add(r, optarg);
	}
	r->n_words_before = r->n_words;
	r->rest = argv + optind;
	for (int i = optind; i < argc; i++)
		word_add(r, argv[i]);
	return fits;
}

/* --- the verb -------------------------------------------------------------------------- */

static bool
verb_is(const struct cli_verb *v, const struct reader *r)
{
	const char *second = cli_second_word(v);

	if (!v->name[0])
		return r->n_words == 0 || r->p->n_verbs == 1;
	if (r->n_words == 0)
		return false;
	return span_is(cli_first_word(v), r->word[0]) &&
	       (!second[0] || (r->n_words > 1 && strcmp(second, r->word[1]) == 0));
}

static const struct cli_verb *
verb_find(const struct reader *r)
{
	for (size_t i = 0; i < r->p->n_verbs; i++)
		if (verb_is(&r->p->verb[i], r))
			return &r->p->verb[i];
	return NULL;
}

/* Appends the first words of the table, or the second ones of a noun. */
static void
say_choices(const struct reader *r, const char *noun, struct why *why)
{
	const char *separator = " ";

	for (size_t i = 0; i < r->p->n_verbs; i++) {
		const struct cli_verb *v = &r->p->verb[i];
		struct span word = noun ? span_of(cli_second_word(v)) : cli_first_word(v);

		if (!word.n || (noun && !span_is(cli_first_word(v), noun)) ||
		    (!noun && !cli_is_first_of_noun(r->p, i)))
			continue;
		why_add(why, "%s%.*s", separator, (int)word.n, word.p);
		separator = ", ";
	}
}

static bool
refuse_verb(const struct reader *r)
{
	const char *word = r->n_words ? r->word[0] : "", *second = r->n_words > 1 ? r->word[1] : "";
	struct nearest n = nearest_to(word, strlen(word)), n2 = nearest_to(second, strlen(second));
	bool noun = false;

	for (size_t i = 0; i < r->p->n_verbs; i++) {
		nearest_try(&n, cli_first_word(&r->p->verb[i]));
		if (word[0] && span_is(cli_first_word(&r->p->verb[i]), word)) {
			noun = true;
			nearest_try(&n2, span_of(cli_second_word(&r->p->verb[i])));
		}
	}
	if (!word[0])
		(void)REFUSE(r->why, "no verb:");
	else if (noun && !second[0])
		(void)REFUSE(r->why, "\"%s\" needs a verb:", word);
	else
		(void)REFUSE(r->why, "unknown verb \"%.60s%s%.60s\"", word, noun ? " " : "",
		    noun ? second : "");
	if (!word[0] || (noun && !second[0]))
		say_choices(r, noun ? word : NULL, r->why);
	else if (noun && n2.best.p)
		nearest_say(&n2, "", r->why);
	else if (!noun)
		nearest_say(&n, "", r->why);
	return false;
}

/* --- does it fit the verb? ------------------------------------------------------------- */

static bool
check_operand(const struct reader *r, const struct cli_verb *v, struct span want, const char *word)
{
	want = cli_operand_name(want);
	if (!cli_is_choice(want) || cli_choice_allows(want, word))
		return true;
	return REFUSE(r->why, "%s takes %.*s, not \"%.60s\": %s %s %s", v->name, (int)want.n,
	    want.p, word, r->p->name, v->name, v->operands);
}

/* The verb's words stand before "--", and at least one behind it. */
static bool
take_rest(const struct reader *r, struct cli_line *out, size_t n_verb_words)
{
	if (r->n_words_before != n_verb_words || r->n_words == n_verb_words)
		return REFUSE(r->why, "the command stands behind \"--\": %s %s %s", r->p->name,
		    out->verb->name, out->verb->operands);
	out->rest = r->rest;
	return true;
}

static bool
check_operands(const struct reader *r, struct cli_line *out)
{
	const struct cli_verb *v = out->verb;
	struct span rest = span_of(v->operands), want;
	size_t skip = !v->name[0] ? 0 : *cli_second_word(v) ? 2 : 1, n = r->n_words - skip;

	if (cli_takes_command(v))
		return take_rest(r, out, skip);
	while (cli_next(&rest, " ", &want)) {
		if (out->n_operands == n) {
			if (want.p[0] == '[')
				continue;
			return REFUSE(
			    r->why, "too few words: %s %s %s", r->p->name, v->name, v->operands);
		}
		do {
			if (!check_operand(r, v, want, r->word[skip + out->n_operands]))
				return false;
			out->operand[out->n_operands] = r->word[skip + out->n_operands];
			out->n_operands++;
		} while (cli_operand_repeats(want) && out->n_operands < n &&
			 out->n_operands < CLI_MAX_OPERANDS);
	}
	if (out->n_operands == n)
		return true;
	if (!v->name[0])
		return REFUSE(
		    r->why, "unexpected argument \"%.60s\"", r->word[skip + out->n_operands]);
	return REFUSE(r->why, "too many words: %s %s%s%s", r->p->name, v->name,
	    *v->operands ? " " : "", v->operands);
}

static bool
check_given(const struct reader *r, struct cli_line *out, const char *name, const char *value)
{
	const struct cli_verb *v = out->verb;
	const struct cli_option *o = cli_option(v, span_of(name));

	if (!o)
		return REFUSE(r->why, "%s%shas no option --%s", v->name,
		    *v->name ? " " : "this command ", name);
	if (r->p->strict && !(o->flags & CLI_REPEATS) && cli_has(out, o->id))
		return REFUSE(r->why, "--%s is given twice", name);
	if (value && cli_is_choice(span_of(o->argument)) &&
	    !cli_choice_allows(span_of(o->argument), value))
		return REFUSE(r->why, "--%s takes %s, not \"%.60s\"", name, o->argument, value);
	out->given[out->n_given++] = (struct cli_given){ o, value };
	return true;
}

static bool
check_needed(const struct reader *r, const struct cli_line *out)
{
	struct cli_walk w = { 0 };
	const struct cli_option *o;

	while ((o = cli_walk(out->verb, &w)))
		if ((o->flags & CLI_NEEDED) && !cli_has(out, o->id))
			return REFUSE(r->why, "%s%s--%s %s is missing", out->verb->name,
			    *out->verb->name ? " needs: " : "", o->name, o->argument);
	return true;
}

static bool
check(const struct reader *r, struct cli_line *out)
{
	for (size_t i = 0; i < r->n_given; i++)
		if (!check_given(r, out, r->given[i].name, r->given[i].value))
			return false;
	return check_operands(r, out) && check_needed(r, out);
}

/* The noun of which --help is asked; NULL: none. */
static const char *
find_noun(const struct reader *r)
{
	for (size_t i = 0; r->n_words == 1 && i < r->p->n_verbs; i++)
		if (span_is(cli_first_word(&r->p->verb[i]), r->word[0]))
			return r->word[0];
	return NULL;
}

enum cli_verdict
cli_read(const struct cli_program *p, int argc, char *const argv[], struct cli_line *out,
    struct why *why)
{
	struct reader r = { .p = p, .why = why };
	bool fits;

	*out = (struct cli_line){ 0 };
	why->text[0] = 0;
	longopts_build(&r);
	fits = read_arguments(&r, argc, argv);
	out->verb = verb_find(&r);
	if (!fits)
		return CLI_WRONG;
	if (r.version)
		return CLI_VERSION;
	out->noun = out->verb ? NULL : find_noun(&r);
	if (r.help && (out->verb || out->noun || r.n_words == 0))
		return CLI_HELP;
	if (!out->verb)
		(void)refuse_verb(&r);
	return out->verb && check(&r, out) ? CLI_RUN : CLI_WRONG;
}

bool
cli_has(const struct cli_line *line, int id)
{
	for (size_t i = 0; i < line->n_given; i++)
		if (line->given[i].option->id == id)
			return true;
	return false;
}

const char *
cli_value(const struct cli_line *line, int id)
{
	for (size_t i = line->n_given; i > 0; i--)
		if (line->given[i - 1].option->id == id)
			return line->given[i - 1].value;
	return NULL;
}
