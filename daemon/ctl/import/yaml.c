/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/import/yaml.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <yaml.h>

#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ctl/import/yaml_scalar.h"

#define NO_YAML    "is not YAML"
#define NO_CONTENT "the file is empty"
#define TOO_DEEP   "nests more than 32 deep"
#define NO_ANCHOR  "an alias (*NAME) names no anchor (&NAME) before it"
#define ANCHORS    "has more than 1000 anchors"
#define EXPANDS    "its aliases make it larger than 16 MiB"
#define MERGES     "a mapping has more than one merge key (<<)"
#define NO_MERGE   "a merge key (<<) takes mappings of 1000 members at most"
#define A_TAG      "a tag (!...) that is not plain data is not supported"
#define NO_KEY     "the key of a mapping must be a single value"
#define SEVERAL    "holds more than one document"

#define TAG_PREFIX "tag:yaml.org,2002:"

/* A node that an alias may stand for, as JSON. */
struct anchor {
	char *name, *text;
	size_t n;
};

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the last one, which the reader owns */
	struct span text;
	struct buf *out;
	struct anchor anchor[YAML_MAX_ANCHORS];
	size_t n_anchors;
	int depth;
	size_t line;
	const char *why;
};

static int
refuse(struct reader *r, const char *why)
{
	r->line = r->event.start_mark.line + 1;
	r->why = why;
	return -EBADMSG;
}

/* Wipes the scalar, since libyaml frees its memory as it is. */
static void
drop_event(struct reader *r)
{
	if (r->event.type == YAML_SCALAR_EVENT)
		mem_wipe(r->event.data.scalar.value, r->event.data.scalar.length);
	yaml_event_delete(&r->event);
}

/* Returns the line of a byte that is not UTF-8: libyaml reports only its offset. */
static size_t
line_of_byte(const struct reader *r)
{
	size_t line = 1;

	for (size_t i = 0; i < r->parser.problem_offset && i < r->text.n; i++)
		line += r->text.p[i] == '\n';
	return line;
}

/* Reads the next event. 0, -EBADMSG or -ENOMEM. */
static int
next(struct reader *r)
{
	drop_event(r);
	if (yaml_parser_parse(&r->parser, &r->event))
		return 0;
	if (r->parser.error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	r->line = r->parser.error == YAML_READER_ERROR ? line_of_byte(r)
						       : r->parser.problem_mark.line + 1;
	r->why = r->parser.problem ? r->parser.problem : NO_YAML; /* libyaml's own static text */
	return -EBADMSG;
}

/* The type that a tag asks for, or YAML_REFUSED for one that is not plain data. */
static enum yaml_type
type_of_tag(const char *tag)
{
	static const struct {
		const char *name;
		enum yaml_type type;
	} known[] = {
		{ TAG_PREFIX "str", YAML_TEXT },
		{ "!", YAML_TEXT },
		{ TAG_PREFIX "null", YAML_NULL },
		{ TAG_PREFIX "bool", YAML_BOOL },
		{ TAG_PREFIX "int", YAML_INT },
		{ TAG_PREFIX "float", YAML_FLOAT },
	};

	for (size_t i = 0; i < N_ELEMENTS(known); i++)
		if (strcmp(tag, known[i].name) == 0)
			return known[i].type;
	return YAML_REFUSED;
}

/* Writes the scalar of the event as JSON. */
static int
write_scalar(struct reader *r)
{
	const char *tag = (const char *)r->event.data.scalar.tag, *why = NULL;
	struct span text = { (const char *)r->event.data.scalar.value,
		r->event.data.scalar.length };
	enum yaml_type wanted = tag ? type_of_tag(tag) : YAML_TEXT, type;

	if (wanted == YAML_REFUSED)
		return refuse(r, A_TAG);
	if (wanted == YAML_TEXT && (tag || !r->event.data.scalar.plain_implicit)) {
		jtext_string(r->out, text);
		return buf_error(r->out);
	}
	type = yaml_scalar_write(text, r->out, &why);
	if (type == YAML_REFUSED)
		return refuse(r, why);
	if (tag && type != wanted)
		return refuse(r, A_TAG);
	return buf_error(r->out);
}

/* JSON names are strings: a number, boolean or null is written in quotes, as Python does. */
static int
quote_from(struct buf *out, size_t start)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(out->len - start + 1);

	buf_add(&text, out->data + start, out->len - start);
	buf_truncate(out, start);
	jtext_string(out, span_of_buf(&text));
	return buf_error(&text) ? buf_error(&text) : buf_error(out);
}

