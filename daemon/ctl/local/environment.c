/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/local/environment.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ctl/records.h"
#include "ctl/verbs.h"

#define NAME_SIZE    ((size_t)LIMIT_KEY_BYTES + 64)
#define MESSAGE_SIZE ((size_t)64 * 1024)

static int
no_memory(void)
{
	return ctl_fail(CTL_UNAVAILABLE, NULL, "out of memory");
}

void
environment_fini(struct environment *e)
{
	for (size_t i = 0; i < e->n; i++) {
		mem_free(e->variable[i].name);
		mem_free(e->variable[i].value);
	}
	mem_free(e->variable);
	*e = (struct environment){ 0 };
}

bool
environment_equal(const struct environment *a, const struct environment *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->variable[i].name, b->variable[i].name) != 0 ||
		    strcmp(a->variable[i].value, b->variable[i].value) != 0)
			return false;
	return true;
}

static bool
is_left_out(const struct cli_line *line, const char *name)
{
	for (size_t i = 0; i < line->n_given; i++)
		if (line->given[i].option->id == OPT_WITHOUT &&
		    strcmp(line->given[i].value, name) == 0)
			return true;
	return false;
}

/* For records_read(): is this record's variable asked for? */
static bool
is_wanted(const struct ctl_options *o, enum secrets_kind kind, const char *key)
{
	CLEANUP(buf_fini) struct buf name = BUF_INIT(NAME_SIZE);

	if (kind != SECRETS_ENV && !cli_has(o->line, OPT_AIRFLOW))
		return false;
	env_name_write(&name, kind, key);
	return !is_left_out(o->line, buf_str(&name));
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct variable *)a)->name, ((const struct variable *)b)->name);
}

/* Moves the values out of records. 0 or -1: out of memory. */
static int
take(struct records *records, struct environment *out)
{
	out->generation = records->generation;
	out->variable = mem_calloc(records->n + 1, sizeof *out->variable);
	if (!out->variable)
		return -1;
	for (size_t i = 0; i < records->n; i++) {
		CLEANUP(buf_fini) struct buf name = BUF_INIT(NAME_SIZE);
		struct variable *v = &out->variable[i];

		env_name_write(&name, records->record[i].kind, records->record[i].key);
		v->name = mem_strdup(buf_str(&name));
		v->value = records->record[i].text;
		records->record[i].text = NULL;
		out->n++;
		if (!v->name || buf_error(&name))
			return -1;
	}
	if (out->n)
		qsort(out->variable, out->n, sizeof *out->variable, by_name);
	return 0;
}

/* Why this variable is refused; NULL: it is not. */
static const char *
fault_of(const struct environment *e, size_t i, enum env_reader reader)
{
	const char *name = e->variable[i].name;

	if (env_name_is_dangerous(name))
		return "decides which code runs, or which files or connd it uses";
	if (!env_name_fits(name, reader))
		return reader == ENV_SHELL    ? "not a name that a shell can set"
		       : reader == ENV_DOTENV ? "not a name that a .env file can hold"
					      : "not a name that an environment can hold";
	if (i > 0 && strcmp(e->variable[i - 1].name, name) == 0)
		return "the name of two records";
	return NULL;
}

static int
check(const struct environment *e, enum env_reader reader)
{
	CLEANUP(buf_fini) struct buf all = BUF_INIT(MESSAGE_SIZE);
	const char *why;

	for (size_t i = 0; i < e->n; i++)
		if ((why = fault_of(e, i, reader)))
			buf_addf(&all, "%s%s (%s)", all.len ? ", " : "", e->variable[i].name, why);
	if (!all.len)
		return CTL_YES;
	return ctl_fail(CTL_NO,
	    "Remove them at the manager, or leave each one out: --without NAME.",
	    "these variables are refused: %s", buf_str(&all));
}

int
environment_read(const struct ctl_options *o, enum env_reader reader, struct environment *out)
{
	struct records records;
	int code = records_read(o, is_wanted, NULL, &records);

	*out = (struct environment){ 0 };
	if (code == CTL_YES && take(&records, out) < 0)
		code = no_memory();
	records_fini(&records);
	return code == CTL_YES ? check(out, reader) : code;
}
