/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading one list page by page: which page comes next, and whether what came is one whole list of
 * one moment. Pure.
 *
 * Each page after the first begins with the last row of the page before. A list is believed when
 * that row is the same, when every page names the same totalCount and just as many rows came. When
 * all pages carry one tag, it is of one moment by that; otherwise page one is read once more at the
 * end and must be as it was. Tags compare weakly: a proxy that compresses makes them weak.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/hash.h"
#include "base/limits.h"

/* What the worker found in a page. */
struct page_facts {
	int64_t total;                                     /* totalCount */
	size_t n_rows;                                     /* with the one that overlaps */
	size_t bytes;                                      /* of its text */
	uint8_t first_key[HASH_SIZE], last_key[HASH_SIZE]; /* not set without rows */
	uint8_t digest[HASH_SIZE];                         /* of all rows */
};

enum page_step {
	PAGE_FIRST,
	PAGE_NEXT,  /* offset is that of the last row that came, unless overlaps is false */
	PAGE_CHECK, /* page one again */
};

struct paging {
	/* From list to list. */
	char *tag;      /* of the list that is being served; NULL: none that stands for all of it */
	int rows;       /* to ask for in a page */
	size_t largest; /* page of the last list read, in bytes */

	/* The list that is being read. */
	enum page_step step;
	bool overlaps;    /* the next page begins with the last row that came */
	int64_t n, total; /* rows that came, and that there are */
	size_t pages;
	int first_rows;  /* what was asked for in page one */
	char *first_tag; /* page one's; NULL: none */
	bool one_tag;    /* all pages so far carried it */
	uint8_t first_digest[HASH_SIZE], last_key[HASH_SIZE];
};

enum paging_verdict {
	PAGING_MORE,    /* the next page, as p->step and paging_offset() say */
	PAGING_DONE,    /* the list is whole */
	PAGING_CHANGED, /* it changed while it was read, or is not whole: read it anew */
	PAGING_BAD,     /* it must not be believed */
};

void paging_init(struct paging *p);
void paging_fini(struct paging *p);
void paging_forget_tag(struct paging *p); /* what is served is another's list */

/* A list is read from page one on. */
void paging_begin(struct paging *p);
int64_t paging_offset(const struct paging *p);
int paging_rows(const struct paging *p); /* `limit` */
/* The tag for If-None-Match, or NULL. has_records: what p->tag stands for is at hand. */
const char *paging_tag_to_send(const struct paging *p, bool has_records);

/* Takes note of a page's tag (NULL: none) before its rows are read. */
void paging_note_tag(struct paging *p, const char *tag);
/* The page's rows have been read. *why: a static sentence, unless MORE or DONE. */
enum paging_verdict paging_note_page(
    struct paging *p, const struct page_facts *f, const char **why);
/* The page was larger than may be: fewer rows. False: it already was the fewest. */
bool paging_ask_for_fewer(struct paging *p);

/* The list that was read is being served from now on. */
void paging_keep_tag(struct paging *p);
