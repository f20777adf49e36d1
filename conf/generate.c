/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: generate bash|zsh|fish|man PROGRAM
 * Prints what a program's option table says as a completion script or as sections of its manual
 * page. generate.sh keeps the files that are checked in.
 */
#include <stdio.h>
#include <string.h>

#include "base/cli/cli.h"
#include "connd/command_line.h"
#include "ctl/verb_table.h"
#include "manager/program/table.h"

static const struct cli_program *const programs[] = { &ctl_program, &connd_program,
	&manager_program };

static const struct {
	const char *name;
	void (*write)(const struct cli_program *p, struct buf *out);
} kinds[] = {
	{ "bash", cli_write_bash },
	{ "zsh", cli_write_zsh },
	{ "fish", cli_write_fish },
	{ "man", cli_write_man },
};

static int
print(const char *kind, const struct cli_program *p)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT((size_t)1 << 20);

	for (size_t i = 0; i < N_ELEMENTS(kinds); i++)
		if (strcmp(kinds[i].name, kind) == 0)
			kinds[i].write(p, &out);
	return !out.len || buf_error(&out) || fputs(buf_str(&out), stdout) < 0 ||
	       fflush(stdout) != 0;
}

int
main(int argc, char *argv[])
{
	for (size_t i = 0; argc == 3 && i < N_ELEMENTS(programs); i++)
		if (strcmp(programs[i]->name, argv[2]) == 0)
			return print(argv[1], programs[i]);
	(void)fputs("usage: generate bash|zsh|fish|man PROGRAM\n", stderr);
	return 2;
}
