/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/local/env_format.h"

#include <string.h>

void
env_format_shell(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, "export %s='", name);
	for (const char *c = value; *c; c++)
		if (*c == '\'')
			buf_adds(out, "'\\''");
		else
			buf_addc(out, *c);
	buf_adds(out, "'\n");
}

/*
 * Within single quotes both readers know \' alone, but python-dotenv also takes \\ for one
 * backslash, which docker compose leaves as two. python-dotenv turns a carriage return of the file
 * into a newline.
 */
static bool
fits_single_quotes(const char *value)
{
	for (const char *c = value; (c = strchr(c, '\\')); c++)
		if (c[1] == '\\' || c[1] == '\'' || c[1] == '\0')
			return false;
	return !strchr(value, '\r');
}

/*
 * Within double quotes docker compose replaces $NAME, and has an escape for "$" that python-dotenv
 * does not have. python-dotenv takes a backslash before the closing quote for its escape.
 */
static bool
fits_double_quotes(const char *value)
{
	size_t n = strlen(value);

	return !strchr(value, '$') && (n == 0 || value[n - 1] != '\\');
}

/* Without quotes both take the text as it is, if nothing in it has a meaning to either. */
static bool
fits_bare(const char *value)
{
	return *value &&
	       value[strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				   "_-.,:;/@%+~*?!()[]{}<>|^&=\\")] == '\0';
}

static void
write_single(struct buf *out, const char *value)
{
	buf_addc(out, '\'');
	for (const char *c = value; *c; c++) {
		if (*c == '\'')
			buf_addc(out, '\\');
		buf_addc(out, *c);
	}
	buf_addc(out, '\'');
}

static void
write_double(struct buf *out, const char *value)
{
	buf_addc(out, '"');
	for (const char *c = value; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_addc(out, '\\');
		if (*c == '\r')
			buf_adds(out, "\\r");
		else
			buf_addc(out, *c);
	}
	buf_addc(out, '"');
}

bool
env_format_dotenv(struct buf *out, const char *name, const char *value)
{
	bool single = fits_single_quotes(value), quoted = single || fits_double_quotes(value);

	if (strstr(value, "${") || (!quoted && !fits_bare(value)))
		return false;
	buf_addf(out, "%s=", name);
	if (single)
		write_single(out, value);
	else if (quoted)
		write_double(out, value);
	else
		buf_adds(out, value);
	buf_addc(out, '\n');
	return true;
}
