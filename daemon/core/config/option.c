/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "core/config/value.h"

#define DAY        ((int64_t)24 * 60 * 60 * 1000)
#define AT(member) offsetof(struct config, member)

/*
 * Every option there is. One a row: tests/lint/options.sh reads this table and holds it against
 * conf/connd.conf.
 */
/* clang-format off */
const struct option options[] = {
	{ "manager", "url", OPTION_WORDS, AT(manager.url), NULL, 0, 0, NULL },
	{ "manager", "organization", OPTION_TEXT, AT(manager.organization), NULL, 0, 0, NULL },
	{ "manager", "deployment", OPTION_TEXT, AT(manager.deployment), NULL, 0, 0, NULL },
	{ "manager", "workspace", OPTION_TEXT, AT(manager.workspace), NULL, 0, 0, NULL },
	{ "manager", "token_file", OPTION_TEXT, AT(manager.token_file), NULL, 0, 0, NULL },
	{ "manager", "ca_file", OPTION_TEXT, AT(manager.ca_file), NULL, 0, 0, NULL },
	{ "manager", "client_cert", OPTION_TEXT, AT(manager.client_cert), NULL, 0, 0, NULL },
	{ "manager", "client_key", OPTION_TEXT, AT(manager.client_key), NULL, 0, 0, NULL },
	{ "manager", "pin", OPTION_TEXT, AT(manager.pin), NULL, 0, 0, NULL },
	{ "manager", "proxy", OPTION_TEXT, AT(manager.proxy), NULL, 0, 0, NULL },
	{ "manager", "insecure_http", OPTION_BOOL, AT(manager.insecure_http), "no", 0, 1, NULL },
	{ "manager", "refresh", OPTION_MS, AT(manager.refresh_ms), "30s", 1000, DAY, NULL },
	{ "manager", "timeout", OPTION_MS, AT(manager.timeout_ms), "10s", 100, DAY, NULL },
	{ "manager", "push", OPTION_BOOL, AT(manager.push), "yes", 0, 1, NULL },
	{ "freshness", "ttl", OPTION_MS, AT(freshness.windows.ttl_ms), "2m", 1, 365 * DAY, NULL },
	{ "freshness", "stale", OPTION_MS, AT(freshness.windows.stale_ms), "10m", 1, 365 * DAY, NULL },
	{ "freshness", "max_stale", OPTION_MS, AT(freshness.windows.max_stale_ms), "24h", 1, 365 * DAY, NULL },
	{ "freshness", "max_stale_unauthorized", OPTION_MS, AT(freshness.windows.max_stale_unauthorized_ms), "15m", 0, 365 * DAY, NULL },
	{ "freshness", "deletion_guard", OPTION_PERCENT, AT(freshness.deletion_guard_percent), "50%", 0, 100, NULL },
	{ "freshness", "cold_wait", OPTION_MS, AT(freshness.cold_wait_ms), "2s", 0, 5 * 60 * 1000, NULL },
	{ "misses", "probe", OPTION_MS, AT(misses.probe_ms), "10s", 0, DAY, NULL },
	{ "snapshot", "path", OPTION_TEXT, AT(snapshot.path), NULL, 0, 0, NULL },
	{ "snapshot", "key_file", OPTION_TEXT, AT(snapshot.key_file), NULL, 0, 0, NULL },
	{ "snapshot", "previous_key_file", OPTION_TEXT, AT(snapshot.previous_key_file), NULL, 0, 0, NULL },
	{ "socket", "path", OPTION_TEXT, AT(socket.path), "/run/connd/connd.sock", 0, 0, NULL },
	{ "socket", "group", OPTION_TEXT, AT(socket.group), NULL, 0, 0, NULL },
	{ "socket", "mode", OPTION_MODE, AT(socket.mode), "0660", 0, 0777, NULL },
	{ "socket", "max_connections", OPTION_COUNT, AT(socket.max_connections), "4096", 1, 1000000, NULL },
	{ "socket", "max_connections_per_uid", OPTION_COUNT, AT(socket.max_connections_per_uid), "4096", 1, 1000000, NULL },
	{ "socket", "max_frame", OPTION_SIZE, AT(socket.max_frame), "64K", 1024, 16 << 20, NULL },
	{ "access", "allow", OPTION_ALLOW, AT(access.rule), NULL, 0, 0, NULL },
	{ "access", "deny", OPTION_DENY, AT(access.rule), NULL, 0, 0, NULL },
	{ "access", "teams", OPTION_BOOL, AT(access.teams), "no", 0, 1, NULL },
	{ "memory", "lock", OPTION_NAME, AT(memory.lock), "prefer", 0, 0, "off prefer require" },
	{ "memory", "max_bytes", OPTION_SIZE, AT(memory.max_bytes), "128M", 1 << 20, (int64_t)1 << 40, NULL },
	{ "require", "keys", OPTION_KEYS, AT(require.key), NULL, 0, 0, NULL },
	{ "require", "max_age", OPTION_MS, AT(require.max_age_ms), NULL, 1, 365 * DAY, NULL },
	{ "metrics", "listen", OPTION_WORDS, AT(metrics.listen), NULL, 0, 0, NULL },
	{ "log", "format", OPTION_NAME, AT(log.format), "auto", 0, 0, "auto journal kv json" },
	{ "log", "level", OPTION_NAME, AT(log.level), "info", 0, 0, "error warn info debug" },
};
/* clang-format on */

