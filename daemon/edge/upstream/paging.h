/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one list page by page: decides which page comes next, and whether the pages form one
 * complete and consistent list. Pure.
 *
 * Each page after the first begins with the last row of the page before. A list is accepted if
 * those rows match, if all pages have the same totalCount, and if that many rows came. If all pages
 * carry one ETag, they are consistent. Otherwise page one is read again at the end and must be
 * unchanged. ETags compare weakly, because a proxy that compresses makes them weak.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/hash.h"
#include "base/limits.h"

/* The result of reading a page. */
struct page_facts {
	int64_t total;                                     /* totalCount */
	size_t n_rows;                                     /* includes the overlapping row */
	size_t bytes;                                      /* of its text */
	uint8_t first_key[HASH_SIZE], last_key[HASH_SIZE]; /* not set without rows */
	uint8_t digest[HASH_SIZE];                         /* of all rows */
};

enum page_step {
	PAGE_FIRST,
	PAGE_NEXT,  /* the offset is that of the last row, or after it without overlap */
	PAGE_CHECK, /* page one again */
};

struct paging {
	/* Kept from list to list. */
	char *tag;      /* ETag of the served list; NULL: none that covers all its pages */
	int rows;       /* rows to request per page */
	size_t largest; /* largest page of the list, in bytes */

	/* The list being read. */
	enum page_step step;
	bool overlaps;    /* the next page begins with the last row of this one */
	int64_t n, total; /* rows so far; totalCount */
	size_t pages;
	int first_rows;  /* rows requested in page one */
	char *first_tag; /* ETag of page one; NULL: none */
	bool one_tag;    /* all pages so far carry first_tag */
	uint8_t first_digest[HASH_SIZE], last_key[HASH_SIZE];
};

enum paging_verdict {
	PAGING_MORE,    /* request the next page: p->step, paging_offset() */
	PAGING_DONE,    /* the list is complete */
	PAGING_CHANGED, /* it changed while it was read, or is incomplete: start over */
	PAGING_BAD,     /* it is invalid */
};

void paging_init(struct paging *p);
void paging_fini(struct paging *p);
void paging_forget_tag(struct paging *p); /* the manager or the token has changed */

/* Starts a list at page one. */
void paging_begin(struct paging *p);
int64_t paging_offset(const struct paging *p);
int paging_rows(const struct paging *p); /* the `limit` to request */
/* Returns the ETag for If-None-Match, or NULL. has_records: the list of p->tag is being served. */
const char *paging_tag_to_send(const struct paging *p, bool has_records);

/* Notes the ETag of a page (NULL: none). Call it before paging_note_page(). */
void paging_note_tag(struct paging *p, const char *tag);
/* Notes the rows of a page. *why: static text, set with PAGING_CHANGED and PAGING_BAD. */
enum paging_verdict paging_note_page(
    struct paging *p, const struct page_facts *f, const char **why);
/* Requests fewer rows: the page was too large. False if fewer are not possible. */
bool paging_ask_for_fewer(struct paging *p);

/* Keeps the ETag: the list is now served. */
void paging_keep_tag(struct paging *p);
