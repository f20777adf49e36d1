/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/input/field_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* Drops an incomplete character at the end, where snprintf() has cut the text. */
static void
trim_cut(char *s)
{
	s[utf8_whole(span_of(s))] = '\0';
}

int
fault_set(struct fault *f, const char *code, const char *field, const char *what, ...)
{
	size_t n;
	va_list ap;

	f->code = code;
	n = (size_t)snprintf(f->field, sizeof f->field, "%s", field);
	if (n >= sizeof f->field)
		trim_cut(f->field);
	n = (size_t)snprintf(f->message, sizeof f->message, "%s ", f->field);
	va_start(ap, what);
	(void)vsnprintf(f->message + n, sizeof f->message - n, what, ap);
	trim_cut(f->message);
	va_end(ap);
	return -EINVAL;
}
