/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/input/field_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Drops what a cut has left of a UTF-8 sequence at the end. */
static void
trim_cut(char *s, size_t n)
{
	size_t back = 0, need;
	unsigned char lead;

	while (back < n && back < 4 && ((unsigned char)s[n - 1 - back] & 0xc0) == 0x80)
		back++;
	if (back == n)
		return;
	lead = (unsigned char)s[n - 1 - back];
	need = lead < 0xc0 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
	if (back != need)
		s[n - 1 - back] = '\0';
}

int
fault_set(struct fault *f, const char *code, const char *field, const char *what, ...)
{
	size_t n;
	va_list ap;

	f->code = code;
	n = (size_t)snprintf(f->field, sizeof f->field, "%s", field);
	if (n >= sizeof f->field)
		trim_cut(f->field, sizeof f->field - 1);
	n = (size_t)snprintf(f->message, sizeof f->message, "%s ", f->field);
	va_start(ap, what);
	(void)vsnprintf(f->message + n, sizeof f->message - n, what, ap);
	trim_cut(f->message, strlen(f->message));
	va_end(ap);
	return -EINVAL;
}
