/* SPDX-License-Identifier: Apache-2.0 */
/* Several private files that are written all together or not at all. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"

#define FILE_SET_MAX 6

struct file_set {
	struct {
		const char *path; /* borrowed */
		struct buf text;
		bool keep; /* a file that is there already stays as it is */
	} file[FILE_SET_MAX];
	size_t n;
};

/* Adds a file and returns the buffer for its text. There is room for FILE_SET_MAX. */
struct buf *file_set_add(struct file_set *set, const char *path, bool keep);
/*
 * Writes the files with mode 0600, in this order, in directories that are made with mode 0700 if
 * they are missing. Files that are there are refused unless `replace`. After a failure no file is
 * new or changed, but for replaced ones if the last step itself fails. Returns the exit code,
 * having reported what is wrong.
 */
MUST_CHECK int file_set_write(struct file_set *set, bool replace);
void file_set_fini(struct file_set *set);
