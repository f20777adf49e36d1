/* SPDX-License-Identifier: Apache-2.0 */
/* connctl list: the keys of all connections and variables, sorted. Never a value. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/output.h"

/* What all replies together may hold. */
#define MAX_KEYS_BYTES ((size_t)LIMIT_OBJECTS * LIMIT_KEY_BYTES)

struct keys {
	char **key;
	size_t n, room;
};

struct listing {
	const struct ctl_options *o;
	struct keys connections, variables;
};

static void
keys_fini(struct keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		mem_free(keys->key[i]);
	mem_free(keys->key);
}

static int
keys_add(struct keys *keys, struct span value)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(LIMIT_REPLY);

	if (scan_type(value) != SCAN_STRING || scan_string(value, &text) < 0)
		return -EBADMSG;
	if (keys->n == LIMIT_OBJECTS)
		return -E2BIG;
	if (keys->n == keys->room) {
		size_t room = keys->room ? 2 * keys->room : 64;
		char **grown = mem_resize(keys->key, room * sizeof *grown);

		if (!grown)
			return -ENOMEM;
		keys->key = grown;
		keys->room = room;
	}
	keys->key[keys->n] = mem_strdup(buf_str(&text));
	if (!keys->key[keys->n])
		return -ENOMEM;
	keys->n++;
	return 0;
}

/* The named array, which a reply of several may leave out. */
static int
keys_read(struct keys *keys, struct span parameters, const char *name)
{
	struct span array, value;
	int r;

	if (scan_find(parameters, name, &array) < 0)
		return -EBADMSG;
	if (!array.p || scan_type(array) == SCAN_NULL)
		return 0;
	if (scan_type(array) != SCAN_ARRAY)
		return -EBADMSG;
	while (scan_element(&array, &value)) {
		r = keys_add(keys, value);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
on_reply(void *arg, struct span parameters)
{
	struct listing *l = arg;

	if (!parameters.p)
		return CTL_YES; /* nothing in this one */
	if (keys_read(&l->connections, parameters, "connections") < 0 ||
	    keys_read(&l->variables, parameters, "variables") < 0)
		return client_bad_reply(l->o);
	return CTL_YES;
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
keys_sort(struct keys *keys)
{
	if (keys->n)
		qsort(keys->key, keys->n, sizeof *keys->key, by_bytes);
}

static void
write_json(struct buf *out, const char *name, const struct keys *keys)
{
	jtext_name(out, name);
	buf_addc(out, '[');
	for (size_t i = 0; i < keys->n; i++) {
		if (i)
			buf_addc(out, ',');
		jtext_string(out, span_of(keys->key[i]));
	}
	buf_addc(out, ']');
}

static void
write_lines(struct buf *out, const char *kind, const struct keys *keys)
{
	for (size_t i = 0; i < keys->n; i++) {
		buf_addf(out, "%-10s  ", kind);
		output_safe(out, span_of(keys->key[i]));
		buf_addc(out, '\n');
	}
}

int
ctl_list(const struct ctl_options *o)
{
	struct listing l = { .o = o };
	CLEANUP(buf_fini) struct buf out = BUF_INIT(6 * MAX_KEYS_BYTES);
	struct client_call call = { .method = SECRETS_LIST, .on_reply = on_reply, .arg = &l };
	int r = client_call(o, &call);

	if (r != CTL_YES)
		goto out;
	keys_sort(&l.connections);
	keys_sort(&l.variables);
	if (o->json) {
		buf_addc(&out, '{');
		write_json(&out, "connections", &l.connections);
		write_json(&out, "variables", &l.variables);
		buf_adds(&out, "}\n");
	} else {
		write_lines(&out, "connection", &l.connections);
		write_lines(&out, "variable", &l.variables);
	}
	r = output_flush(&out);
out:
	keys_fini(&l.connections);
	keys_fini(&l.variables);
	return r;
}
