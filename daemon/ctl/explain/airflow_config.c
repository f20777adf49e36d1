/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/explain/airflow_config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/span.h"

/* AIRFLOW__SECTION__OPTION */
static const char *
from_environment(const char *section, const char *option)
{
	CLEANUP(buf_fini) struct buf name = BUF_INIT(512);

	buf_addf(&name, "AIRFLOW__%s__%s", section, option);
	for (size_t i = 0; i < name.len; i++)
		name.data[i] = (char)toupper((unsigned char)name.data[i]);
	return getenv(buf_str(&name));
}

static struct span
trimmed(struct span s)
{
	while (s.n && isspace((unsigned char)s.p[0]))
		s = (struct span){ s.p + 1, s.n - 1 };
	while (s.n && isspace((unsigned char)s.p[s.n - 1]))
		s.n--;
	return s;
}

/* The next line of text, without its newline. False: there is none. */
static bool
next_line(struct span *text, struct span *line)
{
	const char *end;

	if (!text->n)
		return false;
	end = memchr(text->p, '\n', text->n);
	*line = (struct span){ text->p, end ? (size_t)(end - text->p) : text->n };
	text->p += line->n + (end ? 1 : 0);
	text->n -= line->n + (end ? 1 : 0);
	return true;
}

/* Is the line "[section]"? */
static bool
is_section(struct span line, const char *section)
{
	size_t n = strlen(section);

	line = trimmed(line);
	return line.n == n + 2 && memcmp(line.p + 1, section, n) == 0 && line.p[n + 1] == ']';
}

/* The value of "option = value" or "option: value"; absent for another option. */
static struct span
value_of(struct span line, const char *option)
{
	size_t n = strlen(option);
	struct span rest;

	if (line.n <= n || strncasecmp(line.p, option, n) != 0)
		return (struct span){ 0 };
	rest = trimmed((struct span){ line.p + n, line.n - n });
	if (!rest.n || (rest.p[0] != '=' && rest.p[0] != ':'))
		return (struct span){ 0 };
	return trimmed((struct span){ rest.p + 1, rest.n - 1 });
}

void
airflow_config_get(const struct buf *text, const char *section, const char *option, struct buf *out)
{
	const char *set = from_environment(section, option);
	struct span rest = span_of_buf(text), line, value;
	bool inside = false, goes_on = false;

	if (set) {
		buf_adds(out, set);
		return;
	}
	while (next_line(&rest, &line)) {
		struct span bare = trimmed(line);

		if (!bare.n || bare.p[0] == '#' || bare.p[0] == ';')
			continue;
		/* A value goes on over lines that are indented. */
		if (goes_on && isspace((unsigned char)line.p[0])) {
			buf_addc(out, ' ');
			buf_add(out, bare.p, bare.n);
			continue;
		}
		if (bare.p[0] == '[')
			inside = is_section(line, section);
		value = inside ? value_of(line, option) : (struct span){ 0 };
		goes_on = value.p;
		if (value.p) {
			buf_reset(out); /* of an option given twice, the last one counts */
			buf_add(out, value.p, value.n);
		}
	}
}
