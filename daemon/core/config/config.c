/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "core/config/option.h"
#include "core/config/value.h"

#define SOCKET_PATH_MAX 107  /* sun_path less its NUL */
#define NO_LINE         (-1) /* the environment said it */

/* One reading of one text. */
struct reading {
	struct config *c;
	const char *name; /* the file's */
	const char *rest, *end;
	int line;            /* of the line read last */
	bool indented;       /* that line began with a blank */
	bool after_key;      /* a key stands above it in this section */
	int at[OPTIONS_MAX]; /* where each option was set; 0: not, NO_LINE: by the environment */
	int error;
	char *why;
	void (*warn)(const char *sentence);
};

/* Remembers the first thing that is wrong, with the place it is at. */
static int PRINTF(4, 5)
    refuse(struct reading *rd, int line, const struct option *o, const char *fmt, ...)
{
	va_list args;
	int n;

	if (rd->error)
		return rd->error;
	if (line == NO_LINE && o) {
		n = snprintf(rd->why, CONFIG_WHY_SIZE, "CONND__%s__%s: ", o->section, o->key);
		for (char *s = rd->why + strlen("CONND__"); *s && *s != ':'; s++)
			*s = (char)toupper((unsigned char)*s);
	} else if (line > 0) {
		n = snprintf(rd->why, CONFIG_WHY_SIZE, "%.200s:%d: ", rd->name, line);
	} else {
		n = snprintf(rd->why, CONFIG_WHY_SIZE, "%.200s: ", rd->name);
	}
	va_start(args, fmt);
	vsnprintf(rd->why + n, CONFIG_WHY_SIZE - (size_t)n, fmt, args);
	va_end(args);
	rd->error = -EINVAL;
	return rd->error;
}

static int
no_memory(struct reading *rd)
{
	if (!rd->error)
		rd->error = -ENOMEM;
	return rd->error;
}

static int
set(struct reading *rd, int line, const struct option *o, const char *value, enum option_how how)
{
	char why[CONFIG_WHY_SIZE] = "";
	int r = option_set(rd->c, o, value, how, why);

	rd->at[o - options] = line;
	if (strcmp(o->section, "access") == 0 && line != 0)
		rd->c->access.present = true;
	if (r == -EINVAL)
		return refuse(rd, line, o, "%s", why);
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

static int
refuse_section(struct reading *rd, const char *section)
{
	const char *best = options[0].section;

	for (size_t i = 1; i < n_options; i++)
		if (value_distance(section, options[i].section) < value_distance(section, best))
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
		    (!best || value_distance(key, o->key) < value_distance(key, best->key)))
			best = o;
	}
	return refuse(rd, rd->line, NULL, "there is no \"%.64s\" in [%s]; the nearest is \"%s\"",
	    key, section, best ? best->key : "");
}

/* inih leaves the comment on a line that goes on with the one above. */
static void
cut_comment(char *value)
{
	char *end = value;

	for (char *s = value; *s; s++) {
		if (*s == ';' && (s == value || s[-1] == ' ' || s[-1] == '\t'))
			break;
		if (*s != ' ' && *s != '\t')
			end = s + 1;
	}
	*end = '\0';
}

static int
take_key(struct reading *rd, const char *section, const char *key, char *value)
{
	const struct option *o = option_find(section, key);
	bool more = rd->indented && rd->after_key;

	rd->after_key = true;
	if (!*section)
		return refuse(rd, rd->line, NULL, "\"%.64s\" stands above the first section", key);
	if (!is_known_section(section))
		return refuse_section(rd, section);
	if (!o)
		return refuse_key(rd, section, key);
	if (more) {
		if (!option_takes_lines(o))
			return refuse(rd, rd->line, NULL,
			    "an indented line goes on with the one above, and \"%s\" is no list",
			    key);
		cut_comment(value);
	} else if (rd->at[o - options] && !option_is_rule(o)) {
		return refuse(rd, rd->line, NULL, "\"%s\" is here a second time (first in line %d)",
		    key, rd->at[o - options]);
	}
	return set(rd, rd->line, o, value, more ? OPTION_GO_ON : OPTION_SET);
}

