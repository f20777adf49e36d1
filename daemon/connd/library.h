/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads libcurl in the worker: it needs two dozen other libraries, and lookups do not wait for
 * them. After a failure the next sync tries again, since the package may be installed by then.
 */
#pragma once

#include "base/why.h"
#include "edge/process/worker.h"
#include "edge/upstream/libcurl.h"

enum library_state {
	LIBRARY_LATER,   /* the first attempt has not started */
	LIBRARY_ABSENT,  /* the last try failed */
	LIBRARY_LOADING, /* the worker has it */
	LIBRARY_LOADED,
};

struct library {
	enum library_state state;
	struct worker *worker;
	struct work work;
	void (*ended)(
	    void *env, const char *why); /* the result of an attempt; why: NULL if it is loaded */
	void *env;
	int error; /* this and the next member belong to the worker while it loads */
	struct why why;
};

/* ended() is called from the loop, once for each attempt. */
void library_init(
    struct library *l, struct worker *worker, void (*ended)(void *env, const char *why), void *env);
void library_load(struct library *l);  /* begins the first try */
void library_retry(struct library *l); /* starts another attempt if the last one failed */
