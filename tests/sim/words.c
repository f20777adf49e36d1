/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
words_cut(struct words *w, const char *text)
{
	char *s = w->text;
	bool quoted = false, inside = false;

	w->n = 0;
	if ((size_t)snprintf(w->text, sizeof w->text, "%s", text) >= sizeof w->text)
		return false;
	for (; *s; s++) {
		bool blank = !quoted && (*s == ' ' || *s == '\t');

		if (*s == '"')
			quoted = !quoted;
		if (blank) {
			*s = '\0';
			inside = false;
		} else if (!inside) {
			if (w->n == MAX_WORDS)
				return false;
			w->word[w->n++] = s;
			inside = true;
		}
	}
	return !quoted;
}

const char *
words_value(const struct words *w, const char *prefix)
{
	size_t n = strlen(prefix);

	for (size_t i = 0; i < w->n; i++)
		if (strncmp(w->word[i], prefix, n) == 0)
			return w->word[i] + n;
	return NULL;
}

bool
words_has(const struct words *w, const char *word)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->word[i], word) == 0)
			return true;
	return false;
}

bool
words_number(const char *text, int64_t *out)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = { { "", 1 }, { "ms", 1 }, { "s", 1e3 }, { "m", 60e3 }, { "h", 3600e3 },
		{ "d", 86400e3 } };
	char *end;
	double n = strtod(text, &end);

	if (end == text)
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(end, units[i].unit) == 0) {
			*out = (int64_t)(n * units[i].ms);
			return true;
		}
	return false;
}

static bool
value_matches(const char *expected, const char *happened)
{
	const char *dots = strstr(expected, "..");
	int64_t low, high, got;
	char first[64];

	if (strcmp(expected, happened) == 0)
		return true;
	if (!words_number(happened, &got))
		return false;
	if (!dots)
		return words_number(expected, &low) && got == low;
	snprintf(first, sizeof first, "%.*s", (int)(dots - expected), expected);
	return words_number(first, &low) && words_number(dots + 2, &high) && low <= got &&
	       got <= high;
}

static bool
word_matches(const char *expected, const struct words *happened)
{
	size_t key = strcspn(expected, "=~\"");
	char prefix[64], part[MAX_TEXT];
	const char *value;

	if (words_has(happened, expected))
		return true;
	if (expected[key] != '=' && expected[key] != '~')
		return false;
	snprintf(prefix, sizeof prefix, "%.*s=", (int)key, expected);
	value = words_value(happened, prefix);
	if (!value)
		return false;
	if (expected[key] == '=')
		return value_matches(expected + key + 1, value);
	snprintf(part, sizeof part, "%s", expected + key + 2); /* after ~" */
	part[strcspn(part, "\"")] = '\0';
	return strstr(value, part) != NULL;
}

bool
words_match(const struct words *expected, const struct words *happened)
{
	for (size_t i = 0; i < expected->n; i++)
		if (!word_matches(expected->word[i], happened))
			return false;
	return true;
}
