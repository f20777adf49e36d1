/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/json/write.h"
#include "base/mem.h"

/* A struct json is a cJSON; these two are the only places that say so. */
static cJSON *
tree(const struct json *j)
{
	return (cJSON *)j;
}

static struct json *
json(cJSON *c)
{
	return (struct json *)c;
}

static void *
hook_alloc(size_t n)
{
	return mem_alloc(n);
}

void
json_global_init(void)
{
	cJSON_Hooks hooks = { .malloc_fn = hook_alloc, .free_fn = mem_free };

	cJSON_InitHooks(&hooks);
}

/* --- reading -------------------------------------------------------------------------- */

static int
compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* 0, -EBADMSG when a name is there twice, -ENOMEM. By sorting: a hostile body has many members. */
static int
check_names(const cJSON *object)
{
	size_t n = (size_t)cJSON_GetArraySize(object), i = 0;
	const char **names;
	int r = 0;

	if (n < 2)
		return 0;
	names = mem_calloc(n, sizeof *names);
	if (!names)
		return -ENOMEM;
	for (const cJSON *c = object->child; c; c = c->next)
		names[i++] = c->string;
	qsort(names, n, sizeof *names, compare_names);
	for (i = 1; i < n && r == 0; i++)
		if (strcmp(names[i - 1], names[i]) == 0)
			r = -EBADMSG;
	mem_free(names);
	return r;
}

/* Decodes a string that passed the strict check into scratch. Returns NULL when out of memory. */
static const char *
text_of(struct span value, struct buf *scratch)
{
	buf_reset(scratch);
	return scan_string(value, scratch) == 0 ? buf_str(scratch) : NULL;
}

static cJSON *
build_scalar(struct span value, struct buf *scratch)
{
	const char *text;

	switch (scan_type(value)) {
	case SCAN_STRING:
		text = text_of(value, scratch);
		return text ? cJSON_CreateString(text) : NULL;
	case SCAN_NUMBER:
		/* As the text it is: cJSON's own numbers are doubles. */
		buf_reset(scratch);
		buf_add(scratch, value.p, value.n);
		return buf_error(scratch) ? NULL : cJSON_CreateRaw(buf_str(scratch));
	case SCAN_BOOL:
		return cJSON_CreateBool(scan_bool(value));
	case SCAN_NULL:
	case SCAN_ARRAY:
	case SCAN_OBJECT:
		break;
	}
	return cJSON_CreateNull();
}

static int build(cJSON **out, struct span value, struct buf *scratch);

static int
build_array(cJSON *array, struct span at, struct buf *scratch)
{
	struct span value;
	cJSON *child;
	int r;

	while (scan_element(&at, &value)) {
		r = build(&child, value, scratch);
		if (r < 0)
			return r;
		(void)cJSON_AddItemToArray(array, child); /* does not allocate, so cannot fail */
	}
	return 0;
}

static int
build_object(cJSON *object, struct span at, struct buf *scratch)
{
	struct span name, value;
	const char *text;
	cJSON *child;
	int r;

	while (scan_member(&at, &name, &value)) {
		r = build(&child, value, scratch);
		if (r < 0)
			return r;
		text = text_of((struct span){ name.p - 1, name.n + 2 }, scratch);
		if (!text || !cJSON_AddItemToObject(object, text, child)) {
			cJSON_Delete(child);
			return -ENOMEM;
		}
	}
	return check_names(object);
}

/* Recurses no deeper than LIMIT_JSON_DEPTH: scan_check() saw to that. */
static int
build(cJSON **out, struct span value, struct buf *scratch)
{
	enum scan_type type = scan_type(value);
	cJSON *c;
	int r = 0;

	if (type == SCAN_ARRAY)
		c = cJSON_CreateArray();
	else if (type == SCAN_OBJECT)
		c = cJSON_CreateObject();
	else
		c = build_scalar(value, scratch);
	if (!c)
		return -ENOMEM;
	if (type == SCAN_ARRAY)
		r = build_array(c, value, scratch);
	else if (type == SCAN_OBJECT)
		r = build_object(c, value, scratch);
	if (r < 0) {
		cJSON_Delete(c);
		return r;
	}
	*out = c;
	return 0;
}

int
json_parse(struct json **out, struct span text, size_t *error_at)
{
	struct buf scratch = BUF_INIT(text.n);
	struct span value;
	cJSON *c;
	int r;

	r = scan_check(text, SCAN_STRICT, &value, error_at);
	if (r < 0)
		return r;
	r = build(&c, value, &scratch);
	buf_fini(&scratch);
	if (r == 0)
		*out = json(c);
	else if (r == -EBADMSG && error_at)
		*error_at = text.n; /* a name twice: known when all is read */
	return r;
}

