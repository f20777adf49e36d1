/* SPDX-License-Identifier: Apache-2.0 */
/* connctl env: the Deployment's environment variables, for a file, a shell or another program. */
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json/write.h"
#include "ctl/local/env_format.h"
#include "ctl/local/environment.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

#define OUTPUT_SIZE ((size_t)512 << 20)

static void
write_json(struct buf *out, const struct environment *e, bool masked)
{
	buf_addc(out, '{');
	for (size_t i = 0; i < e->n; i++) {
		jtext_next(out);
		jtext_string(out, span_of(e->variable[i].name));
		buf_addc(out, ':');
		jtext_string(out, span_of(masked ? OUTPUT_MASK : e->variable[i].value));
	}
	buf_adds(out, "}\n");
}

static void
write_shell(struct buf *out, const struct environment *e)
{
	for (size_t i = 0; i < e->n; i++)
		env_format_shell(out, e->variable[i].name, e->variable[i].value);
}

/* Returns the exit code, having reported values that the format cannot hold. */
static int
write_dotenv(struct buf *out, const struct environment *e)
{
	CLEANUP(buf_fini) struct buf bad = BUF_INIT((size_t)64 * 1024);

	for (size_t i = 0; i < e->n; i++)
		if (!env_format_dotenv(out, e->variable[i].name, e->variable[i].value))
			buf_addf(&bad, "%s%s", bad.len ? ", " : "", e->variable[i].name);
	if (!bad.len)
		return CTL_YES;
	return ctl_fail(CTL_NO,
	    "Use --format shell or json, or \"connctl exec\", or leave each one out: --without "
	    "NAME.",
	    "python-dotenv and docker compose read these values differently, however they are "
	    "quoted: %s",
	    buf_str(&bad));
}

/* Names, for a person to look at. */
static void
write_masked(struct buf *out, const struct environment *e)
{
	for (size_t i = 0; i < e->n; i++) {
		output_safe(out, span_of(e->variable[i].name));
		buf_adds(out, "=" OUTPUT_MASK "\n");
	}
}

static int
write_format(struct buf *out, const struct environment *e, const char *format)
{
	if (strcmp(format, "dotenv") == 0)
		return write_dotenv(out, e);
	if (strcmp(format, "shell") == 0)
		write_shell(out, e);
	else
		write_json(out, e, false);
	return CTL_YES;
}

static enum env_reader
reader_of(const char *format)
{
	if (format && strcmp(format, "dotenv") == 0)
		return ENV_DOTENV;
	return format && strcmp(format, "shell") == 0 ? ENV_SHELL : ENV_PROCESS;
}

int
ctl_env(const struct ctl_options *o)
{
	const char *format = cli_value(o->line, OPT_FORMAT);
	CLEANUP(buf_fini) struct buf out = BUF_INIT(OUTPUT_SIZE);
	struct environment e;
	int code;

	if (format && !o->reveal && isatty(STDOUT_FILENO))
		return ctl_fail(CTL_USAGE,
		    "Redirect the output, or pass --reveal to show the values here.",
		    "--format writes secrets, and standard output is a terminal");
	code = environment_read(o, reader_of(format), &e);
	if (code == CTL_YES && format)
		code = write_format(&out, &e, format);
	else if (code == CTL_YES && o->json)
		write_json(&out, &e, true);
	else if (code == CTL_YES)
		write_masked(&out, &e);
	environment_fini(&e);
	return code == CTL_YES ? output_flush(&out) : code;
}
