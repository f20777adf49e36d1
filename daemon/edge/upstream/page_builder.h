/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The long part of a refresh, done in the worker: a page of a list into a generation's builder, the
 * builder into a list that the replica takes, and the wiping of what nobody needs any more.
 *
 * Embedded in the sync it belongs to. One step at a time; the sync is told when it is over.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "core/replica.h"
#include "edge/process/worker.h"
#include "proto/page.h"

struct build {
	struct worker *worker;
	struct work work;
	void (*over)(void *env); /* of the step under way */
	void *env;

	enum arena_lock lock;
	size_t max_bytes;
	struct generation_builder *builder; /* NULL until the first page */
	struct buf text, scratch;           /* a record's text; its decoded strings */

	/* A page, and what came of it: 0, or as manager_page_read() or the builder says. */
	enum record_kind kind;
	struct span deployment;
	struct buf body;
	struct manager_page page;
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
/* What a record holds of a row that is good: the text Airflow is given, as a JSON string. Failures stick. */
void build_render(enum record_kind kind, const struct manager_row *row, struct buf *out);

void build_init(struct build *b, struct worker *worker, void *env);
/* Waits for a step under way, and forgets all pages. */
void build_reset(struct build *b, enum arena_lock lock, size_t max_bytes);
/* body is emptied: its bytes are taken. deployment: of a Workspace list absent; borrowed until over(). */
void build_page(struct build *b, enum record_kind kind, struct span deployment, struct buf *body,
    void (*over)(void *env));
/* same: kinds whose records are those of basis->current, which is borrowed until over(). */
void build_finish(struct build *b, const bool same[static N_KINDS], const struct sync_basis *basis,
    void (*over)(void *env));
/* Drops two references (NULL is fine); a last one is wiped in the worker. */
void build_dispose(struct build *b, struct generation *one, struct generation *other);
void build_fini(struct build *b);