struct json *
json_free(struct json *j)
{
	cJSON_Delete(tree(j));
	return NULL;
}

/* --- looking -------------------------------------------------------------------------- */

enum scan_type
json_type(const struct json *j)
{
	const cJSON *c = tree(j);

	if (cJSON_IsObject(c))
		return SCAN_OBJECT;
	if (cJSON_IsArray(c))
		return SCAN_ARRAY;
	if (cJSON_IsString(c))
		return SCAN_STRING;
	if (cJSON_IsRaw(c))
		return SCAN_NUMBER;
	return cJSON_IsBool(c) ? SCAN_BOOL : SCAN_NULL;
}

const struct json *
json_get(const struct json *object, const char *name)
{
	return json(cJSON_GetObjectItemCaseSensitive(tree(object), name));
}

struct json *
json_member(struct json *object, const char *name)
{
	return json(cJSON_GetObjectItemCaseSensitive(tree(object), name));
}

struct json *
json_at(struct json *array, size_t i)
{
	return json(cJSON_GetArrayItem(tree(array), (int)i));
}

const struct json *
json_first(const struct json *container)
{
	return json(tree(container)->child);
}

const struct json *
json_next(const struct json *child)
{
	return json(tree(child)->next);
}

const char *
json_name(const struct json *child)
{
	return tree(child)->string;
}

size_t
json_count(const struct json *container)
{
	return (size_t)cJSON_GetArraySize(tree(container));
}

const char *
json_string(const struct json *j)
{
	return cJSON_GetStringValue(tree(j));
}

bool
json_bool(const struct json *j, bool *out)
{
	if (!cJSON_IsBool(tree(j)))
		return false;
	*out = cJSON_IsTrue(tree(j));
	return true;
}

bool
json_int(const struct json *j, int64_t *out)
{
	return cJSON_IsRaw(tree(j)) && scan_int(span_of(tree(j)->valuestring), out) == 0;
}

/* --- building ------------------------------------------------------------------------- */

struct json *
json_new_object(void)
{
	return json(cJSON_CreateObject());
}

struct json *
json_new_array(void)
{
	return json(cJSON_CreateArray());
}

struct json *
json_new_string(const char *s)
{
	return json(cJSON_CreateString(s));
}

struct json *
json_new_int(int64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%" PRId64, v);
	return json(cJSON_CreateRaw(text));
}

struct json *
json_new_bool(bool v)
{
	return json(cJSON_CreateBool(v));
}

struct json *
json_copy(const struct json *j)
{
	return json(cJSON_Duplicate(tree(j), true));
}

int
json_take(struct json *object, const char *name, struct json *child)
{
	bool there = json_get(object, name);

	if (!child || !cJSON_AddItemToObject(tree(object), name, tree(child))) {
		cJSON_Delete(tree(child));
		return -ENOMEM;
	}
	if (there)
		json_remove(object, name); /* the first of the name is the old one */
	return 0;
}

int
json_append(struct json *array, struct json *child)
{
	if (!child)
		return -ENOMEM;
	/* This does not allocate, so it cannot fail. */
	(void)cJSON_AddItemToArray(tree(array), tree(child));
	return 0;
}

void
json_remove(struct json *object, const char *name)
{
	cJSON_DeleteItemFromObjectCaseSensitive(tree(object), name);
}

void
json_remove_at(struct json *array, size_t i)
{
	cJSON_DeleteItemFromArray(tree(array), (int)i);
}

/* --- writing -------------------------------------------------------------------------- */

static void
write_container(const cJSON *c, struct buf *out, bool named)
{
	buf_addc(out, named ? '{' : '[');
	for (const cJSON *child = c->child; child; child = child->next) {
		if (child != c->child)
			buf_addc(out, ',');
		if (named) {
			jtext_string(out, span_of(child->string));
			buf_addc(out, ':');
		}
		json_write((const struct json *)child, out);
	}
	buf_addc(out, named ? '}' : ']');
}

void
json_write(const struct json *j, struct buf *out)
{
	const cJSON *c = tree(j);

	switch (json_type(j)) {
	case SCAN_OBJECT:
	case SCAN_ARRAY:
		write_container(c, out, cJSON_IsObject(c));
		break;
	case SCAN_STRING:
		jtext_string(out, span_of(c->valuestring));
		break;
	case SCAN_NUMBER:
		buf_adds(out, c->valuestring);
		break;
	case SCAN_BOOL:
		buf_adds(out, cJSON_IsTrue(c) ? "true" : "false");
		break;
	case SCAN_NULL:
		buf_adds(out, "null");
		break;
	}
}
