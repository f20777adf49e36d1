/* SPDX-License-Identifier: Apache-2.0 */
/* What config.c (reads the options one by one) and check.c (checks them together) share. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
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
	struct why *why;
	struct buf *oddities;
};

/* Keeps the first error, preceded by its place. line: of the file, NO_LINE, or 0. Returns it. */
int refuse(struct reading *rd, int line, const struct option *o, const char *fmt, ...) PRINTF(4, 5);
int no_memory(struct reading *rd);
/* Adds a warning about something that works but is probably a mistake. */
void note_oddity(struct reading *rd, const char *fmt, ...) PRINTF(2, 3);

/*
 * Checks that the options fit together, and derives the defaults that depend on other options. 0 or
 * the error.
 */
int config_check(struct reading *rd);
