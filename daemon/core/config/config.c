/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/distance.h"
#include "base/mem.h"
#include "core/config/ini.h"
#include "core/config/value.h"

int
refuse(struct reading *rd, int line, const struct option *o, const char *fmt, ...)
{
	va_list args;

	if (rd->error)
		return rd->error;
	if (line == NO_LINE && o) {
		why_set(rd->why, "CONND__%s__%s: ", o->section, o->key);
		for (char *s = rd->why->text + strlen("CONND__"); *s && *s != ':'; s++)
			*s = (char)toupper((unsigned char)*s);
	} else if (line > 0) {
		why_set(rd->why, "%.200s:%d: ", rd->name, line);
	} else {
		why_set(rd->why, "%.200s: ", rd->name);
	}
	va_start(args, fmt);
	why_add_args(rd->why, fmt, args);
	va_end(args);
	rd->error = -EINVAL;
	return rd->error;
}

int
no_memory(struct reading *rd)
{
	if (!rd->error)
		rd->error = -ENOMEM;
	return rd->error;
}

void
note_oddity(struct reading *rd, const char *fmt, ...)
{
	struct why sentence;
	va_list args;

	va_start(args, fmt);
	why_set_args(&sentence, fmt, args);
	va_end(args);
	buf_adds(rd->oddities, sentence.text);
	buf_addc(rd->oddities, '\n');
}

static int
set(struct reading *rd, int line, const struct option *o, const char *value, enum option_how how)
{
	struct why why = { "" };
	int r = option_set(rd->c, o, value, how, &why);

	rd->at[o - options] = line;
	if (strcmp(o->section, "access") == 0 && line != 0)
		rd->c->access.present = true;
	if (r == -EINVAL)
		return refuse(rd, line, o, "%s", why.text);
	if (r == 0 && option_is_rule(o) && how == OPTION_SET && line > 0)
		rd->c->access.rule[rd->c->access.n_rules - 1].line = line;
	return r < 0 ? no_memory(rd) : 0;
}

/* --- the file ------------------------------------------------------------------------ */

static bool
is_known_section(const char *section)
{
	for (size_t i = 0; i < n_options; i++)
		if (strcmp(options[i].section, section) == 0)
			return true;
	return false;
}

static size_t
distance(const char *a, const char *b)
{
	return edit_distance(span_of(a), span_of(b));
}

static int
refuse_section(struct reading *rd, const char *section)
{
	const char *best = options[0].section;

	for (size_t i = 1; i < n_options; i++)
		if (distance(section, options[i].section) < distance(section, best))
			best = options[i].section;
	return refuse(
	    rd, rd->line, NULL, "there is no section [%.64s]; the nearest is [%s]", section, best);
}

static int
refuse_key(struct reading *rd, const char *section, const char *key)
{
	const struct option *best = NULL;

	for (size_t i = 0; i < n_options; i++) {
		const struct option *o = &options[i];

		if (strcmp(o->key, key) == 0)
			return refuse(rd, rd->line, NULL,
			    "\"%s\" does not belong in [%s] but in [%s]", key, section, o->section);
		if (strcmp(o->section, section) == 0 &&
		    (!best || distance(key, o->key) < distance(key, best->key)))
			best = o;
	}
	return refuse(rd, rd->line, NULL, "there is no \"%.64s\" in [%s]; the nearest is \"%s\"",
	    key, section, best ? best->key : "");
}

static int
take_section(struct reading *rd, const char *section)
{
	if (!is_known_section(section))
		return refuse_section(rd, section);
	if (strcmp(section, "access") == 0)
		rd->c->access.present = true;
	return 0;
}

static int
take_key(struct reading *rd, const char *section, const char *key, const char *value)
{
	const struct option *o = option_find(section, key);

	if (!*section)
		return refuse(rd, rd->line, NULL, "\"%.64s\" stands above the first section", key);
	if (!o)
		return refuse_key(rd, section, key);
	if (rd->at[o - options] && !option_is_rule(o))
		return refuse(rd, rd->line, NULL, "\"%s\" is set a second time (first in line %d)",
		    key, rd->at[o - options]);
	return set(rd, rd->line, o, value, OPTION_SET);
}