static int
on_key(void *arg, const char *section, const char *key, const char *value)
{
	struct reading *rd = arg;
	char *copy;

	if (rd->error)
		return 0;
	copy = mem_strdup(value);
	if (!copy)
		return no_memory(rd) == 0;
	(void)take_key(rd, section, key, copy); /* what went wrong is in rd */
	mem_free(copy);
	return rd->error == 0;
}

/* A header without keys below it reaches no handler: its name is checked here. */
static void
see_section(struct reading *rd, const char *line, size_t n)
{
	const char *close = memchr(line, ']', n);
	char name[64];

	rd->after_key = false;
	if (!close)
		return; /* inih says so */
	snprintf(name, sizeof name, "%.*s", (int)(close - line - 1), line + 1);
	if (!is_known_section(name))
		(void)refuse_section(rd, name);
	if (strcmp(name, "access") == 0)
		rd->c->access.present = true;
}

/* fgets() for inih, from memory; ends the text at the first thing that is wrong. */
static char *
next_line(char *to, int size, void *arg)
{
	struct reading *rd = arg;
	size_t left = (size_t)(rd->end - rd->rest), n = left;
	const char *newline = left ? memchr(rd->rest, '\n', left) : NULL;

	if (rd->error || left == 0)
		return NULL;
	if (newline)
		n = (size_t)(newline - rd->rest) + 1;
	rd->line++;
	if (n > (size_t)size - 1) {
		(void)refuse(rd, rd->line, NULL,
		    "the line is too long (%d characters at most); a list may go on over indented "
		    "lines",
		    size - 2);
		return NULL;
	}
	if (memchr(rd->rest, '\0', n)) {
		(void)refuse(rd, rd->line, NULL, "there is a NUL byte in the line");
		return NULL;
	}
	memcpy(to, rd->rest, n);
	to[n] = '\0';
	rd->rest += n;
	rd->indented = *to == ' ' || *to == '\t';
	if (*to == '[')
		see_section(rd, to, n);
	return to;
}

static int
read_file(struct reading *rd, const char *text, size_t len)
{
	static const char bom[] = "\xef\xbb\xbf";
	int line;

	rd->rest = text;
	rd->end = text + len;
	if (len >= 3 && memcmp(text, bom, 3) == 0)
		rd->rest += 3;
	line = ini_parse_stream(next_line, rd, on_key, rd);
	if (line != 0 && !rd->error)
		return refuse(
		    rd, line, NULL, "this is neither a [section], a key = value nor a comment");
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

/* Sets one option from every entry that names it. */
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
			    "environment is no place for secrets");
		(void)set(rd, NO_LINE, o, value, OPTION_SET);
	}
	return rd->error;
}

/* Before the file, so that they match first. Denials come first: an environment has no order. */
static int
read_env_rules(struct reading *rd, char *const *env)
{
	int r = take_env(rd, env, option_find("access", "deny"));

	return r < 0 ? r : take_env(rd, env, option_find("access", "allow"));
}

static int
read_env(struct reading *rd, char *const *env)
{
	char sentence[160];

	for (size_t i = 0; i < n_options; i++)
		if (!option_is_rule(&options[i]))
			(void)take_env(rd, env, &options[i]);
	for (char *const *e = env; e && *e && !rd->error; e++) {
		if (strncmp(*e, "CONND__", 7) != 0 || env_is_known(*e))
			continue;
		snprintf(sentence, sizeof sentence, "%.*s names no option; ignored",
		    (int)(strcspn(*e, "=") < 64 ? strcspn(*e, "=") : 64), *e);
		rd->warn(sentence);
	}
	return rd->error;
}

/* --- what must hold together --------------------------------------------------------- */

static int
line_of(const struct reading *rd, const char *section, const char *key)
{
	return rd->at[option_find(section, key) - options];
}

