/* SPDX-License-Identifier: Apache-2.0 */
#include "connd/settings.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "edge/disk/snapshot.h"
#include "edge/upstream/token_file.h"

#define CONFIG_BYTES (1024 * 1024)
#define PEM_BYTES    (4 * 1024 * 1024) /* a bundle of all public authorities is a quarter of a MiB */

#define ODDITIES_BYTES (64 * 1024)

void
settings_log_oddities(const struct settings *s)
{
	const char *line = buf_str(&s->oddities), *end;

	for (; (end = strchr(line, '\n')); line = end + 1) {
		char sentence[CONFIG_WHY_SIZE];

		(void)snprintf(sentence, sizeof sentence, "%.*s", (int)(end - line), line);
		log_warn("configuration", LOG_STR("text", sentence));
	}
}

static int
user_id(const char *name, uid_t *uid)
{
	const struct passwd *p = getpwnam(name);

	if (!p)
		return -ENOENT;
	*uid = p->pw_uid;
	return 0;
}

static int
group_id(const char *name, gid_t *gid)
{
	const struct group *g = getgrnam(name);

	if (!g)
		return -ENOENT;
	*gid = g->gr_gid;
	return 0;
}

static int
load_config(struct settings *s, const char *path, char why[static SETTINGS_WHY_SIZE])
{
	char short_why[CONFIG_WHY_SIZE > FILE_WHY_SIZE ? CONFIG_WHY_SIZE : FILE_WHY_SIZE] = "";
	struct buf text = BUF_INIT(CONFIG_BYTES);
	int r = file_read(path, &text, short_why);

	if (r == 0)
		r = config_read(
		    &s->config, path, buf_str(&text), text.len, environ, &s->oddities, short_why);
	if (r < 0)
		(void)snprintf(why, SETTINGS_WHY_SIZE, "%s%s",
		    *short_why ? short_why : strerror(-r),
		    r == -ENOENT ? " (the configuration; --config names another file)" : "");
	buf_fini(&text);
	return r;
}

static void
refuse_rule(const char *config_path, const struct config_rule *rule, const char *acl_why,
    char why[static SETTINGS_WHY_SIZE])
{
	int n = rule->line
		    ? snprintf(why, SETTINGS_WHY_SIZE, "%.200s:%d: ", config_path, rule->line)
		    : 0;

	(void)snprintf(why + n, SETTINGS_WHY_SIZE - (size_t)n, "[access] %s %s: %s",
	    rule->allow ? "allow" : "deny", rule->text, acl_why);
}

static int
load_acl(struct settings *s, const char *config_path, char why[static SETTINGS_WHY_SIZE])
{
	static const struct acl_lookup lookup = { .user = user_id, .group = group_id };
	const struct config *c = s->config;
	char acl_why[ACL_WHY_SIZE];
	int r = acl_new(&s->acl);

	for (size_t i = 0; r == 0 && i < c->access.n_rules; i++) {
		const struct config_rule *rule = &c->access.rule[i];

		(void)snprintf(acl_why, sizeof acl_why, "%s", "memory is out");
		r = acl_add(s->acl, rule->allow, rule->text, &lookup, acl_why);
		if (r < 0)
			refuse_rule(config_path, rule, acl_why, why);
	}
	return r;
}

static int
find_token(struct settings *s, char why[static SETTINGS_WHY_SIZE])
{
	struct buf token = BUF_INIT(LIMIT_TOKEN);
	int r = credential_path(&s->token_path, s->config->manager.token_file);

	if (r == 0 && !s->token_path) {
		(void)snprintf(why, SETTINGS_WHY_SIZE,
		    "no token: set [manager] token_file, or pass a systemd credential named token");
		r = -ENOENT;
	}
	if (r == 0)
		r = credential_read(s->token_path, &token, why);
	buf_fini(&token);
	return r;
}

/* Is it there, and may we read it? */
static int
check_file(const char *path, bool secret, char why[static SETTINGS_WHY_SIZE])
{
	struct buf b = BUF_INIT(PEM_BYTES);
	int r = 0;

	if (path)
		r = secret ? file_read_secret(path, &b, why) : file_read(path, &b, why);
	buf_fini(&b);
	return r;
}

int
settings_load(struct settings **out, const char *config_path, char why[static SETTINGS_WHY_SIZE])
{
	struct settings *s = mem_zalloc(sizeof *s);
	int r;

	(void)snprintf(why, SETTINGS_WHY_SIZE, "memory is out");
	if (!s)
		return -ENOMEM;
	buf_init(&s->oddities, ODDITIES_BYTES);
	r = load_config(s, config_path, why);
	if (r == 0)
		r = load_acl(s, config_path, why);
	if (r == 0)
		r = find_token(s, why);
	if (r == 0)
		r = check_file(s->config->manager.ca_file, false, why);
	if (r == 0)
		r = check_file(s->config->manager.client_cert, false, why);
	if (r == 0)
		r = check_file(s->config->manager.client_key, true, why);
	if (r == 0)
		r = snapshot_check(s->config, why);
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
	mem_free(s->token_path);
	buf_fini(&s->oddities);
	mem_free(s);
	return NULL;
}
