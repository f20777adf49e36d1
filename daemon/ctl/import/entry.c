/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import/entry.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/scan.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"

#define TWICE       "is in the file twice"
#define KEY_LENGTH  "the key must be 1 to 250 characters long"
#define KEY_CONTROL "the key must not hold control characters"
#define KEY_CHARACTERS                                                                             \
	"the key of a connection may hold letters, digits and _ # ! ( ) - . : / \\ only"
#define LONG_TEXT "the description is longer than 500 characters"

/* The manager's own rules, so that a dry run reports them too. */
static const char *
key_fault(enum import_kind kind, const char *key)
{
	if (!*key || utf8_length(span_of(key)) > LIMIT_KEY)
		return KEY_LENGTH;
	for (const char *p = key; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)p[1] < 0xa0))
			return KEY_CONTROL;
		if (kind == IMPORT_CONNECTION && c < 0x80 && !isalnum(c) &&
		    !strchr("_#!()-.:/\\", c))
			return KEY_CHARACTERS;
	}
	return NULL;
}

/* A key that cannot be written as text is refused under the escapes it came with. 0 or -ENOMEM. */
static int
read_key(struct import_entry *e, struct span raw_name)
{
	CLEANUP(buf_fini) struct buf key = BUF_INIT(LIMIT_HTTP_BODY);
	int r = scan_name_text(raw_name, &key);

	if (r == -EILSEQ)
		e->refused = ENTRY_NO_JSON;
	else if (r == -EMSGSIZE)
		e->refused = KEY_LENGTH;
	else if (r < 0)
		return r;
	e->key = r == 0 ? mem_strdup(buf_str(&key)) : mem_strndup(raw_name.p, raw_name.n);
	if (!e->key)
		return -ENOMEM;
	if (!e->refused)
		e->refused = key_fault(e->kind, e->key);
	return 0;
}

struct import_entry *
entry_add(struct import_list *list, enum import_kind kind, struct span raw_name)
{
	struct import_entry *e;

	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		struct import_entry *grown = mem_resize(list->entry, room * sizeof *grown);

		if (!grown)
			return NULL;
		list->entry = grown;
		list->room = room;
	}
	e = &list->entry[list->n];
	*e = (struct import_entry){ .kind = kind };
	if (read_key(e, raw_name) < 0)
		return NULL;
	list->n++;
	return e;
}

int
entry_complete(struct import_entry *e, struct buf *typed, const char *description)
{
	if (buf_error(typed) == -ENOMEM)
		return -ENOMEM;
	if (buf_error(typed))
		e->refused = ENTRY_TOO_LARGE;
	else if (utf8_length(span_of(description)) > LIMIT_DESCRIPTION)
		e->refused = LONG_TEXT;
	if (e->refused)
		return 0;
	e->typed = buf_take(typed, NULL);
	e->description = mem_strdup(description);
	return e->typed && e->description ? 0 : -ENOMEM;
}

static int
compare_entries(const void *a, const void *b)
{
	const struct import_entry *x = a, *y = b;

	return x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->key, y->key);
}

static void
refuse_twin(struct import_entry *e)
{
	e->refused = TWICE;
	mem_freep(&e->typed);
}

void
entry_sort(struct import_list *list)
{
	if (list->n)
		qsort(list->entry, list->n, sizeof *list->entry, compare_entries);
	for (size_t i = 1; i < list->n; i++)
		if (compare_entries(&list->entry[i - 1], &list->entry[i]) == 0) {
			refuse_twin(&list->entry[i - 1]);
			refuse_twin(&list->entry[i]);
		}
}

void
import_list_fini(struct import_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		mem_free(list->entry[i].key);
		mem_free(list->entry[i].typed);
		mem_free(list->entry[i].description);
	}
	mem_free(list->entry);
	*list = (struct import_list){ 0 };
}