/* Handles an indented line, which continues the value of the key above. */
static int
take_more(struct reading *rd, const char *section, const char *key, const char *value)
{
	const struct option *o = option_find(section, key);

	if (!option_takes_lines(o))
		return refuse(rd, rd->line, NULL,
		    "an indented line goes on with the line above, but \"%s\" is not a list", key);
	return set(rd, rd->line, o, value, OPTION_GO_ON);
}

/* The names in force below a line of the file, and the value of the line. */
struct words {
	char *section, *key, *value;
};

static void
words_fini(struct words *w)
{
	mem_free(w->section);
	mem_free(w->key);
	mem_free(w->value);
}

static int
replace(struct reading *rd, char **to, struct span with)
{
	mem_free(*to);
	*to = mem_strndup(with.p, with.n);
	return *to ? 0 : no_memory(rd);
}

static int
take_item(struct reading *rd, struct words *w, const struct ini_item *item)
{
	int r;

	switch (item->kind) {
	case INI_SECTION:
		r = replace(rd, &w->section, item->name);
		return r < 0 ? r : take_section(rd, w->section);
	case INI_KEY:
		r = replace(rd, &w->key, item->name);
		if (r == 0)
			r = replace(rd, &w->value, item->value);
		return r < 0 ? r : take_key(rd, w->section ? w->section : "", w->key, w->value);
	case INI_MORE:
		r = replace(rd, &w->value, item->value);
		return r < 0 ? r : take_more(rd, w->section, w->key, w->value);
	case INI_BAD:
		break;
	}
	return refuse(rd, rd->line, NULL, "%s", item->wrong);
}

static int
read_file(struct reading *rd, const char *text, size_t len)
{
	struct words w = { 0 };
	struct ini_item item;
	struct ini ini;

	ini_begin(&ini, (struct span){ text, len });
	while (!rd->error && ini_next(&ini, &item)) {
		rd->line = ini.line;
		(void)take_item(rd, &w, &item); /* rd->error keeps what it returns */
	}
	words_fini(&w);
	return rd->error;
}

/* --- presets and the environment ----------------------------------------------------- */

static int
set_presets(struct reading *rd)
{
	rd->c->require.max_age_ms = -1;
	for (size_t i = 0; i < n_options && !rd->error; i++)
		if (options[i].preset)
			(void)set(rd, 0, &options[i], options[i].preset, OPTION_SET);
	return rd->error;
}

/* Is this "CONND__SECTION__KEY=..."? Then its value, else NULL. */
static const char *
env_value(const char *entry, const struct option *o)
{
	char name[64];
	int n = snprintf(name, sizeof name, "CONND__%s__%s=", o->section, o->key);

	for (int i = 0; i < n; i++)
		if (toupper((unsigned char)name[i]) != (unsigned char)entry[i])
			return NULL;
	return entry + n;
}

static bool
env_is_known(const char *entry)
{
	for (size_t i = 0; i < n_options; i++)
		if (env_value(entry, &options[i]))
			return true;
	return false;
}

bool
config_in_environment(char *const *env)
{
	while (*env && !env_is_known(*env))
		env++;
	return *env != NULL;
}

/* Sets one option from each environment variable that names it. */
static int
take_env(struct reading *rd, char *const *env, const struct option *o)
{
	for (char *const *e = env; e && *e && !rd->error; e++) {
		const char *value = env_value(*e, o);

		if (!value)
			continue;
		if (strcmp(o->key, "proxy") == 0 && strchr(value, '@'))
			return refuse(rd, NO_LINE, o,
			    "a proxy with a user or password in it belongs in the file: an "
			    "environment does not keep secrets");
		(void)set(rd, NO_LINE, o, value, OPTION_SET);
	}
	return rd->error;
}

/*
 * Rules of the environment come before those of the file. Denials come first, since an environment
 * has no order.
 */
static int
read_env_rules(struct reading *rd, char *const *env)
{
	int r = take_env(rd, env, option_find("access", "deny"));

	if (r == 0)
		r = take_env(rd, env, option_find("access", "allow"));
	return r < 0 ? r : take_env(rd, env, option_find("access", "admin"));
}

