/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connctl export: what connd serves, as a file for Airflow's own import or as a Kubernetes Secret.
 * It goes to a file that only this user may read, or to standard output; to a terminal by request
 * only.
 */
#include <string.h>
#include <unistd.h>

#include "base/json/scan.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ctl/admin/private_file.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/export/format.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

/* A value may grow threefold when it is percent-encoded. */
#define MAX_EXPORT     (4 * (size_t)LIMIT_SYNC_BYTES)
#define DEFAULT_NAME   "airflow-connd"
#define DEFAULT_FORMAT "airflow-json"

static const struct export_format formats[] = {
	{ "airflow-json", true, NULL, airflow_json_write },
	{ "airflow-yaml", true, NULL, airflow_yaml_write },
	{ "dotenv", true, dotenv_check, dotenv_write },
	{ "k8s-secret", false, k8s_secret_check, k8s_secret_write },
};

const struct export_format *
export_format_named(const char *name)
{
	for (size_t i = 0; i < N_ELEMENTS(formats); i++)
		if (strcmp(name, formats[i].name) == 0)
			return &formats[i];
	return NULL;
}

/* The name of a Kubernetes object: a DNS subdomain. */
static bool
is_object_name(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= 253 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == n &&
	       !strchr("-.", name[0]) && !strchr("-.", name[n - 1]);
}

static const struct export_format *
format_of(const struct ctl_options *o)
{
	const char *name = cli_value(o->line, OPT_FORMAT);

	return export_format_named(name ? name : DEFAULT_FORMAT);
}

/* For records_read(): is it of a kind that the export is of? */
static bool
is_wanted(const struct ctl_options *o, enum secrets_kind kind, const char *key)
{
	(void)key;
	if (o->n_words < 2)
		return true;
	return kind ==
	       (strcmp(o->word[1], "connections") == 0 ? SECRETS_CONNECTION : SECRETS_VARIABLE);
}

static int
check_usage(const struct ctl_options *o)
{
	const char *name = cli_value(o->line, OPT_NAME);

	if (format_of(o)->of_one_kind && o->n_words < 2)
		return ctl_fail(CTL_USAGE, "Say which: connctl export connections|variables.",
		    "a %s file holds either connections or variables", format_of(o)->name);
	if (!cli_value(o->line, OPT_OUTPUT) && !o->reveal && isatty(STDOUT_FILENO))
		return ctl_fail(CTL_USAGE,
		    "--output FILE writes them to a file of mode 0600; --reveal shows them here.",
		    "an export holds secrets, and standard output is a terminal");
	if (name && !is_object_name(name))
		return ctl_fail(CTL_USAGE, NULL,
		    "--name takes lower-case letters, digits, - and ., not \"%.60s\"", name);
	return CTL_YES;
}

/* The writers of formats walk over connections without further checks. */
static int
check_connections(const struct ctl_options *o, const struct records *records)
{
	struct span object;

	for (size_t i = 0; i < records->n; i++)
		if (records->record[i].kind == SECRETS_CONNECTION &&
		    (scan_check(export_value(&records->record[i]), SCAN_STRICT, &object, NULL) <
			    0 ||
			scan_type(object) != SCAN_OBJECT))
			return client_bad_reply(o);
	return CTL_YES;
}

/* Names what is left out and why. CTL_NO when that ends the export. */
static int
report_left_out(const struct ctl_options *o, const struct export_set *set)
{
	bool partial = cli_has(o->line, OPT_PARTIAL);
	size_t n = 0;

	for (size_t i = 0; i < set->records.n; i++) {
		const struct record *record = &set->records.record[i];

		if (!set->left_out[i])
			continue;
		n++;
		(void)ctl_fail(CTL_NO, NULL, "%s \"%.1000s\" %s: %s",
		    secrets_kind_name(record->kind), record->key,
		    partial ? "is left out" : "cannot be exported", set->left_out[i]);
	}
	if (n == 0 || partial)
		return CTL_YES;
	return ctl_fail(CTL_NO, "--partial exports the others.", "nothing was written");
}

static int
write_out(const struct ctl_options *o, const struct export_set *set)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(MAX_EXPORT);
	const char *name = cli_value(o->line, OPT_NAME), *path = cli_value(o->line, OPT_OUTPUT);

	format_of(o)->write(set, name ? name : DEFAULT_NAME, &text);
	if (buf_error(&text))
		return ctl_fail(CTL_UNAVAILABLE, NULL, "out of memory");
	return path ? private_file_write(path, &text) : output_flush(&text);
}

static int
export_set(const struct ctl_options *o, struct export_set *set)
{
	int code = check_connections(o, &set->records);

	if (code != CTL_YES)
		return code;
	set->left_out = mem_calloc(set->records.n, sizeof *set->left_out);
	if (!set->left_out)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "out of memory");
	if (format_of(o)->check)
		format_of(o)->check(set);
	code = report_left_out(o, set);
	return code == CTL_YES ? write_out(o, set) : code;
}

int
ctl_export(const struct ctl_options *o)
{
	struct export_set set = { 0 };
	int code = check_usage(o);

	if (code != CTL_YES)
		return code;
	code = records_read(o, is_wanted, NULL, &set.records);
	if (code == CTL_YES)
		code = export_set(o, &set);
	mem_free(set.left_out);
	records_fini(&set.records);
	return code;
}
