/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what "airflow connections import" and "airflow variables import" read: JSON, YAML and files
 * of NAME=VALUE lines. Pure: text in, entries out.
 */
#pragma once

#include <stddef.h>

#include "base/attr.h"
#include "base/span.h"
#include "base/why.h"
#include "ctl/import/entry.h"

enum import_format { IMPORT_JSON, IMPORT_YAML, IMPORT_DOTENV };

/* 0 with *format, or -EINVAL for a name that is none of json, yaml, yml and env. */
MUST_CHECK int import_format_named(const char *name, enum import_format *format);
/* The format of a file by the end of its name, upper or lower case; JSON for any other. */
enum import_format import_format_of(const char *path);

/* What is wrong with a file as a whole. */
struct import_fault {
	size_t line; /* 0: no line in particular */
	struct why why;
};

/*
 * Appends the entries of one file, a text that ends with a NUL. 0; -EBADMSG with the fault when the
 * text as a whole is not such a file; -ENOMEM. The list may be given to import_list_fini() in any
 * case.
 */
MUST_CHECK int import_read(struct import_list *list, enum import_kind kind,
    enum import_format format, struct span text, struct import_fault *fault);
