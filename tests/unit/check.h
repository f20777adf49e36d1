/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers that several unit tests share. A failure names the line of the calling test. */
#pragma once

#include "base/span.h"
#include "core/generation.h"

/* Checks the text of a span; NULL: it must be absent. */
#define assert_span(s, want) check_span((s), (want), __FILE__, __LINE__)
void check_span(struct span s, const char *want, const char *file, int line);

/* Build generations; every step must succeed. */
struct generation_builder *builder(enum arena_lock lock);
void add(struct generation_builder *b, enum record_kind kind, enum record_state state,
    const char *key, const char *text);
struct generation *finish(struct generation_builder *b);

/* Makes a directory for one test, in memory if possible, because tests sync thousands of writes. */
#define TEST_DIR_SIZE 64
void test_dir_make(char dir[static TEST_DIR_SIZE], const char *name);
void test_dir_remove(const char *dir); /* with the files in it */