static int
write_key(struct reader *r)
{
	size_t start = r->out->len;
	const yaml_event_t *e = &r->event;
	int result;

	if (e->type != YAML_SCALAR_EVENT)
		return refuse(r, NO_KEY);
	result = write_scalar(r);
	if (result < 0 || r->out->data[start] == '"')
		return result;
	return quote_from(r->out, start);
}

static int write_node(struct reader *r);

static bool
is_merge_key(const yaml_event_t *e)
{
	return e->type == YAML_SCALAR_EVENT && e->data.scalar.plain_implicit &&
	       e->data.scalar.length == 2 && memcmp(e->data.scalar.value, "<<", 2) == 0;
}

/* Reads the value of a merge key into a buffer of its own. */
static int
read_merge(struct reader *r, struct buf *merge)
{
	struct buf *out = r->out;
	int result;

	if (merge->len)
		return refuse(r, MERGES);
	r->out = merge;
	result = next(r);
	if (result == 0)
		result = write_node(r);
	r->out = out;
	return result;
}

static bool
has_member(struct span object, struct span raw_name)
{
	struct span name, value;

	while (scan_member(&object, &name, &value))
		if (span_equal(name, raw_name))
			return true;
	return false;
}

/* Adds the members that the mapping, whose JSON begins at start, does not have. False: too many. */
static bool
merge_object(struct buf *out, size_t start, struct span object)
{
	struct span at = object, name, value;
	int n = 0;

	while (scan_member(&at, &name, &value)) {
		if (n++ == LIMIT_MEMBERS)
			return false;
		if (has_member((struct span){ out->data + start, out->len - start }, name))
			continue;
		buf_truncate(out, out->len - 1);
		if (out->len > start + 1)
			buf_addc(out, ',');
		buf_addc(out, '"');
		buf_add(out, name.p, name.n);
		buf_adds(out, "\":");
		buf_add(out, value.p, value.n);
		buf_addc(out, '}');
		if (buf_error(out))
			return true;
	}
	return true;
}

/*
 * Merges a mapping, or a sequence of mappings, into the mapping that begins at start. Of two that
 * have the same key, the first counts.
 */
static int
merge(struct reader *r, size_t start, struct span value)
{
	struct span each;
	bool good = scan_type(value) == SCAN_OBJECT || scan_type(value) == SCAN_ARRAY;

	if (scan_type(value) == SCAN_OBJECT)
		good = merge_object(r->out, start, value);
	else if (good)
		while (good && buf_error(r->out) == 0 && scan_element(&value, &each))
			good = scan_type(each) == SCAN_OBJECT && merge_object(r->out, start, each);
	if (!good)
		return refuse(r, NO_MERGE);
	return buf_error(r->out);
}

static int
write_member(struct reader *r)
{
	int result = write_key(r);

	if (result == 0)
		result = next(r);
	buf_addc(r->out, ':');
	return result < 0 ? result : write_node(r);
}

static int
write_mapping(struct reader *r)
{
	CLEANUP(buf_fini) struct buf merged = BUF_INIT(r->out->max);
	size_t start = r->out->len, merge_line = 0;
	int result;

	buf_addc(r->out, '{');
	while ((result = next(r)) == 0 && r->event.type != YAML_MAPPING_END_EVENT) {
		if (is_merge_key(&r->event)) {
			merge_line = r->event.start_mark.line + 1;
			result = read_merge(r, &merged);
		} else {
			if (r->out->len > start + 1)
				buf_addc(r->out, ',');
			result = buf_error(r->out) ? buf_error(r->out) : write_member(r);
		}
		if (result < 0)
			return result;
	}
	buf_addc(r->out, '}');
	if (result < 0 || !merged.len || buf_error(r->out))
		return result;
	result = merge(r, start, span_of_buf(&merged));
	if (result == -EBADMSG)
		r->line = merge_line;
	return result;
}

static int
write_sequence(struct reader *r)
{
	const char *separator = "";
	int result;

	buf_addc(r->out, '[');
	while ((result = next(r)) == 0 && r->event.type != YAML_SEQUENCE_END_EVENT) {
		buf_adds(r->out, separator);
		separator = ",";
		result = write_node(r);
		if (result < 0)
			return result;
	}
	buf_addc(r->out, ']');
	return result;
}

static bool
has_plain_tag(const yaml_char_t *tag, const char *plain)
{
	return !tag || strcmp((const char *)tag, plain) == 0;
}

/* Writes what the anchor stands for; the last one of a name counts. */
static int
write_alias(struct reader *r)
{
	for (size_t i = r->n_anchors; i-- > 0;) {
		const struct anchor *a = &r->anchor[i];

		if (strcmp(a->name, (const char *)r->event.data.alias.anchor) != 0)
			continue;
		buf_add(r->out, a->text, a->n);
		return buf_error(r->out);
	}
	return refuse(r, NO_ANCHOR);
}