/* An error about one option, wherever it was set. */
#define REFUSE(rd, section, key, ...)                                                              \
	refuse((rd), line_of((rd), (section), (key)), option_find((section), (key)), __VA_ARGS__)

static int
check_urls(struct reading *rd)
{
	struct config_list *url = &rd->c->manager.url;

	if (url->n == 0)
		return REFUSE(rd, "manager", "url", "[manager] url is missing");
	for (size_t i = 0; i < url->n; i++) {
		char good[VALUE_URL_SIZE], *copy;
		bool plain = false;
		const char *wrong = value_url(url->item[i], good, &plain);

		if (wrong && strchr(url->item[i], '@')) /* what it holds is not for a log */
			return REFUSE(rd, "manager", "url", "url: %s", wrong);
		if (wrong)
			return REFUSE(
			    rd, "manager", "url", "url \"%.128s\": %s", url->item[i], wrong);
		if (plain && !rd->c->manager.insecure_http)
			return REFUSE(rd, "manager", "url",
			    "url \"%.128s\": plain http sends the token and every secret in the "
			    "clear; use https, or set insecure_http = yes",
			    url->item[i]);
		copy = mem_strdup(good);
		if (!copy)
			return no_memory(rd);
		mem_free(url->item[i]);
		url->item[i] = copy;
	}
	return 0;
}

static int
check_manager(struct reading *rd)
{
	const struct config *c = rd->c;

	if (!c->manager.organization)
		return REFUSE(rd, "manager", "organization", "[manager] organization is missing");
	if (!c->manager.deployment && !c->manager.workspace)
		return REFUSE(
		    rd, "manager", "deployment", "[manager] deployment (or workspace) is missing");
	if (c->manager.deployment && c->manager.workspace)
		return REFUSE(rd, "manager", "workspace",
		    "[manager] deployment and workspace are both set; one of them decides what is "
		    "replicated");
	if (!c->manager.client_cert != !c->manager.client_key)
		return REFUSE(rd, "manager", c->manager.client_cert ? "client_cert" : "client_key",
		    "[manager] client_cert and client_key come together");
	return check_urls(rd);
}

/* Of two options that do not go together, the one that was set: it has a place to name. */
static const char *
set_one(const struct reading *rd, const char *section, const char *key, const char *other)
{
	return line_of(rd, section, key) ? key : other;
}

static int64_t
larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* A window that nobody set gives way to those that somebody did. */
static void
fit_windows(const struct reading *rd, struct windows *w)
{
	bool ttl = line_of(rd, "freshness", "ttl"), stale = line_of(rd, "freshness", "stale");

	if (!line_of(rd, "freshness", "max_stale"))
		w->max_stale_ms =
		    larger(w->max_stale_ms, larger(ttl ? w->ttl_ms : 0, stale ? w->stale_ms : 0));
	if (!stale)
		w->stale_ms = smaller(larger(w->stale_ms, ttl ? w->ttl_ms : 0), w->max_stale_ms);
	if (!ttl)
		w->ttl_ms = smaller(w->ttl_ms, w->stale_ms);
}

static int
check_freshness(struct reading *rd)
{
	struct windows *w = &rd->c->freshness.windows;
	char sentence[256];

	fit_windows(rd, w);
	if (w->ttl_ms > w->stale_ms)
		return REFUSE(rd, "freshness", set_one(rd, "freshness", "ttl", "stale"),
		    "ttl <= stale <= max_stale must hold, but ttl is %" PRId64
		    " ms and stale %" PRId64 " ms",
		    w->ttl_ms, w->stale_ms);
	if (w->stale_ms > w->max_stale_ms)
		return REFUSE(rd, "freshness", set_one(rd, "freshness", "max_stale", "stale"),
		    "ttl <= stale <= max_stale must hold, but stale is %" PRId64
		    " ms and max_stale %" PRId64 " ms",
		    w->stale_ms, w->max_stale_ms);
	if (w->max_stale_unauthorized_ms > w->max_stale_ms)
		w->max_stale_unauthorized_ms = w->max_stale_ms;
	if (w->ttl_ms < 2 * rd->c->manager.refresh_ms) {
		snprintf(sentence, sizeof sentence,
		    "%.100s: ttl is below twice refresh: one late refresh makes every answer stale",
		    rd->name);
		rd->warn(sentence);
	}
	return 0;
}