const size_t n_options = N_ELEMENTS(options);
_Static_assert(N_ELEMENTS(options) <= OPTIONS_MAX, "config.c notes where each option was set");

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
	return o->type == OPTION_ALLOW || o->type == OPTION_DENY;
}

bool
option_takes_lines(const struct option *o)
{
	return option_is_rule(o) || o->type == OPTION_WORDS || o->type == OPTION_KEYS;
}

static int PRINTF(2, 3) refuse(char *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, CONFIG_WHY_SIZE, fmt, args);
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
require_add(struct config *c, const char *word, char *why)
{
	static const char *const prefix[N_KINDS] = { "conn:", "var:", "env:" };
	struct config_require *grown, key = { .key = NULL };

	for (size_t k = 0; k < N_KINDS; k++) {
		size_t n = strlen(prefix[k]);

		if (strncmp(word, prefix[k], n) != 0 || !word[n])
			continue;
		key.kind = (enum record_kind)k;
		key.key = mem_strdup(word + n);
		if (!key.key)
			return -ENOMEM;
	}
	if (!key.key)
		return refuse(
		    why, "\"%.64s\" is no key to require: conn:NAME, var:NAME or env:NAME", word);
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
set_words(
    struct config *c, const struct option *o, const char *value, enum option_how how, char *why)
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

static int
rule_add(struct config *c, const struct option *o, const char *value)
{
	struct config_rule rule = { .allow = o->type == OPTION_ALLOW }, *grown;

	grown = mem_resize(c->access.rule, (c->access.n_rules + 1) * sizeof *grown);
	if (!grown)
		return -ENOMEM;
	c->access.rule = grown;
	rule.text = mem_strdup(value);
	if (!rule.text)
		return -ENOMEM;
	grown[c->access.n_rules++] = rule;
	return 0;
}

/* A further line of the last rule: its words follow with a blank. */
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

/* The place of value among space-separated names, or -1. */
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
		return value_duration(value, n);
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
	case OPTION_NAME:
		break;
	}
	return "a value";
}

/* A bound as people write it in this unit. */
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
set_number(struct config *c, const struct option *o, const char *value, char *why)
{
	char low[32], high[32];
	int64_t n;

	if (!read_number(o, value, &n)) {
		if (o->type == OPTION_NAME)
			return refuse(
			    why, "%s = \"%.64s\" is none of: %s", o->key, value, o->choices);
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
	else /* percent, count, and enums, which are as wide */
		*(uint32_t *)member(c, o) = (uint32_t)n;
	return 0;
}

int
option_set(struct config *c, const struct option *o, const char *value, enum option_how how,
    char why[static CONFIG_WHY_SIZE])
{
	if (o->type == OPTION_TEXT)
		return set_text(c, o, value);
	if (o->type == OPTION_WORDS || o->type == OPTION_KEYS)
		return set_words(c, o, value, how, why);
	if (option_is_rule(o))
		return how == OPTION_SET ? rule_add(c, o, value) : rule_go_on(c, value);
	return set_number(c, o, value, why);
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