/* Stores the node that begins at start as the anchor `name`. Owns name from now on. */
static int
remember(struct reader *r, char *name, size_t start)
{
	struct anchor *a = &r->anchor[r->n_anchors];

	*a = (struct anchor){ name, mem_dup(r->out->data + start, r->out->len - start),
		r->out->len - start };
	r->n_anchors++;
	return a->text ? 0 : -ENOMEM;
}

static void
forget_anchors(struct reader *r)
{
	for (size_t i = 0; i < r->n_anchors; i++) {
		mem_free(r->anchor[i].name);
		mem_free(r->anchor[i].text);
	}
}

static const char *
anchor_of(const yaml_event_t *e)
{
	const yaml_char_t *name =
	    e->type == YAML_SCALAR_EVENT           ? e->data.scalar.anchor
	    : e->type == YAML_MAPPING_START_EVENT  ? e->data.mapping_start.anchor
	    : e->type == YAML_SEQUENCE_START_EVENT ? e->data.sequence_start.anchor
						   : NULL;

	return (const char *)name;
}

/* A mapping, a list or a scalar. */
static int
write_plain_node(struct reader *r)
{
	const yaml_event_t *e = &r->event;
	int result = 0;

	if (e->type == YAML_SCALAR_EVENT)
		return write_scalar(r);
	if (r->depth == LIMIT_JSON_DEPTH)
		return refuse(r, TOO_DEEP);
	r->depth++;
	if (e->type == YAML_MAPPING_START_EVENT)
		result = has_plain_tag(e->data.mapping_start.tag, YAML_MAP_TAG) ? write_mapping(r)
										: refuse(r, A_TAG);
	else
		result = has_plain_tag(e->data.sequence_start.tag, YAML_SEQ_TAG) ? write_sequence(r)
										 : refuse(r, A_TAG);
	r->depth--;
	return result;
}

/* Writes the node that begins with the event. */
static int
write_node(struct reader *r)
{
	const char *anchor = anchor_of(&r->event);
	size_t start = r->out->len;
	char *name = NULL;
	int result;

	if (r->event.type == YAML_ALIAS_EVENT)
		return write_alias(r);
	if (anchor && r->n_anchors == YAML_MAX_ANCHORS)
		return refuse(r, ANCHORS);
	if (anchor && !(name = mem_strdup(anchor)))
		return -ENOMEM;
	result = write_plain_node(r);
	if (result == 0 && buf_error(r->out))
		result = buf_error(r->out);
	/* An anchor inside this node may have taken the last place. */
	if (result == 0 && name && r->n_anchors == YAML_MAX_ANCHORS)
		result = refuse(r, ANCHORS);
	if (result == 0 && name)
		return remember(r, name, start);
	mem_free(name);
	return result;
}

/* Reads an event that must be of this type. */
static int
expect(struct reader *r, yaml_event_type_t type, const char *otherwise)
{
	int result = next(r);

	return result < 0 || r->event.type == type ? result : refuse(r, otherwise);
}

static int
write_document(struct reader *r)
{
	int result = expect(r, YAML_STREAM_START_EVENT, NO_YAML);

	if (result == 0)
		result = expect(r, YAML_DOCUMENT_START_EVENT, NO_CONTENT);
	if (result == 0)
		result = next(r);
	if (result == 0)
		result = write_node(r);
	if (result == 0)
		result = expect(r, YAML_DOCUMENT_END_EVENT, NO_YAML);
	if (result == 0)
		result = expect(r, YAML_STREAM_END_EVENT, SEVERAL);
	return result < 0 ? result : buf_error(r->out);
}

/* libyaml frees its buffers as they are. */
static void
wipe_buffers(yaml_parser_t *parser)
{
	mem_wipe(
	    parser->raw_buffer.start, (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
	mem_wipe(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
}

int
yaml_to_json(struct span text, struct buf *out, size_t *line, const char **why)
{
	struct reader *r = mem_zalloc(sizeof *r);
	int result;

	if (!r || !yaml_parser_initialize(&r->parser)) {
		mem_free(r);
		return -ENOMEM;
	}
	r->text = text;
	r->out = out;
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)text.p, text.n);
	result = write_document(r);
	if (result == -EMSGSIZE)
		result = refuse(r, EXPANDS);
	*line = r->line;
	*why = r->why;
	drop_event(r);
	wipe_buffers(&r->parser);
	yaml_parser_delete(&r->parser);
	forget_anchors(r);
	mem_free(r);
	return result;
}
