/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An INI text, line by line. It is read in place: nothing is allocated or copied.
 *
 *	[section]
 *	key = value		or  key: value; blanks around both are dropped
 *	    more		an indented line below a key continues its value
 *	# comment		likewise ;  -  in a value, a ; after a blank begins a comment
 *
 * Empty lines and comments may stand anywhere. What the names mean is the caller's business.
 */
#pragma once

#include <stdbool.h>

#include "base/span.h"

#define INI_LINE_MAX (64 * 1024) /* bytes of one line, its end not counted */

struct ini {
	const char *rest, *end;
	int line;       /* number of the line read last; the first is 1 */
	bool below_key; /* there is a key above in this section, which an indented line continues */
};

enum ini_kind {
	INI_SECTION, /* name */
	INI_KEY,     /* name and value */
	INI_MORE,    /* value */
	INI_BAD,     /* wrong */
};

struct ini_item { /* spans lie in the text */
	enum ini_kind kind;
	struct span name, value;
	const char *wrong; /* what is wrong with the line; static */
};

/* Starts at the first line of text, which is borrowed. A byte order mark is skipped. */
void ini_begin(struct ini *r, struct span text);
/* Reads on to the next item. False: the text has ended. */
bool ini_next(struct ini *r, struct ini_item *out);
