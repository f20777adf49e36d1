/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loading of libcurl, in the worker: it brings two dozen libraries along, and no lookup waits
 * for them. A load that failed is tried again with the next sync: the package may be there by then.
 */
#pragma once

#include "edge/process/worker.h"
#include "edge/upstream/libcurl.h"

enum library_state {
	LIBRARY_LATER,   /* the first try is still to begin */
	LIBRARY_ABSENT,  /* the last try failed */
	LIBRARY_LOADING, /* the worker has it */
	LIBRARY_LOADED,
};

struct library {
	enum library_state state;
	struct worker *worker;
	struct work work;
	void (*ended)(void *env, const char *why); /* a try; why: NULL when it is loaded */
	void *env;
	int error; /* this and the next are the worker's while it loads */
	char why[LIBCURL_WHY_SIZE];
};

/* ended() is called from the loop, once for each try. */
void library_init(
    struct library *l, struct worker *worker, void (*ended)(void *env, const char *why), void *env);
void library_load(struct library *l);  /* begins the first try */
void library_retry(struct library *l); /* begins another one, if the last one failed */
