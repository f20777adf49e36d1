/* SPDX-License-Identifier: Apache-2.0 */
/* base/cli: reading command lines by a table, and the tables of the programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cli/cli.h"
#include "base/cli/words.h"
#include "connd/command_line.h"
#include "ctl/verb_table.h"
#include "ctl/verbs.h"
#include "manager/program/table.h"

enum { TEST_FILE, TEST_MODE, TEST_NAME, TEST_BRIEF, TEST_COMMAND, TEST_PLAIN };

static const struct cli_option shared_options[] = {
	{ "file", TEST_FILE, 0, "FILE", "/etc/x", "A file. It is read." },
	{ "brief", TEST_BRIEF, 0, NULL, NULL, "Short." },
	{ 0 },
};
static const struct cli_group shared = { "Shared", shared_options };
static const struct cli_option own_options[] = {
	{ "name", TEST_NAME, CLI_NEEDED | CLI_REPEATS, "NAME", NULL, "A name." },
	{ "mode", TEST_MODE, 0, "on|off", "on", "The mode." },
	{ "command", TEST_COMMAND, CLI_OPTIONAL, "COMMAND", NULL, "A command." },
	{ 0 },
};
static const struct cli_group own = { NULL, own_options };
static const struct cli_option plain_options[] = {
	{ "plain", TEST_PLAIN, 0, NULL, NULL, "Without a verb." },
	{ 0 },
};
static const struct cli_group plain = { NULL, plain_options };
static const struct cli_group *const only_shared[] = { &shared, NULL };
static const struct cli_group *const own_and_shared[] = { &own, &shared, NULL };
static const struct cli_group *const only_plain[] = { &plain, NULL };

static const struct cli_verb verbs[] = {
	{ "show", 1, "red|blue KEY [MORE]", "show a key", "Shows a key.", only_shared },
	{ "token create", 2, "", "make a token", "Makes a token.", own_and_shared },
	{ "token list", 3, "[x1|y-2]", "list tokens", "Lists tokens.\n\nThat is 'all'.",
	    only_shared },
};
static const struct cli_program program = { "prog", "1", "A program.", "The end.", verbs, 3, true,
	NULL, 0 };
static const struct cli_verb unnamed_verbs[] = { { "", 9, "", "runs", "Runs.", only_plain } };
static const struct cli_program unnamed = { "daemon", "1", "A daemon.", "", unnamed_verbs, 1,
	false };

static struct cli_line line;
static struct why why;

/* Splits at single spaces. */
static enum cli_verdict
read_for(const struct cli_program *p, const char *text)
{
	static char copy[4096];
	char *argv[600] = { (char *)"prog" };
	int argc = 1;

	strncpy(copy, text, sizeof copy - 1);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return cli_read(p, argc, argv, &line, &why);
}

static void
options_may_stand_before_and_after_words(void **state)
{
	static const char *const same[] = {
		"--file f token create --name a --name=b",
		"token --name a create --file=f --name b",
		"--name a --file f --name b -- token create",
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(same); i++) {
		assert_int_equal(read_for(&program, same[i]), CLI_RUN);
		assert_int_equal(line.verb->id, 2);
		assert_int_equal(line.n_given, 3);
		assert_true(cli_has(&line, TEST_FILE) && cli_has(&line, TEST_NAME));
		assert_false(cli_has(&line, TEST_MODE));
	}
	assert_int_equal(line.given[0].option->id, TEST_NAME);
	assert_string_equal(line.given[0].value, "a");
	assert_string_equal(line.given[2].value, "b");
}

static void
an_optional_value_stands_behind_an_equals_sign(void **state)
{
	(void)state;
	assert_int_equal(read_for(&program, "token create --name a --command"), CLI_RUN);
	assert_null(line.given[1].value);
	assert_int_equal(read_for(&program, "token create --name a --command=x"), CLI_RUN);
	assert_string_equal(line.given[1].value, "x");
	assert_int_equal(read_for(&program, "token create --name a --command x"), CLI_WRONG);
}

static void
words_are_counted_and_chosen(void **state)
{
	(void)state;
	assert_int_equal(read_for(&program, "show red k"), CLI_RUN);
	assert_int_equal(line.n_operands, 2);
	assert_string_equal(line.operand[1], "k");
	assert_int_equal(read_for(&program, "show blue k more"), CLI_RUN);
	assert_int_equal(line.n_operands, 3);
	assert_int_equal(read_for(&program, "token list y-2"), CLI_RUN);
	assert_string_equal(line.operand[0], "y-2");
	assert_int_equal(read_for(&program, "show blue -- --file"), CLI_RUN);
	assert_string_equal(line.operand[1], "--file");
}

