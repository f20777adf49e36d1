/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/mem.h"
#include "core/config/value.h"

#define AT(member) offsetof(struct config, member)
#define DAY        ((int64_t)24 * 60 * 60 * 1000)

/*
 * All options, one per row. tests/lint/options.sh compares this table with conf/connd.conf, and
 * tests/lint/man.sh with connd.conf(5).
 */
/* clang-format off */
#define ROW(section, key, type, change, member, ...)                                               \
	{ section, key, OPTION_##type, CHANGE_##change, AT(member), __VA_ARGS__ }
#define OPTION(section, key, type, change, member, preset)                                         \
	ROW(section, key, type, change, member, preset, 0, 1, NULL)
#define NUMBER(section, key, type, change, member, preset, low, high)                              \
	ROW(section, key, type, change, member, preset, low, high, NULL)
#define CHOICE(section, key, change, member, preset, choices)                                      \
	ROW(section, key, NAME, change, member, preset, 0, 0, choices)
const struct option options[] = {
	OPTION("manager", "url", WORDS, MANAGER, manager.url, NULL),
	OPTION("manager", "socket_user", WORDS, MANAGER, manager.socket_user, NULL),
	OPTION("manager", "organization", TEXT, UPGRADE, manager.organization, NULL),
	OPTION("manager", "deployment", TEXT, UPGRADE, manager.deployment, NULL),
	OPTION("manager", "workspace", TEXT, UPGRADE, manager.workspace, NULL),
	OPTION("manager", "token_file", TEXT, MANAGER, manager.token_file, NULL),
	OPTION("manager", "ca_file", TEXT, MANAGER, manager.ca_file, NULL),
	OPTION("manager", "client_cert", TEXT, MANAGER, manager.client_cert, NULL),
	OPTION("manager", "client_key", TEXT, MANAGER, manager.client_key, NULL),
	OPTION("manager", "pin", TEXT, MANAGER, manager.pin, NULL),
	OPTION("manager", "proxy", TEXT, MANAGER, manager.proxy, NULL),
	OPTION("manager", "insecure_http", BOOL, MANAGER, manager.insecure_http, "no"),
	NUMBER("manager", "refresh", MS, LIVE, manager.refresh_ms, "30s", 1000, DAY),
	NUMBER("manager", "timeout", MS, LIVE, manager.timeout_ms, "10s", 100, DAY),
	OPTION("manager", "push", BOOL, LIVE, manager.push, "yes"),
	OPTION("manager", "report", BOOL, LIVE, manager.report, "yes"),
	NUMBER("freshness", "ttl", MS, LIVE, freshness.windows.ttl_ms, "2m", 1, 365 * DAY),
	NUMBER("freshness", "stale", MS, LIVE, freshness.windows.stale_ms, "10m", 1, 365 * DAY),
	NUMBER("freshness", "max_stale", MS, LIVE, freshness.windows.max_stale_ms, "24h",
	    1, 365 * DAY),
	NUMBER("freshness", "max_stale_unauthorized", MS, LIVE, freshness.windows.max_stale_unauthorized_ms, "15m",
	    0, 365 * DAY),
	NUMBER("freshness", "deletion_guard", PERCENT, LIVE, freshness.deletion_guard_percent, "50%",
	    0, 100),
	NUMBER("freshness", "cold_wait", MS, LIVE, freshness.cold_wait_ms, "2s", 0, 5 * 60 * 1000),
	NUMBER("misses", "probe", MS, LIVE, misses.probe_ms, "10s", 0, DAY),
	OPTION("snapshot", "path", TEXT, UPGRADE, snapshot.path, NULL),
	OPTION("snapshot", "key_file", TEXT, LIVE, snapshot.key_file, NULL),
	OPTION("snapshot", "previous_key_file", TEXT, LIVE, snapshot.previous_key_file, NULL),
	OPTION("socket", "path", TEXT, RESTART, socket.path, "/run/connd/connd.sock"),
	OPTION("socket", "group", TEXT, RESTART, socket.group, NULL),
	NUMBER("socket", "mode", MODE, RESTART, socket.mode, "0660", 0, 0777),
	NUMBER("socket", "max_connections", COUNT, LIVE, socket.max_connections, "4096",
	    1, 1000000),
	NUMBER("socket", "max_connections_per_uid", COUNT, LIVE, socket.max_connections_per_uid, NULL,
	    1, 1000000),
	NUMBER("socket", "max_frame", SIZE, LIVE, socket.max_frame, "64K", 1024, 16 << 20),
	NUMBER("socket", "linger", MS, LIVE, socket.linger_ms, "0", 0, DAY),
	OPTION("access", "allow", ALLOW, LIVE, access.rule, NULL),
	OPTION("access", "deny", DENY, LIVE, access.rule, NULL),
	OPTION("access", "admin", ADMIN, LIVE, access.rule, NULL),
	OPTION("access", "teams", BOOL, LIVE, access.teams, "no"),
	CHOICE("memory", "lock", LIVE, memory.lock, "prefer", "off prefer require"),
	NUMBER("memory", "max_bytes", SIZE, LIVE, memory.max_bytes, "128M",
	    1 << 20, (int64_t)1 << 40),
	OPTION("require", "keys", KEYS, LIVE, require.key, NULL),
	NUMBER("require", "max_age", MS, LIVE, require.max_age_ms, NULL, 1, 365 * DAY),
	OPTION("metrics", "listen", WORDS, LIVE, metrics.listen, NULL),
	CHOICE("log", "format", LIVE, log.format, "auto", "auto journal kv json"),
	CHOICE("log", "level", LIVE, log.level, "info", "error warn info debug"),
};
/* clang-format on */

const size_t n_options = N_ELEMENTS(options);
_Static_assert(N_ELEMENTS(options) <= OPTIONS_MAX, "struct reading has a line for each option");

const struct option *
option_find(const char *section, const char *key)
{
	for (size_t i = 0; i < n_options; i++)
		if (strcmp(options[i].section, section) == 0 && strcmp(options[i].key, key) == 0)
			return &options[i];
	return NULL;
}

bool
option_is_rule(const struct option *o)
{
	return o->type == OPTION_ALLOW || o->type == OPTION_DENY || o->type == OPTION_ADMIN;
}

bool
option_takes_lines(const struct option *o)
{
	return option_is_rule(o) || o->type == OPTION_WORDS || o->type == OPTION_KEYS;
}

static int PRINTF(2, 3) refuse(struct why *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	why_set_args(why, fmt, args);
	va_end(args);
	return -EINVAL;
}

static void *
member(struct config *c, const struct option *o)
{
	return (char *)c + o->at;
}

static int
set_text(struct config *c, const struct option *o, const char *value)
{
	char **to = member(c, o), *copy = NULL;

	if (*value) {
		copy = mem_strdup(value);
		if (!copy)
			return -ENOMEM;
	}
	mem_free(*to);
	*to = copy;
	return 0;
}

/* --- lists --------------------------------------------------------------------------- */

static int
list_add(struct config_list *l, const char *word)
{
	char **grown = mem_resize(l->item, (l->n + 1) * sizeof *grown), *copy;

	if (!grown)
		return -ENOMEM;
	l->item = grown;
	copy = mem_strdup(word);
	if (!copy)
		return -ENOMEM;
	l->item[l->n++] = copy;
	return 0;
}

static void
list_clear(struct config_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		mem_free(l->item[i]);
	mem_free(l->item);
	*l = (struct config_list){ 0 };
}

static int
require_add(struct config *c, const char *word, struct why *why)
{
	struct config_require *grown, key;
	const char *name = kind_split(word, &key.kind);

	if (!name || !*name)
		return refuse(why,
		    "\"%.64s\" is not a key to require: expected conn:NAME, var:NAME or env:NAME",
		    word);
	key.key = mem_strdup(name);
	if (!key.key)
		return -ENOMEM;
	grown = mem_resize(c->require.key, (c->require.n_keys + 1) * sizeof *grown);
	if (!grown) {
		mem_free(key.key);
		return -ENOMEM;
	}
	c->require.key = grown;
	grown[c->require.n_keys++] = key;
	return 0;
}

static void
require_clear(struct config *c)
{
	for (size_t i = 0; i < c->require.n_keys; i++)
		mem_free(c->require.key[i].key);
	mem_free(c->require.key);
	c->require.key = NULL;
	c->require.n_keys = 0;
}

static int
set_words(struct config *c, const struct option *o, const char *value, enum option_how how,
    struct why *why)
{
	bool keys = o->type == OPTION_KEYS;
	char *copy = mem_strdup(value), *rest, *word;
	int r = 0;

	if (!copy)
		return -ENOMEM;
	if (how == OPTION_SET && keys)
		require_clear(c);
	else if (how == OPTION_SET)
		list_clear(member(c, o));
	for (word = strtok_r(copy, " \t", &rest); word && r == 0;
	     word = strtok_r(NULL, " \t", &rest))
		r = keys ? require_add(c, word, why) : list_add(member(c, o), word);
	mem_free(copy);
	return r;
}

static enum config_rule_kind
rule_kind(enum option_type type)
{
	if (type == OPTION_ADMIN)
		return RULE_ADMIN;
	return type == OPTION_ALLOW ? RULE_ALLOW : RULE_DENY;
}

static int
rule_add(struct config *c, const struct option *o, const char *value)
{
	struct config_rule rule = { .kind = rule_kind(o->type) }, *grown;

	grown = mem_resize(c->access.rule, (c->access.n_rules + 1) * sizeof *grown);
	if (!grown)
		return -ENOMEM;
	c->access.rule = grown;
	rule.text = mem_strdup(value);
	if (!rule.text)
		return -ENOMEM;
	grown[c->access.n_rules++] = rule;
	c->access.n_admins += rule.kind == RULE_ADMIN;
	return 0;
}

/* Appends a further line to the last rule. */
static int
rule_go_on(struct config *c, const char *value)
{
	struct config_rule *last = &c->access.rule[c->access.n_rules - 1];
	size_t n = strlen(last->text) + strlen(value) + 2;
	char *text = mem_alloc(n);

	if (!text)
		return -ENOMEM;
	snprintf(text, n, "%s %s", last->text, value);
	mem_free(last->text);
	last->text = text;
	return 0;
}

/* --- numbers ------------------------------------------------------------------------- */

/* The index of value in the space-separated names, or -1. */
static int64_t
choice_index(const char *choices, const char *value)
{
	size_t n = strlen(value);

	for (int64_t i = 0; *choices; i++) {
		size_t len = strcspn(choices, " ");

		if (len == n && memcmp(choices, value, n) == 0)
			return i;
		choices += len + strspn(choices + len, " ");
	}
	return -1;
}

static bool
read_number(const struct option *o, const char *value, int64_t *n)
{
	switch (o->type) {
	case OPTION_BOOL:
		return value_bool(value, n);
	case OPTION_MS:
		return duration_read(value, n) == 0;
	case OPTION_PERCENT:
		return value_percent(value, n);
	case OPTION_COUNT:
		return value_count(value, n);
	case OPTION_SIZE:
		return value_size(value, n);
	case OPTION_MODE:
		return value_octal(value, n);
	case OPTION_NAME:
		*n = choice_index(o->choices, value);
		return *n >= 0;
	case OPTION_TEXT:
	case OPTION_WORDS:
	case OPTION_KEYS:
	case OPTION_ALLOW:
	case OPTION_DENY:
	case OPTION_ADMIN:
		break;
	}
	return false;
}

static const char *
type_name(enum option_type type)
{
	switch (type) {
	case OPTION_BOOL:
		return "yes or no";
	case OPTION_MS:
		return "a time like 500ms, 30s, 5m, 12h or 7d";
	case OPTION_PERCENT:
		return "a share like 50%";
	case OPTION_COUNT:
		return "a whole number";
	case OPTION_SIZE:
		return "a size like 64K or 1M";
	case OPTION_MODE:
		return "an octal file mode like 0660";
	case OPTION_TEXT:
	case OPTION_WORDS:
	case OPTION_KEYS:
	case OPTION_ALLOW:
	case OPTION_DENY:
	case OPTION_ADMIN:
	case OPTION_NAME:
		break;
	}
	return "a value";
}

/* Writes a bound in the unit that people use. */
static const char *
bound_text(const struct option *o, int64_t n, char room[static 32])
{
	if (o->type == OPTION_MS && n % 1000 == 0)
		snprintf(room, 32, "%" PRId64 "s", n / 1000);
	else if (o->type == OPTION_MODE)
		snprintf(room, 32, "0%" PRIo64, (uint64_t)n);
	else
		snprintf(room, 32, "%" PRId64 "%s", n,
		    o->type == OPTION_MS        ? "ms"
		    : o->type == OPTION_PERCENT ? "%"
						: "");
	return room;
}

static int
set_number(struct config *c, const struct option *o, const char *value, struct why *why)
{
	char low[32], high[32];
	int64_t n;

	if (!read_number(o, value, &n)) {
		if (o->type == OPTION_NAME)
			return refuse(
			    why, "%s = \"%.64s\" is not one of: %s", o->key, value, o->choices);
		return refuse(why, "%s = \"%.64s\" is not %s", o->key, value, type_name(o->type));
	}
	if (o->type != OPTION_NAME && (n < o->low || n > o->high))
		return refuse(why, "%s = %.64s is out of range: %s to %s", o->key, value,
		    bound_text(o, o->low, low), bound_text(o, o->high, high));
	if (o->type == OPTION_BOOL)
		*(bool *)member(c, o) = n != 0;
	else if (o->type == OPTION_MS)
		*(int64_t *)member(c, o) = n;
	else if (o->type == OPTION_SIZE)
		*(size_t *)member(c, o) = (size_t)n;
	else if (o->type == OPTION_MODE)
		*(mode_t *)member(c, o) = (mode_t)n;
	else /* percent, count, and enums, which have the same size */
		*(uint32_t *)member(c, o) = (uint32_t)n;
	return 0;
}

int
option_set(struct config *c, const struct option *o, const char *value, enum option_how how,
    struct why *why)
{
	if (o->type == OPTION_TEXT)
		return set_text(c, o, value);
	if (o->type == OPTION_WORDS || o->type == OPTION_KEYS)
		return set_words(c, o, value, how, why);
	if (option_is_rule(o))
		return how == OPTION_SET ? rule_add(c, o, value) : rule_go_on(c, value);
	return set_number(c, o, value, why);
}

/* --- comparing ----------------------------------------------------------------------- */

static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool
same_list(const struct config_list *a, const struct config_list *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = strcmp(a->item[i], b->item[i]) == 0;
	return same;
}

/* For a member that is not a pointer. */
static size_t
size_of(enum option_type type)
{
	switch (type) {
	case OPTION_BOOL:
		return sizeof(bool);
	case OPTION_MS:
		return sizeof(int64_t);
	case OPTION_SIZE:
		return sizeof(size_t);
	case OPTION_MODE:
		return sizeof(mode_t);
	default: /* percent, count, and enums, which have the same size */
		return sizeof(uint32_t);
	}
}

bool
option_same(const struct option *o, const struct config *a, const struct config *b)
{
	const void *one = (const char *)a + o->at, *other = (const char *)b + o->at;

	if (o->type == OPTION_TEXT)
		return same_text(*(char *const *)one, *(char *const *)other);
	if (o->type == OPTION_WORDS)
		return same_list(one, other);
	return memcmp(one, other, size_of(o->type)) == 0;
}

struct config *
config_free(struct config *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < n_options; i++)
		if (options[i].type == OPTION_TEXT)
			mem_free(*(char **)member(c, &options[i]));
		else if (options[i].type == OPTION_WORDS)
			list_clear(member(c, &options[i]));
	for (size_t i = 0; i < c->access.n_rules; i++)
		mem_free(c->access.rule[i].text);
	mem_free(c->access.rule);
	require_clear(c);
	mem_free(c);
	return NULL;
}
