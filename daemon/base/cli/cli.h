/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program's command line as one table: its verbs, their options, arguments, defaults and help.
 * From that table this module reads argv (with getopt_long), words usage errors, and writes --help,
 * the shell completions and the generated part of the manual page. Prints nothing itself.
 *
 * A value is passed as "--option VALUE" or "--option=VALUE". Options may stand before or after the
 * words; "--" ends them. -h and --help, and --version, exist in every program.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"

#define CLI_MAX_OPERANDS 4096 /* words after a verb */
#define CLI_MAX_GIVEN    256  /* options on one command line */
#define CLI_MAX_NAMES    128  /* different option names of one program */

enum {
	CLI_NEEDED = 1 << 0,   /* the verb does not run without it */
	CLI_REPEATS = 1 << 1,  /* may be given more than once */
	CLI_OPTIONAL = 1 << 2, /* its value may be left out, and is passed behind "=" only */
};

struct cli_option {
	const char *name; /* without its dashes; NULL ends a group */
	int id;           /* the program's own number for it */
	unsigned flags;
	/*
	 * What its value is, as help shows it; NULL: it takes none. FILE and PATH complete to
	 * files, DIR to directories; lower- or upper-case words with "|" between them are the only
	 * values allowed.
	 */
	const char *argument;
	const char *preset; /* the default, as help shows it; NULL: none */
	const char *help;   /* sentences */
};

/*
 * Options that verbs share. A group with a title is described once in the manual page, one without
 * beside its verb. An option may stand in several groups with other ids, help and defaults; whether
 * it takes a value must be the same in all.
 */
struct cli_group {
	const char *title; /* NULL: options of one verb */
	const struct cli_option *option;
};

struct cli_verb {
	const char *name; /* "get", "token create"; "": the program without a verb */
	int id;
	/*
	 * The words after it, as help shows them: "conn|var KEY". A word with "|" allows only
	 * those; one in brackets may be left out; one that ends with "..." takes all words that are
	 * left. "": none. "-- COMMAND [ARG...]": the command line of another program, which must
	 * stand behind "--".
	 */
	const char *operands;
	const char *summary;                  /* one line without a full stop */
	const char *help;                     /* paragraphs with an empty line between them */
	const struct cli_group *const *group; /* ends with NULL */
};

/*
 * Where completions come from that only the running system knows. It offers them after exactly
 * `words` ("get conn"), or, if `argument` is set, for that operand when it is the first of a verb
 * of the noun `words`, and for the value of `option` when a verb shows it as `argument`.
 */
struct cli_source {
	const char *words, *option, *argument; /* NULL: not used */
	/*
	 * Prints one completion a line. Quick, silent, and understood by bash, zsh and fish;
	 * without a single quote or a dollar sign.
	 */
	const char *command;
};

struct cli_program {
	const char *name;
	const char *version;
	const char *summary; /* paragraphs, at the head of the help */
	const char *ending;  /* paragraphs, at its end; "" for none */
	const struct cli_verb *verb;
	size_t n_verbs;
	bool strict; /* an option given again is an error; without it, the last one counts */
	const struct cli_source *source; /* for the completions; NULL: none */
	size_t n_sources;
};

struct cli_given {
	const struct cli_option *option; /* the row of the verb's own group */
	const char *value;               /* NULL: none */
};

struct cli_line {
	const struct cli_verb *verb; /* NULL: none was recognised */
	/* with CLI_HELP and no verb: "token" of "token create"; NULL: the program */
	const char *noun;
	const char *operand[CLI_MAX_OPERANDS];
	size_t n_operands;
	/* The other program's command line, in argv; NULL: the verb takes none. */
	char *const *rest;
	struct cli_given given[CLI_MAX_GIVEN]; /* in the order of the command line */
	size_t n_given;
};

enum cli_verdict { CLI_RUN, CLI_HELP, CLI_VERSION, CLI_WRONG };

/*
 * Reads argv (argv[0] is the program) into *out, which points into argv and the table. CLI_WRONG:
 * why says what is wrong and what was probably meant, and out->verb is the verb that was
 * recognised, or NULL. Not for two threads at once: getopt_long keeps its state in globals.
 */
MUST_CHECK enum cli_verdict cli_read(const struct cli_program *p, int argc, char *const argv[],
    struct cli_line *out, struct why *why);
/* Was an option of this id given? */
bool cli_has(const struct cli_line *line, int id);
/* The value of the last option of this id; NULL: it was not given. */
const char *cli_value(const struct cli_line *line, int id);

/* The writers append to out and leave failures in it. */

/* What --help prints for this line: of the verb, of the noun's verbs, or of the program. */
void cli_write_help(const struct cli_program *p, const struct cli_line *line, struct buf *out);
/* A completion script of that shell. */
void cli_write_bash(const struct cli_program *p, struct buf *out);
void cli_write_zsh(const struct cli_program *p, struct buf *out);
void cli_write_fish(const struct cli_program *p, struct buf *out);
/* The verbs and options as mdoc sections. */
void cli_write_man(const struct cli_program *p, struct buf *out);
