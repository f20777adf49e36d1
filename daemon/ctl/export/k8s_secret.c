/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest of a Kubernetes Secret for "envFrom": AIRFLOW_CONN_KEY and AIRFLOW_VAR_KEY, which
 * Airflow's environment backend reads, and environment variables under their own names. The values
 * are under "data" (base64): what is set under "stringData" would stay in the Secret after it has
 * left the manifest.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ctl/export/format.h"
#include "ctl/local/env_name.h"

/* The most that Kubernetes takes, and what it allows in a name of data. */
#define MAX_SECRET ((size_t)1024 * 1024)
#define MAX_NAME   253

#define DANGEROUS "as an environment variable it decides which code runs, or which files it uses"
#define NO_MEMORY "out of memory"
#define BAD_NAME                                                                                   \
	"its key holds a character that a Secret does not take: letters, digits, - _ . only"
#define LONG_NAME                                                                                  \
	"its key is too long: a name in a Secret has 253 characters at most, prefix included"
#define TWIN     "another record has the same name in the environment, where case does not count"
#define TOO_MUCH "a Secret holds 1 MiB at most, and those before it fill it"

/* A record under its name in the environment. */
struct named {
	size_t index;
	char name[LIMIT_KEY_BYTES + 64];
};

static const char *
fault(const char *name)
{
	if (strlen(name) > MAX_NAME)
		return LONG_NAME;
	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			return BAD_NAME;
	return env_name_is_dangerous(name) ? DANGEROUS : NULL;
}

static void
write_name(struct buf *out, const struct record *record)
{
	env_name_write(out, record->kind, record->key);
}

static int
by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void
refuse_twins(const struct export_set *set, struct named *named, size_t n)
{
	if (n)
		qsort(named, n, sizeof *named, by_name);
	for (size_t i = 1; i < n; i++)
		if (by_name(&named[i - 1], &named[i]) == 0)
			set->left_out[named[i - 1].index] = set->left_out[named[i].index] = TWIN;
}

void
k8s_secret_check(const struct export_set *set)
{
	struct named *named = mem_calloc(set->records.n, sizeof *named);
	size_t n = 0, total = 0;

	for (size_t i = 0; i < set->records.n; i++) {
		const struct record *record = &set->records.record[i];
		CLEANUP(buf_fini) struct buf name = BUF_INIT(sizeof named->name - 1);

		write_name(&name, record);
		set->left_out[i] = named ? fault(buf_str(&name)) : NO_MEMORY;
		if (set->left_out[i])
			continue;
		total += record->length;
		if (total > MAX_SECRET)
			set->left_out[i] = TOO_MUCH;
		named[n].index = i;
		memcpy(named[n++].name, buf_str(&name), name.len + 1);
	}
	if (named)
		refuse_twins(set, named, n);
	mem_free(named);
}

static void
add_base64(struct buf *out, struct span s)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < s.n; i += 3) {
		unsigned b[3] = { 0 };

		for (size_t k = 0; k < 3 && i + k < s.n; k++)
			b[k] = (unsigned char)s.p[i + k];
		buf_addc(out, digits[b[0] >> 2]);
		buf_addc(out, digits[(b[0] & 3) << 4 | b[1] >> 4]);
		buf_addc(out, (char)(i + 1 < s.n ? digits[(b[1] & 15) << 2 | b[2] >> 6] : '='));
		buf_addc(out, (char)(i + 2 < s.n ? digits[b[2] & 63] : '='));
	}
}

void
k8s_secret_write(const struct export_set *set, const char *name, struct buf *out)
{
	size_t n = 0;

	buf_adds(out, "apiVersion: v1\nkind: Secret\nmetadata:\n  name: ");
	yaml_text(out, span_of(name));
	buf_adds(
	    out, "\n  labels:\n    app.kubernetes.io/managed-by: connctl\ntype: Opaque\ndata:");
	for (size_t i = 0; i < set->records.n; i++) {
		const struct record *record = &set->records.record[i];

		if (set->left_out[i])
			continue;
		buf_adds(out, "\n  ");
		write_name(out, record);
		buf_adds(out, ": \"");
		add_base64(out, export_value(record));
		buf_addc(out, '"');
		n++;
	}
	buf_adds(out, n ? "\n" : " {}\n");
}