static int
read_env(struct reading *rd, char *const *env)
{
	for (size_t i = 0; i < n_options; i++)
		if (!option_is_rule(&options[i]))
			(void)take_env(rd, env, &options[i]);
	for (char *const *e = env; e && *e && !rd->error; e++) {
		if (strncmp(*e, "CONND__", 7) != 0 || env_is_known(*e))
			continue;
		note_oddity(rd, "%.*s does not name an option; ignored",
		    (int)(strcspn(*e, "=") < 64 ? strcspn(*e, "=") : 64), *e);
	}
	return rd->error;
}

int
config_read(struct config **out, const char *name, const char *text, size_t len, char *const *env,
    struct buf *oddities, struct why *why)
{
	struct reading rd = { .name = name, .why = why, .oddities = oddities };
	int r;

	rd.c = mem_zalloc(sizeof *rd.c);
	if (!rd.c)
		return -ENOMEM;
	r = set_presets(&rd);
	if (r == 0)
		r = read_env_rules(&rd, env);
	if (r == 0)
		r = read_file(&rd, text, len);
	if (r == 0)
		r = read_env(&rd, env);
	if (r == 0)
		r = config_check(&rd);
	if (r == 0)
		*out = rd.c;
	else
		config_free(rd.c);
	return r;
}

/* --- [log] alone --------------------------------------------------------------------- */

/* A wrong value is reported when everything is read. */
static void
set_leniently(struct config *c, const struct option *o, const char *value)
{
	struct why why;
	int r = option_set(c, o, value, OPTION_SET, &why);

	(void)r;
}

static void
take_log_key(struct config *c, const struct ini_item *item)
{
	char key[64], value[64];
	const struct option *o;

	(void)snprintf(key, sizeof key, "%.*s", (int)item->name.n, item->name.p);
	(void)snprintf(value, sizeof value, "%.*s", (int)item->value.n, item->value.p);
	o = option_find("log", key);
	if (o)
		set_leniently(c, o, value);
}

void
config_log_settings(
    struct span text, char *const *env, enum log_format *format, enum log_level *level)
{
	struct config c = { 0 };
	struct ini_item item;
	bool in_log = false;
	struct ini ini;

	for (size_t i = 0; i < n_options; i++)
		if (strcmp(options[i].section, "log") == 0)
			set_leniently(&c, &options[i], options[i].preset);
	ini_begin(&ini, text);
	while (ini_next(&ini, &item))
		if (item.kind == INI_SECTION)
			in_log = span_is(item.name, "log");
		else if (item.kind == INI_KEY && in_log)
			take_log_key(&c, &item);
	for (char *const *e = env; e && *e; e++)
		for (size_t i = 0; i < n_options; i++)
			if (strcmp(options[i].section, "log") == 0 && env_value(*e, &options[i]))
				set_leniently(&c, &options[i], env_value(*e, &options[i]));
	*format = c.log.format;
	*level = c.log.level;
}

/* --- comparing ----------------------------------------------------------------------- */

bool
config_differs(const struct config *a, const struct config *b, enum config_need need,
    char name[static CONFIG_NAME_SIZE])
{
	enum option_change least = need == CONFIG_NEEDS_RESTART ? CHANGE_RESTART : CHANGE_UPGRADE;

	for (size_t i = 0; i < n_options; i++) {
		const struct option *o = &options[i];

		if (o->change < least || option_same(o, a, b))
			continue;
		(void)snprintf(name, CONFIG_NAME_SIZE, "[%s] %s", o->section, o->key);
		return true;
	}
	return false;
}

bool
config_same_option(
    const struct config *a, const struct config *b, const char *section, const char *key)
{
	return option_same(option_find(section, key), a, b);
}

bool
config_same_manager(const struct config *one, const struct config *other)
{
	for (size_t i = 0; i < n_options; i++)
		if (options[i].change == CHANGE_MANAGER && !option_same(&options[i], one, other))
			return false;
	return true;
}
