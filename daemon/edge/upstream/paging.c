/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/paging.h"

#include <string.h>

#include "base/mem.h"

#define FEWEST_ROWS 2 /* one that overlaps, and a new one */
#define FEWER       4 /* a page that is too large is requested again with a quarter of the rows */

void
paging_init(struct paging *p)
{
	*p = (struct paging){ .rows = LIMIT_PAGE_ROWS };
}

void
paging_fini(struct paging *p)
{
	mem_free(p->tag);
	mem_free(p->first_tag);
	p->tag = p->first_tag = NULL;
}

void
paging_forget_tag(struct paging *p)
{
	mem_free(p->tag);
	p->tag = NULL;
}

void
paging_begin(struct paging *p)
{
	/* If the pages of the last list were small, request more rows. */
	if (p->largest > 0 && p->largest < LIMIT_PAGE_BYTES / (2 * FEWER))
		p->rows = p->rows * 2 < LIMIT_PAGE_ROWS ? p->rows * 2 : LIMIT_PAGE_ROWS;
	p->largest = 0;
	mem_free(p->first_tag);
	p->first_tag = NULL;
	p->step = PAGE_FIRST;
	p->overlaps = true;
	p->one_tag = true;
	p->n = p->total = 0;
	p->pages = 0;
}

int64_t
paging_offset(const struct paging *p)
{
	return p->step == PAGE_NEXT ? p->n - p->overlaps : 0;
}

int
paging_rows(const struct paging *p)
{
	return p->step == PAGE_CHECK ? p->first_rows : p->rows;
}

const char *
paging_tag_to_send(const struct paging *p, bool has_records)
{
	if (p->step == PAGE_CHECK)
		return p->first_tag;
	return p->step == PAGE_FIRST && has_records ? p->tag : NULL;
}

/* --- tags --------------------------------------------------------------------------------- */

static const char *
opaque_part(const char *tag)
{
	return strncmp(tag, "W/", 2) == 0 ? tag + 2 : tag;
}

static bool
same_tag(const char *a, const char *b)
{
	return a && b && strcmp(opaque_part(a), opaque_part(b)) == 0;
}

void
paging_note_tag(struct paging *p, const char *tag)
{
	if (p->step == PAGE_NEXT)
		p->one_tag = p->one_tag && same_tag(tag, p->first_tag);
	if (p->step != PAGE_FIRST)
		return;
	mem_free(p->first_tag);
	/* If this fails, the next sync reads the whole list again. */
	p->first_tag = tag ? mem_strdup(tag) : NULL;
	p->first_rows = p->rows;
}

void
paging_keep_tag(struct paging *p)
{
	paging_forget_tag(p);
	if (p->pages > 1 && !p->one_tag)
		return; /* the ETag of page one does not cover the other pages */
	p->tag = p->first_tag;
	p->first_tag = NULL;
}

/* --- pages -------------------------------------------------------------------------------- */

static enum paging_verdict
changed(const char *what, const char **why)
{
	*why = what;
	return PAGING_CHANGED;
}

static enum paging_verdict
note_check(struct paging *p, const struct page_facts *f, const char **why)
{
	if (f->total != p->total || memcmp(f->digest, p->first_digest, sizeof f->digest) != 0)
		return changed("the list changed while it was read (page one)", why);
	return PAGING_DONE;
}

/* The number of rows equals totalCount: done, unless page one must be checked again. */
static enum paging_verdict
note_last(struct paging *p)
{
	if (p->pages == 1 || (p->one_tag && p->first_tag))
		return PAGING_DONE;
	p->step = PAGE_CHECK;
	return PAGING_MORE;
}

static enum paging_verdict
check_count(const struct paging *p, const struct page_facts *f, const char **why)
{
	if (p->step == PAGE_NEXT && f->total != p->total)
		return changed("the list changed while it was read (totalCount)", why);
	if (f->total <= LIMIT_OBJECTS)
		return PAGING_MORE;
	*why = "the totalCount of the list is above the limit of objects in one Deployment";
	return PAGING_BAD;
}

enum paging_verdict
paging_note_page(struct paging *p, const struct page_facts *f, const char **why)
{
	bool overlaps = p->step == PAGE_NEXT && p->overlaps;
	size_t n_new = f->n_rows > 0 ? f->n_rows - overlaps : 0;
	enum paging_verdict verdict = check_count(p, f, why);

	if (verdict != PAGING_MORE)
		return verdict;
	if (p->step == PAGE_CHECK)
		return note_check(p, f, why);
	if (overlaps && f->n_rows > 0 &&
	    memcmp(f->first_key, p->last_key, sizeof f->first_key) != 0)
		return changed("the list changed while it was read (rows moved)", why);
	if (p->step == PAGE_FIRST)
		memcpy(p->first_digest, f->digest, sizeof p->first_digest);
	if (f->bytes > p->largest)
		p->largest = f->bytes;
	p->total = f->total;
	p->n += (int64_t)n_new;
	p->pages++;
	memcpy(p->last_key, f->last_key, sizeof p->last_key);
	p->step = PAGE_NEXT;
	if (p->n == p->total)
		return note_last(p);
	/* A server with one row per page would return the overlapping row for ever. */
	if (f->n_rows == 1 && p->overlaps && p->n < p->total) {
		p->overlaps = false;
		n_new = 1;
	}
	if (n_new == 0 || p->n > p->total)
		return changed("the list is not complete: the number of objects differs from its "
			       "totalCount",
		    why);
	if (p->pages < LIMIT_SYNC_PAGES)
		return PAGING_MORE;
	*why = "the list has more pages than the limit of one list";
	return PAGING_BAD;
}

bool
paging_ask_for_fewer(struct paging *p)
{
	if (p->step == PAGE_CHECK || p->rows <= FEWEST_ROWS)
		return false;
	p->rows = p->rows / FEWER > FEWEST_ROWS ? p->rows / FEWER : FEWEST_ROWS;
	return true;
}