static int
check_metrics(struct reading *rd)
{
	const struct config_list *listen = &rd->c->metrics.listen;
	bool loopback;

	if (listen->n == 0)
		return 0;
	for (size_t i = 0; i < listen->n; i++)
		if (!value_listen(listen->item[i], &loopback))
			return REFUSE(rd, "metrics", "listen",
			    "listen \"%.80s\": it must be ADDR:PORT, like 127.0.0.1:9464",
			    listen->item[i]);
	if (listen->n > 2 || (listen->n == 2 && strcmp(listen->item[0], listen->item[1]) != 0))
		return REFUSE(rd, "metrics", "listen", "listen takes one ADDR:PORT");
	if (!loopback && listen->n == 1)
		return REFUSE(rd, "metrics", "listen",
		    "listen \"%.80s\" is open to other machines, and nobody is asked for a "
		    "password there; if that is meant, say it twice: listen = %.80s %.80s",
		    listen->item[0], listen->item[0], listen->item[0]);
	return 0;
}

static int
check_rest(struct reading *rd)
{
	const struct config *c = rd->c;
	char sentence[256];

	if (!c->socket.path)
		return REFUSE(rd, "socket", "path", "[socket] path is empty");
	if (strlen(c->socket.path) > SOCKET_PATH_MAX)
		return REFUSE(rd, "socket", "path",
		    "path is too long for a socket: %d bytes at most", SOCKET_PATH_MAX);
	if (c->access.present && c->access.n_rules == 0) {
		snprintf(sentence, sizeof sentence,
		    "%.100s: [access] holds no rule: whoever may open the socket may ask",
		    rd->name);
		rd->warn(sentence);
	}
	return 0;
}

int
config_read(struct config **out, const char *name, const char *text, size_t len, char *const *env,
    void (*warn)(const char *sentence), char why[static CONFIG_WHY_SIZE])
{
	struct reading rd = { .name = name, .why = why, .warn = warn };
	int r = -ENOMEM;

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
		r = check_manager(&rd);
	if (r == 0)
		r = check_freshness(&rd);
	if (r == 0)
		r = check_metrics(&rd);
	if (r == 0)
		r = check_rest(&rd);
	if (r == 0)
		*out = rd.c;
	else
		config_free(rd.c);
	return r;
}

static bool
same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

const char *
config_fixed_difference(const struct config *a, const struct config *b)
{
	if (!same(a->manager.organization, b->manager.organization))
		return "organization";
	if (!same(a->manager.deployment, b->manager.deployment))
		return "deployment";
	if (!same(a->manager.workspace, b->manager.workspace))
		return "workspace";
	if (!same(a->socket.path, b->socket.path))
		return "socket path";
	return NULL;
}

static bool
same_list(const struct config_list *a, const struct config_list *b)
{
	bool equal = a->n == b->n;

	for (size_t i = 0; equal && i < a->n; i++)
		equal = same(a->item[i], b->item[i]);
	return equal;
}

bool
config_same_manager(const struct config *one, const struct config *other)
{
	__typeof__(&one->manager) a = &one->manager, b = &other->manager;

	return same_list(&a->url, &b->url) && same(a->organization, b->organization) &&
	       same(a->deployment, b->deployment) && same(a->workspace, b->workspace) &&
	       same(a->token_file, b->token_file) && same(a->ca_file, b->ca_file) &&
	       same(a->client_cert, b->client_cert) && same(a->client_key, b->client_key) &&
	       same(a->pin, b->pin) && same(a->proxy, b->proxy) &&
	       a->insecure_http == b->insecure_http && a->push == b->push &&
	       a->refresh_ms == b->refresh_ms && a->timeout_ms == b->timeout_ms;
}
