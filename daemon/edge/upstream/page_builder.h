/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The long part of a refresh, done in the worker: unpacking a page and reading it into a
 * generation's builder, making a list of the builder that the replica takes, and wiping what nobody
 * needs any more.
 *
 * Embedded in the sync it belongs to. One step at a time; its end is reported by over().
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "core/replica.h"
#include "edge/process/worker.h"
#include "edge/upstream/payload.h"
#include "edge/upstream/paging.h"
#include "proto/page.h"

enum build_page_use {
	BUILD_ALL,        /* all rows into the builder */
	BUILD_SKIP_FIRST, /* but the first, which the page before had, too */
	BUILD_COMPARE,    /* none: only what the page holds is of interest */
};

struct build {
	struct worker *worker;
	struct work work;
	void (*over)(void *env); /* of the step under way */
	void *env;

	enum arena_lock lock;
	size_t max_bytes;
	struct generation_builder *builder; /* NULL until the first page */
	struct buf text, scratch;           /* a record's text; its decoded strings */

	/*
	 * A page, and what came of it: 0; -E2BIG: unpacked it is larger than LIMIT_PAGE_BYTES; or
	 * as manager_page_read() or the builder says.
	 */
	enum record_kind kind;
	struct span deployment;
	struct payload body;
	enum build_page_use use;
	struct page_facts facts;
	size_t n_read; /* rows, while it is read */
	int error;
	char why[MANAGER_WHY_SIZE];

	/* The end: the result's outcome, list and reason are set. */
	bool same[N_KINDS];
	struct sync_basis basis;
	struct sync_result result;

	struct work sweep;
	struct generation *garbage[2];
};

/* What a kind of record is called in the list call. */
enum manager_type build_type_of(enum record_kind kind);
/*
 * What a record holds of a row that is good: the text Airflow is given, as a JSON string.
 * Failures stick.
 */
void build_render(enum record_kind kind, const struct manager_row *row, struct buf *out);

void build_init(struct build *b, struct worker *worker, void *env);
/* Waits for a step under way, and forgets all pages. */
void build_reset(struct build *b, enum arena_lock lock, size_t max_bytes);
/*
 * Takes what body holds. deployment: absent for a Workspace's list; borrowed until over(). Then
 * facts, error and why are set.
 */
void build_page(struct build *b, enum record_kind kind, struct span deployment,
    struct payload *body, enum build_page_use use, void (*over)(void *env));
/* same: kinds whose records are those of basis->current, which is borrowed until over(). */
void build_finish(struct build *b, const bool same[static N_KINDS], const struct sync_basis *basis,
    void (*over)(void *env));
/* Drops two references (NULL is fine); a last one is wiped in the worker. */
void build_dispose(struct build *b, struct generation *one, struct generation *other);
void build_fini(struct build *b);