static void
an_error_says_what_was_meant(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "no verb: show, token" },
		{ "shwo red k", "unknown verb \"shwo\": did you mean \"show\"?" },
		{ "frobnicate", "unknown verb \"frobnicate\"" },
		{ "token", "\"token\" needs a verb: create, list" },
		{ "token lst", "unknown verb \"token lst\": did you mean \"list\"?" },
		{ "show red k --brieff", "unknown option \"--brieff\": did you mean \"--brief\"?" },
		{ "show red k --bri", "unknown option \"--bri\": did you mean \"--brief\"?" },
		{ "show red k --fil=x", "unknown option \"--fil\": did you mean \"--file\"?" },
		{ "show red k -x", "unknown option \"-x\"" },
		{ "show red k --name a", "show has no option --name" },
		{ "show red k --brief --brief", "--brief is given twice" },
		{ "show red k --brief=yes", "--brief takes no value" },
		{ "show red k --file", "--file needs a value" },
		{ "show red", "too few words: prog show red|blue KEY [MORE]" },
		{ "show red k l m", "too many words: prog show red|blue KEY [MORE]" },
		{ "show r k", "show takes red|blue, not \"r\": prog show red|blue KEY [MORE]" },
		{ "token list z", "token list takes x1|y-2, not \"z\": prog token list [x1|y-2]" },
		{ "token create", "token create needs: --name NAME is missing" },
		{ "token create --name a --mode maybe", "--mode takes on|off, not \"maybe\"" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		assert_int_equal(read_for(&program, rows[i].text), CLI_WRONG);
		assert_string_equal(why.text, rows[i].says);
	}
}

static void
an_error_knows_its_verb_wherever_it_stands(void **state)
{
	(void)state;
	assert_int_equal(read_for(&program, "--nope show red k"), CLI_WRONG);
	assert_int_equal(line.verb->id, 1);
	assert_int_equal(read_for(&program, "--nope nothing"), CLI_WRONG);
	assert_null(line.verb);
}

static void
help_and_version_win_over_what_is_missing(void **state)
{
	(void)state;
	assert_int_equal(read_for(&program, "--help"), CLI_HELP);
	assert_true(!line.verb && !line.noun);
	assert_int_equal(read_for(&program, "-h show"), CLI_HELP);
	assert_int_equal(line.verb->id, 1);
	assert_int_equal(read_for(&program, "token --help"), CLI_HELP);
	assert_string_equal(line.noun, "token");
	assert_int_equal(read_for(&program, "frobnicate --help"), CLI_WRONG);
	assert_int_equal(read_for(&program, "show --version"), CLI_VERSION);
	assert_int_equal(read_for(&program, "--help --frobnicate"), CLI_WRONG);
}

static void
a_program_without_verbs_takes_no_words(void **state)
{
	(void)state;
	assert_int_equal(read_for(&unnamed, "--plain"), CLI_RUN);
	assert_int_equal(line.verb->id, 9);
	assert_int_equal(read_for(&unnamed, "word"), CLI_WRONG);
	assert_string_equal(why.text, "unexpected argument \"word\"");
	assert_int_equal(read_for(&unnamed, "--help"), CLI_HELP);
}

static void
the_last_of_an_option_counts_unless_the_program_is_strict(void **state)
{
	(void)state;
	assert_int_equal(read_for(&unnamed, "--plain --plain"), CLI_RUN);
	assert_int_equal(read_for(&program, "show red k --brief --brief"), CLI_WRONG);
}

static void
more_options_than_fit_are_refused(void **state)
{
	char text[4096] = "token create";

	(void)state;
	for (size_t i = 0; i < CLI_MAX_GIVEN; i++)
		strcat(text, " --name=a");
	assert_int_equal(read_for(&program, text), CLI_RUN);
	strcat(text, " --name=a");
	assert_int_equal(read_for(&program, text), CLI_WRONG);
}

static struct buf
help_of(const struct cli_program *p, const char *text)
{
	struct buf out = BUF_INIT(65536);

	assert_int_equal(read_for(p, text), CLI_HELP);
	cli_write_help(p, &line, &out);
	assert_int_equal(buf_error(&out), 0);
	return out;
}

