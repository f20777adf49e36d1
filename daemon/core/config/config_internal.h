/* SPDX-License-Identifier: Apache-2.0 */
/* What config.c (reads an option after the other) and check.c (judges them together) share. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "core/config/config.h"
#include "core/config/option.h"

#define NO_LINE (-1) /* the environment set the option */

/* The reading of one text. */
struct reading {
	struct config *c;
	const char *name;    /* of the file */
	int line;            /* of the file, where the reader is */
	int at[OPTIONS_MAX]; /* the line that set each option; 0: none, NO_LINE: the environment */
	int error;
	char *why;
	struct buf *oddities;
};

/* Keeps the first error, with its place in front. line: of the file, NO_LINE, or 0. Returns it. */
int refuse(struct reading *rd, int line, const struct option *o, const char *fmt, ...) PRINTF(4, 5);
int no_memory(struct reading *rd);
/* Adds a sentence about what is odd but works. */
void note_oddity(struct reading *rd, const char *fmt, ...) PRINTF(2, 3);

/*
 * Do the options fit together? 0 or the error. Derives the defaults that depend on other options.
 */
int config_check(struct reading *rd);
