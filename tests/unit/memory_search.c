/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/memory_search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__
#define LOCKED " dd" /* mlock() of a sanitizer does nothing */
#else
#define LOCKED " lo"
#endif
#define LARGEST (256UL * 1024 * 1024) /* mappings of a sanitizer are larger */

void
secret_turn(uint8_t out[static SECRET_SIZE], const void *secret)
{
	const uint8_t *from = secret;

	for (size_t i = 0; i < SECRET_SIZE; i++)
		out[i] = from[i] ^ 0xff;
}

/* Counts its occurrences between two addresses. Reads memory that a sanitizer forbids. */
static size_t __attribute__((no_sanitize("address", "undefined")))
count_in(const uint8_t *from, const uint8_t *to, const uint8_t turned[static SECRET_SIZE])
{
	size_t found = 0;

	for (const uint8_t *p = from; p + SECRET_SIZE <= to; p++) {
		size_t n = 0;

		while (n < SECRET_SIZE && (p[n] ^ turned[n]) == 0xff)
			n++;
		found += n == SECRET_SIZE;
	}
	return found;
}

struct copies
secret_find(const uint8_t turned[static SECRET_SIZE])
{
	FILE *in = fopen("/proc/self/smaps", "r");
	uintptr_t from = 0, to = 0;
	char line[1024], mode[5] = "";
	struct copies c = { 0, 0 };

	assert_non_null(in);
	while (fgets(line, sizeof line, in)) {
		unsigned long a, b;

		if (sscanf(line, "%lx-%lx %4s", &a, &b, mode) == 3) {
			from = a;
			to = mode[0] == 'r' && b - a < LARGEST ? b : a;
		} else if (strncmp(line, "VmFlags:", 8) == 0 && !strstr(line, " io")) {
			bool locked = strstr(line, LOCKED) && strstr(line, " dd");

			*(locked ? &c.locked : &c.elsewhere) +=
			    count_in((const uint8_t *)from, (const uint8_t *)to, turned);
		}
	}
	(void)fclose(in); /* only read */
	return c;
}
