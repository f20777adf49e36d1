/* SPDX-License-Identifier: Apache-2.0 */
#include "connd/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "connd/access.h"
#include "edge/disk/snapshot.h"
#include "edge/upstream/token_file.h"

#define CONFIG_BYTES (1024 * 1024)
#define PEM_BYTES                                                                                  \
	(4 * 1024 * 1024) /* all public certificate authorities together are a quarter of a MiB */
#define SENTENCES_BYTES (64 * 1024)

/* Functions of these headers write into our callers' why. */

/* --- sentences --------------------------------------------------------------------------- */

static void
add_sentence(struct buf *to, const char *sentence)
{
	buf_adds(to, sentence);
	buf_addc(to, '\n');
}

void
settings_add_fault(struct settings *s, const char *sentence)
{
	add_sentence(&s->faults, sentence);
}

static void
log_each(const char *event, const struct buf *sentences)
{
	const char *line = buf_str(sentences), *end;

	for (; (end = strchr(line, '\n')); line = end + 1) {
		struct why sentence;

		why_set(&sentence, "%.*s", (int)(end - line), line);
		log_warn(event, LOG_STR("text", sentence.text));
	}
}

void
settings_log(const struct settings *s)
{
	log_each("configuration", &s->oddities);
	log_each("configuration: cannot be used now", &s->faults);
}

bool
settings_have_fault(const struct settings *s, struct why *why)
{
	const char *first = buf_str(&s->faults);

	why_set(why, "%.*s", (int)strcspn(first, "\n"), first);
	return *first != '\0';
}

/* --- the file ---------------------------------------------------------------------------- */

/* The whole configuration may come from the environment, but a named file must exist. */
static bool
environment_is_enough(const char *path)
{
	return strcmp(path, SETTINGS_DEFAULT_PATH) == 0 && config_in_environment(environ);
}

static int
load_config(struct settings *s, struct why *why)
{
	struct why short_why = { "" };
	struct buf text = BUF_INIT(CONFIG_BYTES);
	const char *name = s->config_path;
	int r = file_read(name, &text, &short_why);

	if (r == -ENOENT && environment_is_enough(name)) {
		name = "the environment";
		*short_why.text = '\0';
		r = 0;
	}
	if (r == 0)
		r = config_read(
		    &s->config, name, buf_str(&text), text.len, environ, &s->oddities, &short_why);
	if (r < 0)
		why_set(why, "%s%s", *short_why.text ? short_why.text : strerror(-r),
		    r == -ENOENT ? " (the configuration; --config names another file)" : "");
	buf_fini(&text);
	return r;
}

void
settings_set_up_log(const char *config_path)
{
	struct buf text = BUF_INIT(CONFIG_BYTES);
	enum log_format format;
	enum log_level level;
	struct why why;

	if (file_read(config_path, &text, &why) < 0)
		buf_reset(&text); /* settings_load() reports it */
	config_log_settings(span_of_buf(&text), environ, &format, &level);
	log_setup(format, level);
	buf_fini(&text);
}

/* --- what it names ----------------------------------------------------------------------- */

static int
bind_access(struct settings *s, struct acl **acl, struct why *why)
{
	buf_reset(&s->names);
	return access_bind(acl, s->config, s->config_path, &s->faults, &s->names, why);
}

int
settings_bind_again(struct settings *s)
{
	struct why why;
	struct acl *acl;
	int r;

	buf_reset(&s->faults);
	r = bind_access(s, &acl, &why);
	if (r < 0)
		return r;
	acl_free(s->acl);
	s->acl = acl;
	return 0;
}

static int
find_token(struct settings *s, struct why *why)
{
	int r = credential_path(&s->token_path, s->config->manager.token_file);

	if (r == 0 && s->token_path)
		return 0;
	why_set(why, "%s",
	    r < 0 ? "out of memory"
		  : "no token: set [manager] token_file, or pass a systemd credential named token");
	return r < 0 ? r : -ENOENT;
}

static int
read_token(const char *path, struct why *why)
{
	struct buf token = BUF_INIT(LIMIT_TOKEN);
	int r = credential_read(path, &token, why);

	buf_fini(&token);
	return r;
}

/* True if the file exists and can be read. */
static int
check_file(const char *path, bool secret, struct why *why)
{
	struct buf b = BUF_INIT(PEM_BYTES);
	int r = 0;

	if (path)
		r = secret ? file_read_secret(path, &b, why) : file_read(path, &b, why);
	buf_fini(&b);
	return r;
}

static void
note_if(struct settings *s, int r, const char *why)
{
	if (r < 0)
		add_sentence(&s->faults, why);
}

/* Each file named in [manager] and [snapshot] that cannot be used is a separate fault. */
static int
look_for_faults(struct settings *s)
{
	const struct config *c = s->config;
	struct why why = { "out of memory" };
	int r = find_token(s, &why);

	if (r == -ENOMEM)
		return r;
	if (r == 0)
		r = read_token(s->token_path, &why);
	note_if(s, r, why.text);
	note_if(s, check_file(c->manager.ca_file, false, &why), why.text);
	note_if(s, check_file(c->manager.client_cert, false, &why), why.text);
	note_if(s, check_file(c->manager.client_key, true, &why), why.text);
	note_if(s, snapshot_check(c, &why), why.text);
	return 0; /* a list of faults that is too long is cut */
}

int
settings_ready_to_sync(struct settings *s, bool *found, struct why *why)
{
	int r;

	*found = false;
	if (!s->token_path) {
		r = find_token(s, why);
		if (r < 0)
			return r;
		*found = true;
	}
	return check_file(s->config->manager.client_key, true, why);
}

/* --- birth and end ----------------------------------------------------------------------- */

int
settings_load(struct settings **out, const char *config_path, struct why *why)
{
	struct settings *s = mem_zalloc(sizeof *s);
	int r = -ENOMEM;

	why_set(why, "out of memory");
	if (!s)
		return -ENOMEM;
	buf_init(&s->oddities, SENTENCES_BYTES);
	buf_init(&s->faults, SENTENCES_BYTES);
	buf_init(&s->names, SENTENCES_BYTES);
	s->config_path = mem_strdup(config_path);
	if (s->config_path)
		r = load_config(s, why);
	if (r == 0)
		r = bind_access(s, &s->acl, why);
	if (r == 0)
		r = look_for_faults(s);
	if (r < 0) {
		settings_free(s);
		return r;
	}
	*out = s;
	return 0;
}

struct settings *
settings_free(struct settings *s)
{
	if (!s)
		return NULL;
	s->config = config_free(s->config);
	s->acl = acl_free(s->acl);
	mem_free(s->config_path);
	mem_free(s->token_path);
	buf_fini(&s->oddities);
	buf_fini(&s->faults);
	buf_fini(&s->names);
	mem_free(s);
	return NULL;
}
