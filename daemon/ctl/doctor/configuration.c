/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as connd reads it: the text, the names in [access], the files of TLS. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "core/acl.h"
#include "ctl/doctor/doctor.h"

#define CHECK          "configuration"
#define CONFIG_BYTES   ((size_t)1024 * 1024)
#define PEM_BYTES      ((size_t)4 * 1024 * 1024)
#define ODDITIES_BYTES ((size_t)64 * 1024)

/* --- the text ----------------------------------------------------------------------------- */

int
doctor_load_config(struct doctor *d, struct buf *oddities, struct why *why)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(CONFIG_BYTES);
	CLEANUP(buf_fini) struct buf ignored = BUF_INIT(ODDITIES_BYTES);
	const char *name = d->config_path;
	int r;

	if (d->config)
		return 0;
	r = file_read(name, &text, why);
	if (r == -ENOENT && !d->config_named && config_in_environment(environ)) {
		name = "the environment";
		r = 0;
	}
	if (r < 0)
		return r;
	return config_read(&d->config, name, buf_str(&text), text.len, environ,
	    oddities ? oddities : &ignored, why);
}

/* --- [access] ----------------------------------------------------------------------------- */

static int
find_user(const char *name, uid_t *uid)
{
	const struct passwd *p = getpwnam(name);

	if (!p)
		return -ENOENT;
	*uid = p->pw_uid;
	return 0;
}

static int
find_group(const char *name, gid_t *gid)
{
	const struct group *g = getgrnam(name);

	if (!g)
		return -ENOENT;
	*gid = g->gr_gid;
	return 0;
}

/* False: a rule makes no sense or names somebody unknown, and a line says so. */
static bool
check_access(struct doctor *d)
{
	static const struct acl_lookup lookup = { find_user, find_group };
	static const enum acl_rule what[] = {
		[RULE_DENY] = ACL_DENY, [RULE_ALLOW] = ACL_ALLOW, [RULE_ADMIN] = ACL_ADMIN
	};
	struct why why;
	struct acl *acl;
	int r = acl_new(&acl);

	for (size_t i = 0; r == 0 && i < d->config->access.n_rules; i++) {
		const struct config_rule *rule = &d->config->access.rule[i];

		r = acl_add(acl, what[rule->kind], rule->text, &lookup, &why);
		if (r < 0)
			doctor_fail(d, CHECK,
			    r == -ENOENT ? "create that user or group, or correct the rule; then "
					   "systemctl reload connd"
					 : "correct the rule, then systemctl reload connd",
			    "%s:%d: [access]: %s", d->config_path, rule->line, why.text);
	}
	acl_free(acl);
	return r == 0;
}

/* --- the files of TLS --------------------------------------------------------------------- */

static bool
check_file(struct doctor *d, const char *option, const char *path, bool secret)
{
	CLEANUP(buf_fini) struct buf b = BUF_INIT(PEM_BYTES);
	struct why why;
	int r = 0;

	if (path)
		r = secret ? file_read_secret(path, &b, &why) : file_read(path, &b, &why);
	if (r < 0)
		doctor_fail(d, CHECK, "correct the path, or let connd's user read the file",
		    "[manager] %s: %s", option, why.text);
	return r == 0;
}

static bool
check_files(struct doctor *d)
{
	const struct config *c = d->config;

	return check_file(d, "ca_file", c->manager.ca_file, false) &&
	       check_file(d, "client_cert", c->manager.client_cert, false) &&
	       check_file(d, "client_key", c->manager.client_key, true);
}

/* --- the check ---------------------------------------------------------------------------- */

static void
report_unreadable(struct doctor *d, int error, const char *why)
{
	bool missing = error == -ENOENT && !d->config_named;

	if (missing && d->facts->answered)
		doctor_skip(d, CHECK,
		    "%s: not here; connd answers, so its configuration is elsewhere (--config "
		    "names it)",
		    d->config_path);
	else if (error == -EACCES && d->facts->service.uid == geteuid() && geteuid() != 0)
		doctor_skip(d, CHECK, "%s; as root: sudo connctl doctor", why);
	else if (error == -ENOENT)
		doctor_fail(d, CHECK,
		    "write it (/usr/share/doc/connd/examples/connd.conf shows every option), or "
		    "name it with --config",
		    "%s", why);
	else
		doctor_fail(d, CHECK,
		    doctor_text(d, "correct it, then %sconnd --check --config %s",
			doctor_as_service(d), d->config_path),
		    "%s", why);
}

static void
note_facts(struct doctor *d)
{
	const struct config *c = d->config;
	struct doctor_facts *f = d->facts;

	f->has_config = true;
	f->max_connections = c->socket.max_connections;
	(void)snprintf(f->organization, sizeof f->organization, "%s", c->manager.organization);
	if (c->manager.deployment)
		(void)snprintf(f->deployment, sizeof f->deployment, "%s", c->manager.deployment);
}

void
doctor_configuration(struct doctor *d)
{
	CLEANUP(buf_fini) struct buf oddities = BUF_INIT(ODDITIES_BYTES);
	struct why why;
	int r = doctor_load_config(d, &oddities, &why);

	if (r < 0) {
		report_unreadable(d, r, why.text);
		return;
	}
	note_facts(d);
	if (!check_access(d) || !check_files(d))
		return;
	if (oddities.len)
		doctor_warn(d, CHECK, "", "%s: %.*s", d->config_path,
		    (int)strcspn(buf_str(&oddities), "\n"), buf_str(&oddities));
	else
		doctor_ok(d, CHECK, "%s, read as user %s", d->config_path, d->facts->service.name);
}