static void
help_is_wrapped_and_complete(void **state)
{
	struct buf out = help_of(&program, "token create --help");

	(void)state;
	assert_string_equal(buf_str(&out),
	    "Usage: prog token create --name NAME [options]\n"
	    "\n"
	    "Makes a token.\n"
	    "\n"
	    "Options:\n"
	    "  --name NAME...          A name.\n"
	    "  --mode on|off           The mode. Default: on.\n"
	    "  --command[=COMMAND]     A command.\n"
	    "\n"
	    "Shared:\n"
	    "  --file FILE             A file. It is read. Default: /etc/x.\n"
	    "  --brief                 Short.\n"
	    "\n"
	    "  -h, --help              Prints this text.\n"
	    "  --version               Prints the version.\n");
	buf_fini(&out);
	out = help_of(&program, "token --help");
	assert_non_null(strstr(buf_str(&out), "token list"));
	assert_null(strstr(buf_str(&out), "show"));
	buf_fini(&out);
	out = help_of(&unnamed, "--help");
	assert_non_null(strstr(buf_str(&out), "Usage: daemon [options]\n\nA daemon.\n"));
	assert_non_null(strstr(buf_str(&out), "--plain"));
	buf_fini(&out);
}

/* --- the tables of the programs -------------------------------------------------------- */

static const struct cli_program *const programs[] = { &program, &unnamed, &ctl_program,
	&connd_program, &manager_program };

/* An option that takes a value with one verb and none with another could not be parsed. */
static void
check_option(const struct cli_program *p, const struct cli_verb *v, const struct cli_option *o)
{
	struct cli_walk w = { 0 };
	const struct cli_option *other;
	size_t same_name = 0;

	while ((other = cli_walk(v, &w)))
		same_name += strcmp(other->name, o->name) == 0;
	if (same_name != 1 || !o->help || o->help[strlen(o->help) - 1] != '.')
		fail_msg("%s %s --%s: given once, with help that ends", p->name, v->name, o->name);
	for (size_t i = 0; i < p->n_verbs; i++) {
		other = cli_option(&p->verb[i], span_of(o->name));
		if (other &&
		    (!other->argument != !o->argument || (other->flags ^ o->flags) & CLI_OPTIONAL))
			fail_msg("%s --%s takes a value here and none there", p->name, o->name);
	}
}

static void
every_table_is_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(programs); i++) {
		const struct cli_program *p = programs[i];

		for (size_t k = 0; k < p->n_verbs; k++) {
			struct cli_walk w = { 0 };
			const struct cli_option *o;

			assert_true(p->verb[k].summary && p->verb[k].help && p->verb[k].operands);
			while ((o = cli_walk(&p->verb[k], &w)))
				check_option(p, &p->verb[k], o);
		}
	}
}

/* By its name, or beside its noun. */
static void
assert_verb_is_named(const struct cli_verb *v, const char *help)
{
	struct span noun = cli_first_word(v);
	char start[64];
	const char *row;

	if (strstr(help, v->name))
		return;
	(void)snprintf(start, sizeof start, "\n  %.*s VERB", (int)noun.n, noun.p);
	row = strstr(help, start);
	assert_non_null(row);
	assert_non_null(strstr(row, cli_second_word(v)));
}

static void
every_help_names_every_verb_and_no_line_is_too_long(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(programs); i++) {
		const struct cli_program *p = programs[i];
		struct buf out = help_of(p, "--help");
		struct span rest = span_of_buf(&out), text;

		while (cli_next(&rest, "\n", &text))
			if (text.n > 80)
				fail_msg("%s: %.*s", p->name, (int)text.n, text.p);
		for (size_t k = 0; k < p->n_verbs; k++)
			assert_verb_is_named(&p->verb[k], buf_str(&out));
		buf_fini(&out);
	}
}

static void
every_option_has_a_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(programs); i++) {
		const char *name[CLI_MAX_NAMES];
		size_t n = 0;

		for (size_t k = 0; k < programs[i]->n_verbs; k++) {
			struct cli_walk w = { 0 };
			const struct cli_option *o;
			size_t j;

			while ((o = cli_walk(&programs[i]->verb[k], &w))) {
				for (j = 0; j < n && strcmp(name[j], o->name) != 0;)
					j++;
				assert_true(j < CLI_MAX_NAMES - 2); /* and --help, --version */
				if (j == n)
					name[n++] = o->name;
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_may_stand_before_and_after_words),
		cmocka_unit_test(an_optional_value_stands_behind_an_equals_sign),
		cmocka_unit_test(words_are_counted_and_chosen),
		cmocka_unit_test(an_error_says_what_was_meant),
		cmocka_unit_test(an_error_knows_its_verb_wherever_it_stands),
		cmocka_unit_test(help_and_version_win_over_what_is_missing),
		cmocka_unit_test(a_program_without_verbs_takes_no_words),
		cmocka_unit_test(the_last_of_an_option_counts_unless_the_program_is_strict),
		cmocka_unit_test(more_options_than_fit_are_refused),
		cmocka_unit_test(help_is_wrapped_and_complete),
		cmocka_unit_test(every_table_is_sound),
		cmocka_unit_test(every_help_names_every_verb_and_no_line_is_too_long),
		cmocka_unit_test(every_option_has_a_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
