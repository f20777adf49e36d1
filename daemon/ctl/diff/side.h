/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One side of a comparison: connections and variables by key, each field as a keyed hash. The key
 * is random and of this run alone; no value is kept.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/hash.h"
#include "base/span.h"
#include "ctl/admin/session.h"
#include "ctl/json.h"
#include "proto/secrets.h"

#define SIDE_KINDS 3 /* enum secrets_kind */

struct side_field {
	char *name;
	uint8_t hash[HASH_SIZE];
};

struct side_entry {
	enum secrets_kind kind;
	char *key;
	struct side_field *field; /* by name */
	size_t n_fields;
	const char *refused; /* a static sentence: it cannot be compared; NULL */
};

struct side {
	const char *text; /* as it was given */
	uint8_t hash_key[HASH_SIZE];
	bool has[SIDE_KINDS];     /* which kinds this side can have */
	struct side_entry *entry; /* by kind and key, after side_sort() */
	size_t n, room;
	bool failed; /* memory ran out: checked once */
};

/*
 * Reads the side that text names. s: opened on the first side that needs the manager, then used
 * again. Returns the exit code, having said what is wrong.
 */
MUST_CHECK int side_read(struct side *side, const char *text, const struct ctl_options *o,
    struct session *s, bool *is_open);
void side_fini(struct side *side);

/* --- for the readers --- */

/* NULL: out of memory, which is noted. The entry is valid until the next one is added. */
struct side_entry *side_add(struct side *side, enum secrets_kind kind, const char *key);
/* A field and its value, however its members are ordered; null and "" are as if absent. */
void side_field(
    struct side *side, struct side_entry *e, const char *name, const struct json *value);
/* A field whose value is a text. */
void side_text(struct side *side, struct side_entry *e, const char *name, const char *text);
/*
 * The fields of a connection in Airflow's words: the members of connd's text, or of the manager's
 * typed body, where conn_type is named type.
 */
void side_connection(struct side *side, struct side_entry *e, const struct json *connection);

MUST_CHECK int side_read_connd(struct side *side, const struct ctl_options *o);
/* A Deployment as it is resolved, or a Workspace's own objects. */
MUST_CHECK int side_read_manager(
    struct side *side, struct session *s, bool is_deployment, const char *name);
/* An export of Airflow: of connections or of variables, a file or (path NULL) made by command. */
MUST_CHECK int side_read_export(
    struct side *side, enum secrets_kind kind, const char *path, const char *command);
