/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slow steps of a sync, run in the worker: unpacking a page and adding its rows to a generation
 * builder, turning the builder into a list, and wiping old generations.
 *
 * Embedded in its sync. One step runs at a time; over() reports its end.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/why.h"
#include "core/replica.h"
#include "edge/process/worker.h"
#include "edge/upstream/payload.h"
#include "edge/upstream/paging.h"
#include "proto/page.h"

enum build_page_use {
	BUILD_ALL,        /* add all rows */
	BUILD_SKIP_FIRST, /* add all but the first, which overlaps the page before */
	BUILD_COMPARE,    /* add none: only compute the facts of the page */
};

struct build {
	struct worker *worker;
	struct work work;
	void (*over)(void *env); /* called at the end of the running step */
	void *env;

	enum arena_lock lock;
	size_t max_bytes;
	struct generation_builder *builder; /* NULL until the first page */
	struct buf text, scratch;           /* the text of a record; its decoded strings */

	/*
	 * A page. error is the result of reading it: 0; -E2BIG when it is larger than
	 * LIMIT_PAGE_BYTES unpacked; or an error of manager_page_read() or of the builder.
	 */
	enum record_kind kind;
	struct span deployment;
	struct payload body;
	enum build_page_use use;
	struct page_facts facts;
	size_t n_read; /* rows read so far */
	int error;
	struct why why;

	/* The last step; sets outcome, list and reason of the result. */
	bool same[N_KINDS];
	struct sync_basis basis;
	struct sync_result result;

	struct work sweep;
	struct generation *garbage[2];
};

/* Returns the manager's type for a kind of record. */
enum manager_type build_type_of(enum record_kind kind);
/* Writes the text of a valid row's record: the text for Airflow, as a JSON string. */
void build_render(enum record_kind kind, const struct manager_row *row, struct buf *out);

void build_init(struct build *b, struct worker *worker, void *env);
/* Waits for a running step, and drops everything built so far. */
void build_reset(struct build *b, enum arena_lock lock, size_t max_bytes);
/*
 * Reads a page in the worker; sets facts, error and why before over(). Takes the contents of body.
 * deployment: absent for a Workspace's list; borrowed until over().
 */
void build_page(struct build *b, enum record_kind kind, struct span deployment,
    struct payload *body, enum build_page_use use, void (*over)(void *env));
/*
 * Turns the builder into a list in the worker. same: the kinds to copy from basis->current, which
 * is borrowed until over().
 */
void build_finish(struct build *b, const bool same[static N_KINDS], const struct sync_basis *basis,
    void (*over)(void *env));
/* Drops two references, each of which may be NULL. The last one of a generation, in the worker. */
void build_dispose(struct build *b, struct generation *one, struct generation *other);
void build_fini(struct build *b);
