/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/ini.h"

#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct span
trimmed(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	while (p < end && is_blank(end[-1]))
		end--;
	return (struct span){ p, (size_t)(end - p) };
}

static bool
is_comment(struct span s)
{
	return s.n > 0 && (*s.p == '#' || *s.p == ';');
}

/* The value that begins at p, up to a ; that begins it or follows a blank. */
static struct span
value_from(const char *p, const char *end)
{
	const char *s = p;

	while (s < end && !(*s == ';' && (s == p || is_blank(s[-1]))))
		s++;
	return trimmed(p, s);
}

static void
bad(struct ini_item *out, const char *wrong)
{
	*out = (struct ini_item){ .kind = INI_BAD, .wrong = wrong };
}

/* body begins with "[". */
static void
read_section(struct ini_item *out, struct span body)
{
	const char *end = body.p + body.n, *close = memchr(body.p, ']', body.n);
	struct span behind;

	if (!close) {
		bad(out, "the \"]\" of the section is missing");
		return;
	}
	behind = trimmed(close + 1, end);
	if (behind.n > 0 && !is_comment(behind))
		bad(out, "only a comment may follow the \"]\" of a section");
	else
		*out = (struct ini_item){ .kind = INI_SECTION, .name = trimmed(body.p + 1, close) };
}

static void
read_key(struct ini_item *out, struct span body)
{
	const char *end = body.p + body.n, *s = body.p;

	while (s < end && *s != '=' && *s != ':')
		s++;
	if (s == end || s == body.p)
		bad(out, "this is neither a [section], a key = value nor a comment");
	else
		*out = (struct ini_item){
			.kind = INI_KEY, .name = trimmed(body.p, s), .value = value_from(s + 1, end)
		};
}

/* The next line without its end, and its number. False: there is none. */
static bool
next_line(struct ini *r, struct span *line)
{
	size_t left = (size_t)(r->end - r->rest);
	const char *newline = left ? memchr(r->rest, '\n', left) : NULL;

	if (left == 0)
		return false;
	*line = (struct span){ r->rest, newline ? (size_t)(newline - r->rest) : left };
	r->rest = newline ? newline + 1 : r->end;
	r->line++;
	return true;
}

static void
read_line(struct ini *r, struct ini_item *out, struct span line, struct span body)
{
	if (line.n > INI_LINE_MAX) {
		bad(out, "the line is longer than 64 KiB; a list may go on over indented lines");
	} else if (memchr(line.p, '\0', line.n)) {
		bad(out, "there is a NUL byte in the line");
	} else if (r->below_key && body.p > line.p) {
		*out = (struct ini_item){ .kind = INI_MORE,
			.value = value_from(body.p, body.p + body.n) };
	} else if (*body.p == '[') {
		r->below_key = false;
		read_section(out, body);
	} else {
		r->below_key = true;
		read_key(out, body);
	}
}

void
ini_begin(struct ini *r, struct span text)
{
	static const char mark[] = "\xef\xbb\xbf";

	*r = (struct ini){ .rest = text.p, .end = text.p + text.n };
	if (text.n >= 3 && memcmp(text.p, mark, 3) == 0)
		r->rest += 3;
}

bool
ini_next(struct ini *r, struct ini_item *out)
{
	struct span line, body;

	while (next_line(r, &line)) {
		body = trimmed(line.p, line.p + line.n);
		if (line.n <= INI_LINE_MAX && (body.n == 0 || is_comment(body)))
			continue;
		read_line(r, out, line, body);
		return true;
	}
	return false;
}
