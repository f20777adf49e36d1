/* SPDX-License-Identifier: Apache-2.0 */
#include "connd/library.h"

#include <stddef.h>

static struct library *
library_of(struct work *w)
{
	return CONTAINER_OF(w, struct library, work);
}

static void
run(struct work *w)
{
	struct library *l = library_of(w);

	l->error = libcurl_load(&l->why);
}

static void
done(struct work *w)
{
	struct library *l = library_of(w);

	l->state = l->error < 0 ? LIBRARY_ABSENT : LIBRARY_LOADED;
	l->ended(l->env, l->error < 0 ? l->why.text : NULL);
}

void
library_init(
    struct library *l, struct worker *worker, void (*ended)(void *env, const char *why), void *env)
{
	*l = (struct library){ .worker = worker, .ended = ended, .env = env };
	l->work.run = run;
	l->work.done = done;
}

void
library_load(struct library *l)
{
	l->state = LIBRARY_LOADING;
	worker_do(l->worker, &l->work);
}

void
library_retry(struct library *l)
{
	if (l->state == LIBRARY_ABSENT)
		library_load(l);
}
