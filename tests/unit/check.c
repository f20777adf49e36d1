/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_BYTES ((size_t)64 << 20)

void
check_span(struct span s, const char *want, const char *file, int line)
{
	if (want ? span_is(s, want) : !s.p)
		return;
	print_error("\"%.*s\" is not \"%s\"\n", (int)s.n, s.p ? s.p : "", want ? want : "");
	_fail(file, line);
}

/* --- generations ---------------------------------------------------------------------- */

struct generation_builder *
builder(enum arena_lock lock)
{
	struct generation_builder *b;

	assert_int_equal(generation_builder_new(&b, lock, MAX_BYTES), 0);
	return b;
}

void
add(struct generation_builder *b, enum record_kind kind, enum record_state state, const char *key,
    const char *text)
{
	assert_int_equal(generation_builder_add(b, kind, state, span_of(key), span_of(text)), 0);
}

struct generation *
finish(struct generation_builder *b)
{
	struct generation *g;

	assert_int_equal(generation_builder_finish(b, &g), 0);
	return g;
}

/* --- directories ---------------------------------------------------------------------- */

void
test_dir_make(char dir[static TEST_DIR_SIZE], const char *name)
{
	(void)snprintf(dir, TEST_DIR_SIZE, "%s/%s.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", name);
	assert_non_null(mkdtemp(dir));
}

void
test_dir_remove(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0); /* a temporary directory's */
	if (d)
		closedir(d);
	(void)rmdir(dir); /* likewise */
}
