/* SPDX-License-Identifier: Apache-2.0 */
#include "base/why.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

void
why_add_args(struct why *w, const char *fmt, va_list args)
{
	size_t used = strlen(w->text), room = WHY_SIZE - used;
	int n = vsnprintf(w->text + used, room, fmt, args);

	if (n < 0)
		w->text[used] = '\0';
	else if ((size_t)n >= room)
		w->text[utf8_whole((struct span){ w->text, WHY_SIZE - 1 })] = '\0';
}

void
why_add(struct why *w, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	why_add_args(w, fmt, args);
	va_end(args);
}

void
why_set_args(struct why *w, const char *fmt, va_list args)
{
	w->text[0] = '\0';
	why_add_args(w, fmt, args);
}

void
why_set(struct why *w, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	why_set_args(w, fmt, args);
	va_end(args);
}
