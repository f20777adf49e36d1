/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts that are searched for: every secret value in each form it may be written in, and the
 * search itself.
 *
 * The texts are in locked memory, sorted. The search looks at every place of the text once: a keyed
 * hash of the next eight bytes says whether a needle may begin there, and only then the sorted
 * texts are searched. The time is linear in the text; the number of secrets adds a logarithm at
 * those places alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/span.h"
#include "ctl/scan/forms.h"

#define NEEDLE_SHORTEST 8 /* bytes of a value without the white space around it */
/*
 * Longer values are searched for in pieces of this length. It is a multiple of 3, so that in base64
 * the pieces lie side by side.
 */
#define NEEDLE_PIECE ((size_t)12288)

const char *needle_form_name(enum needle_form form); /* "plain", "base64", "url", "json" */

struct needle {
	const char *p;
	uint32_t n;
	uint32_t owner;  /* the caller's number for whose value it is */
	uint32_t parent; /* the longest other needle that this one begins with; NO_NEEDLE: none */
	uint8_t form;    /* enum needle_form */
};

struct needles;

/* Makes an empty set. 0 or -ENOMEM. */
MUST_CHECK int needles_new(struct needles **out);
struct needles *needles_free(struct needles *n); /* wipes; returns NULL */
/* Adds a value, UTF-8, in all its forms. 0; 1 when it is too short; -ENOMEM; -EMSGSIZE. */
MUST_CHECK int needles_add(struct needles *n, uint32_t owner, struct span value);
/* Makes the set ready to search with; nothing can be added any more. 0 or -ENOMEM. */
MUST_CHECK int needles_finish(struct needles *n);
size_t needles_count(const struct needles *n);
size_t needles_longest(const struct needles *n); /* in bytes */

/* Needles with the same text, of several owners or forms, and where they stand. */
struct needle_match {
	size_t at, length;
	const struct needle *needle;
	size_t n;
};
/*
 * Finds the first match in text that begins at or after `from`; the longest of those that begin
 * there. False: there is none.
 */
bool needles_find(const struct needles *n, struct span text, size_t from, struct needle_match *out);
/*
 * The first place at or after `from` at which a needle begins that goes on beyond the end of text;
 * text.n if there is none.
 */
size_t needles_cut(const struct needles *n, struct span text, size_t from);
