/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baseline of listing a Deployment's connections: the store reads and decrypts their rows,
 * without sending them.
 *
 *	rows DIRECTORY DEPLOYMENT-ID MILLISECONDS
 *
 * DIRECTORY is a copy of a manager's data, opened directly. Prints one JSON line: rows of one pass,
 * bytes of their values (so that they are read), passes, seconds.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "manager/store/store.h"

static void
die(const char *what)
{
	(void)fprintf(stderr, "rows: %s\n", what);
	exit(1);
}

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct walked {
	uint64_t rows, bytes;
};

static struct walked
walk(struct store *s, const struct store_query *q)
{
	struct walked w = { 0 };
	struct store_cursor *c;
	struct store_object o;
	struct store_version version;
	int64_t total;
	int r;

	if (store_list(s, q, &c, &version) != 0)
		die("no list");
	while ((r = store_list_next(c, &o)) > 0) {
		w.rows++;
		w.bytes += o.value.n;
	}
	total = store_list_total(c);
	store_list_close(c);
	if (r < 0 || w.rows != (uint64_t)total)
		die("a row does not open");
	return w;
}

int
main(int argc, char *argv[])
{
	struct store_query q = { .scope = SCOPE_DEPLOYMENT,
		.resolve = true,
		.types = 1U << MANAGER_CONNECTION,
		.sorts = { { STORE_SORT_KEY, false } },
		.n_sorts = 1,
		.limit = -1 };
	struct why why;
	struct walked w;
	struct store *s;
	struct keys *k;
	double began, until;
	unsigned walks = 0;

	if (argc != 4 || !id_from((struct span){ argv[2], strlen(argv[2]) }, &q.scope_id)) {
		(void)fprintf(stderr, "usage: rows DIRECTORY DEPLOYMENT-ID MILLISECONDS\n");
		return 2;
	}
	if (store_global_init() < 0)
		die("memory");
	if (keys_load(&k, argv[1], NULL, &why) < 0 || store_open(&s, argv[1], k, &why) < 0)
		die(why.text);
	(void)walk(s, &q); /* warms up, like a running server */
	began = now_s();
	until = began + atoi(argv[3]) / 1e3;
	do {
		w = walk(s, &q);
		walks++;
	} while (now_s() < until);
	(void)printf("{\"rows\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"answered\": %u, "
		     "\"seconds\": %.6f}\n",
	    w.rows, w.bytes, walks, now_s() - began);
	store_close(s);
	keys_free(k);
	return 0;
}
