/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/admin/secret.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "ctl/ctl.h"
#include "ctl/output.h"

/* A line, until Enter or the character that interrupts: true. Not by stdio, whose buffer stays. */
static bool
line_read(struct buf *out, char interrupt)
{
	char c = 0;

	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n' && c != interrupt)
		buf_addc(out, c);
	return c == interrupt;
}

/*
 * One line from the terminal with its echo off. The terminal's own signals are off, too: an
 * interrupt must not leave it without echo.
 */
static int
prompt_read(const char *prompt, struct buf *out)
{
	struct termios old, quiet;
	bool interrupted;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &old) < 0)
		return ctl_fail(CTL_USAGE, "Pass a file, or - for standard input.",
		    "%s is asked for on a terminal, and there is none here", prompt);
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	quiet.c_cc[VEOL] = old.c_cc[VINTR]; /* delivered at once, as Enter is */
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	/* From here on what is typed counts. */
	output_progress_end();
	(void)fprintf(stderr, "%s: ", prompt);
	interrupted = line_read(out, (char)old.c_cc[VINTR]);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
	(void)fputc('\n', stderr);
	if (interrupted)
		return ctl_fail(CTL_NO, NULL, "interrupted; nothing was changed");
	return CTL_YES;
}

static int
stdin_read(struct buf *out)
{
	char part[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, part, sizeof part)) > 0)
		buf_add(out, part, (size_t)n);
	explicit_bzero(part, sizeof part);
	if (n < 0)
		return ctl_fail(CTL_USAGE, NULL, "standard input: %s", strerror(errno));
	return CTL_YES;
}

int
secret_read(const char *path, const char *prompt, struct buf *out)
{
	struct why why;
	int code = CTL_YES;

	if (!path)
		code = prompt_read(prompt, out);
	else if (strcmp(path, "-") == 0)
		code = stdin_read(out);
	else if (file_read(path, out, &why) < 0)
		code = ctl_fail(CTL_USAGE, NULL, "%s", why.text);
	if (code == CTL_YES && buf_error(out))
		return ctl_fail(CTL_USAGE, NULL, "%s is too long", prompt);
	if (code == CTL_YES && out->len && out->data[out->len - 1] == '\n')
		out->data[--out->len] = 0;
	return code;
}
