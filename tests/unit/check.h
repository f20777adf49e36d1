/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several unit tests compare, make and remove. A failure names the line of the test that
 * asked.
 */
#pragma once

#include "base/span.h"
#include "core/generation.h"

/* The span's text; NULL: it must be absent. */
#define assert_span(s, want) check_span((s), (want), __FILE__, __LINE__)
void check_span(struct span s, const char *want, const char *file, int line);

/* Generations, in steps that must succeed. */
struct generation_builder *builder(enum arena_lock lock);
void add(struct generation_builder *b, enum record_kind kind, enum record_state state,
    const char *key, const char *text);
struct generation *finish(struct generation_builder *b);

/*
 * A directory for one test, in memory where there is such a place: thousands of writes, each
 * synced.
 */
#define TEST_DIR_SIZE 64
void test_dir_make(char dir[static TEST_DIR_SIZE], const char *name);
void test_dir_remove(const char *dir); /* with the files in it */
