/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edge/upstream/paging: lists that change while they are read, compared with a model. An accepted
 * list never lacks a key that existed all the time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/base.h"
#include "base/mem.h"
#include "edge/upstream/paging.h"

#define KEYS    200 /* that there may be */
#define ROUNDS  4000
#define MAX_ASK 200 /* most pages of one list */

enum tags { TAGS_NONE, TAGS_OF_THE_LIST, TAGS_OF_EACH_PAGE, TAGS_WEAK_AND_STRONG, N_TAGS };

struct model {
	bool there[KEYS];
	unsigned version; /* of the whole list */
	enum tags tags;
	int most; /* rows per page, whatever the request */
};

struct page {
	int key[KEYS];
	struct page_facts facts;
	char tag[64];
};

static void
change(struct model *m)
{
	int i = rand() % KEYS, j = rand() % KEYS;

	m->there[i] = !m->there[i];
	/* In half of the cases two changes at once keep the count. */
	if (rand() % 2 && m->there[j] == m->there[i])
		m->there[j] = !m->there[j];
	m->version++;
}

static void
hash_int(uint8_t out[static HASH_SIZE], const uint8_t *before, int n)
{
	hash_long(out, before, before ? HASH_SIZE : 0, &n, sizeof n);
}

static void
serve(const struct model *m, int64_t offset, int limit, struct page *out)
{
	struct page_facts *f = &out->facts;
	int64_t at = 0;
	unsigned digest = 0;

	memset(out, 0, sizeof *out);
	for (int k = 0; k < KEYS; k++) {
		if (!m->there[k])
			continue;
		if (at++ < offset || (int)f->n_rows >= limit || (int)f->n_rows >= m->most)
			continue;
		out->key[f->n_rows++] = k;
		hash_int(f->last_key, NULL, k);
		if (f->n_rows == 1)
			memcpy(f->first_key, f->last_key, HASH_SIZE);
		hash_int(f->digest, f->digest, k);
		digest = digest * 31 + (unsigned)k + 1;
	}
	f->total = at;
	f->bytes = f->n_rows * 100;
	if (m->tags == TAGS_OF_THE_LIST)
		snprintf(out->tag, sizeof out->tag, "\"%u\"", m->version);
	else if (m->tags == TAGS_OF_EACH_PAGE)
		snprintf(out->tag, sizeof out->tag, "\"%u-%d\"", digest, (int)at);
	else if (m->tags == TAGS_WEAK_AND_STRONG)
		snprintf(out->tag, sizeof out->tag, "%s\"%u\"", offset ? "" : "W/", m->version);
}

/* Reads one list that changes `often` times in a hundred requests. True if it was accepted. */
static bool
read_list(struct paging *p, struct model *m, int often, bool got[static KEYS],
    bool always[static KEYS], int *n_asked)
{
	const char *why = "";
	struct page page;

	memset(got, 0, KEYS * sizeof *got);
	memcpy(always, m->there, KEYS * sizeof *always);
	paging_begin(p);
	for (*n_asked = 1; *n_asked <= MAX_ASK; ++*n_asked) {
		enum page_step step = p->step;
		bool skip = step == PAGE_NEXT && p->overlaps;
		enum paging_verdict v;

		serve(m, paging_offset(p), paging_rows(p), &page);
		paging_note_tag(p, *page.tag ? page.tag : NULL);
		v = paging_note_page(p, &page.facts, &why);
		if (v == PAGING_CHANGED || v == PAGING_BAD)
			return false;
		for (size_t i = skip; step != PAGE_CHECK && i < page.facts.n_rows; i++) {
			if (got[page.key[i]])
				return false; /* the builder refuses a duplicate key */
			got[page.key[i]] = true;
		}
		if (v == PAGING_DONE)
			return true;
		if (rand() % 100 < often)
			change(m);
		for (int k = 0; k < KEYS; k++)
			always[k] = always[k] && m->there[k];
	}
	return false;
}

static void
what_is_believed_lacks_no_key_that_was_there_all_the_time(void **state)
{
	bool got[KEYS], always[KEYS];
	int believed[N_TAGS] = { 0 }, refused[N_TAGS] = { 0 }, asked;

	(void)state;
	srand(7);
	for (int round = 0; round < ROUNDS; round++) {
		struct model m = { .tags = (enum tags)(round % N_TAGS), .most = 2 + rand() % 80 };
		struct paging p;

		for (int k = 0; k < KEYS; k++)
			m.there[k] = rand() % 3 > 0;
		paging_init(&p);
		if (read_list(&p, &m, rand() % 60, got, always, &asked)) {
			believed[m.tags]++;
			for (int k = 0; k < KEYS; k++)
				if (always[k] && !got[k])
					fail_msg("round %d: key %d was lost", round, k);
		} else {
			refused[m.tags]++;
		}
		paging_fini(&p);
	}
	for (int t = 0; t < N_TAGS; t++) {
		assert_true(believed[t] > ROUNDS / N_TAGS / 10);
		assert_true(refused[t] > ROUNDS / N_TAGS / 10);
	}
	assert_int_equal(mem_live(), 0);
}

/* The number of requests for a list that does not change. */
static void
a_list_that_stays_is_believed_and_costs_a_page_more_without_one_tag(void **state)
{
	static const int extra[N_TAGS] = {
		[TAGS_NONE] = 1,
		[TAGS_OF_THE_LIST] = 0,
		[TAGS_OF_EACH_PAGE] = 1,
		[TAGS_WEAK_AND_STRONG] = 0,
	};
	bool got[KEYS], always[KEYS];
	int asked;

	(void)state;
	for (int t = 0; t < N_TAGS; t++) {
		struct model m = { .tags = (enum tags)t, .most = 50 };
		struct paging p;

		memset(m.there, 1, sizeof m.there);
		paging_init(&p);
		assert_true(read_list(&p, &m, 0, got, always, &asked));
		/* 50, and 49 new ones a page: 50 99 148 197 200. */
		assert_int_equal(asked, 5 + extra[t]);
		assert_memory_equal(got, m.there, sizeof got);
		paging_keep_tag(&p);
		if (extra[t])
			assert_null(p.tag);
		else
			assert_non_null(p.tag);
		paging_fini(&p);
	}
}

static void
a_list_of_one_page_keeps_its_tag_whatever_the_server(void **state)
{
	struct model m = { .tags = TAGS_OF_EACH_PAGE, .most = KEYS };
	bool got[KEYS], always[KEYS];
	struct paging p;
	int asked;

	(void)state;
	memset(m.there, 1, sizeof m.there);
	paging_init(&p);
	assert_true(read_list(&p, &m, 0, got, always, &asked));
	assert_int_equal(asked, 1);
	paging_keep_tag(&p);
	assert_non_null(p.tag);
	paging_fini(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_believed_lacks_no_key_that_was_there_all_the_time),
		cmocka_unit_test(
		    a_list_that_stays_is_believed_and_costs_a_page_more_without_one_tag),
		cmocka_unit_test(a_list_of_one_page_keeps_its_tag_whatever_the_server),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("paging", tests, NULL, NULL);
}
