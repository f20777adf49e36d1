/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/records.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/scan.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ctl/client.h"

#define N_SECRETS_KINDS 3
#define MAX_TRIES       5
#define SUBJECT_SIZE    (LIMIT_KEY_BYTES + 64)

struct reader {
	const struct ctl_options *o;
	bool (*wanted)(const struct ctl_options *o, enum secrets_kind kind, const char *key);
	struct records_missing *missing; /* NULL: none may be */
	struct records *out;
	struct client client;
	size_t next;            /* the record whose value comes next */
	bool changed;           /* connd's data is not that of the list any more */
	bool knows_environment; /* this connd's List has environment variables */
};

/* What List calls each kind, and how its values are requested. */
static const struct {
	const char *member;
	enum secrets_method method;
} kinds[N_SECRETS_KINDS] = {
	[SECRETS_CONNECTION] = { "connections", SECRETS_GET_CONNECTION },
	[SECRETS_VARIABLE] = { "variables", SECRETS_GET_VARIABLE },
	[SECRETS_ENV] = { "environment_variables", SECRETS_GET_ENVIRONMENT_VARIABLE },
};

static int
no_memory(void)
{
	return ctl_fail(CTL_UNAVAILABLE, NULL, "out of memory");
}

void
records_fini(struct records *records)
{
	for (size_t i = 0; i < records->n; i++) {
		mem_free(records->record[i].key);
		mem_free(records->record[i].text);
	}
	mem_free(records->record);
	*records = (struct records){ 0 };
}

/* --- the list ----------------------------------------------------------------------------- */

static int
grow(struct records *records)
{
	size_t room = records->room ? 2 * records->room : 64;
	struct record *grown;

	if (records->n < records->room)
		return 0;
	if (records->n >= (size_t)N_SECRETS_KINDS * LIMIT_OBJECTS)
		return -EMSGSIZE;
	grown = mem_resize(records->record, room * sizeof *grown);
	if (!grown)
		return -ENOMEM;
	records->record = grown;
	records->room = room;
	return 0;
}

static int
add_key(struct reader *r, enum secrets_kind kind, struct span value)
{
	CLEANUP(buf_fini) struct buf key = BUF_INIT(LIMIT_REPLY);
	char *copy;

	if (scan_type(value) != SCAN_STRING || scan_string(value, &key) < 0)
		return client_bad_reply(r->o);
	if (!r->wanted(r->o, kind, buf_str(&key)))
		return CTL_YES;
	copy = mem_strdup(buf_str(&key));
	if (!copy || grow(r->out) < 0) {
		mem_free(copy);
		return no_memory();
	}
	r->out->record[r->out->n++] = (struct record){ .kind = kind, .key = copy };
	return CTL_YES;
}

static int
add_keys(struct reader *r, enum secrets_kind kind, struct span reply)
{
	struct span array = scan_get(reply, kinds[kind].member), value;
	int code = CTL_YES;

	if (!array.p)
		return CTL_YES;
	if (kind == SECRETS_ENV)
		r->knows_environment = true;
	if (scan_type(array) != SCAN_ARRAY)
		return client_bad_reply(r->o);
	while (code == CTL_YES && scan_element(&array, &value))
		code = add_key(r, kind, value);
	return code;
}

static int
on_list(void *arg, struct span reply)
{
	struct reader *r = arg;
	struct span generation;
	int code = CTL_YES;

	if (!reply.p)
		return CTL_YES;
	generation = scan_get(reply, "generation");
	if (!generation.p || scan_int(generation, &r->out->generation) < 0)
		return client_bad_reply(r->o);
	for (enum secrets_kind kind = 0; kind < N_SECRETS_KINDS && code == CTL_YES; kind++)
		code = add_keys(r, kind, reply);
	return code;
}

static int
by_kind_and_key(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	return x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->key, y->key);
}

static int
read_list(struct reader *r)
{
	struct client_call call = { .method = SECRETS_LIST, .on_reply = on_list, .arg = r };
	int code = client_ask(&r->client, &call);

	if (code == CTL_YES && r->out->n)
		qsort(r->out->record, r->out->n, sizeof *r->out->record, by_kind_and_key);
	return code;
}

/* --- the values --------------------------------------------------------------------------- */

static int
on_value(void *arg, struct span reply)
{
	struct reader *r = arg;
	struct record *record = &r->out->record[r->next];
	struct span value = reply.p ? scan_get(reply, "value") : (struct span){ 0 };
	struct span generation = reply.p ? scan_get(reply, "generation") : (struct span){ 0 };
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_REPLY);
	int64_t number;

	if (!value.p || scan_type(value) != SCAN_STRING || !generation.p ||
	    scan_int(generation, &number) < 0 || scan_string(value, &text) < 0)
		return client_bad_reply(r->o);
	r->changed = number != r->out->generation;
	record->length = text.len;
	record->text = mem_strndup(buf_str(&text), text.len);
	return record->text ? CTL_YES : no_memory();
}

static int
on_not_found(void *arg, struct span parameters)
{
	(void)parameters;
	((struct reader *)arg)->changed = true;
	return CTL_YES;
}

static int
on_refusal(void *arg, struct span error, struct span parameters)
{
	struct reader *r = arg;

	(void)parameters;
	if (!r->missing)
		return CLIENT_REPORT;
	if (span_is(error, "io.connd.secrets.Withheld"))
		r->missing->withheld++;
	else if (span_is(error, "io.connd.secrets.Invalid"))
		r->missing->invalid++;
	else
		return CLIENT_REPORT;
	return CTL_YES;
}

static int
read_values(struct reader *r)
{
	char subject[SUBJECT_SIZE];
	int code = CTL_YES;

	for (r->next = 0; code == CTL_YES && !r->changed && r->next < r->out->n; r->next++) {
		const struct record *record = &r->out->record[r->next];
		struct client_call call = {
			.method = kinds[record->kind].method,
			.key = span_of(record->key),
			.on_reply = on_value,
			.error = "io.connd.secrets.NotFound",
			.on_error = on_not_found,
			.on_refusal = on_refusal,
			.arg = r,
			.subject = subject,
		};

		(void)snprintf(subject, sizeof subject, "%s \"%s\"",
		    secrets_kind_name(record->kind), record->key);
		code = client_ask(&r->client, &call);
	}
	return code;
}

static int
read_once(struct reader *r)
{
	int code;

	records_fini(r->out);
	if (r->missing)
		*r->missing = (struct records_missing){ 0 };
	r->changed = false;
	r->knows_environment = false;
	code = read_list(r);
	if (code == CTL_YES && !r->knows_environment)
		return ctl_fail(CTL_UNAVAILABLE, "Is connd older than this connctl?",
		    "connd does not list its environment variables");
	return code == CTL_YES ? read_values(r) : code;
}

int
records_read(const struct ctl_options *o,
    bool (*wanted)(const struct ctl_options *o, enum secrets_kind kind, const char *key),
    struct records_missing *missing, struct records *out)
{
	struct reader r = {
		.o = o, .wanted = wanted, .missing = missing, .out = out, .changed = true
	};
	int code;

	*out = (struct records){ 0 };
	code = client_open(&r.client, o);
	for (int i = 0; code == CTL_YES && r.changed && i < MAX_TRIES; i++)
		code = read_once(&r);
	if (code == CTL_YES && r.changed)
		code = ctl_fail(CTL_UNAVAILABLE, "Try again in a moment.",
		    "connd's data changed %d times while it was read", MAX_TRIES);
	client_close(&r.client);
	return code;
}
