/* SPDX-License-Identifier: Apache-2.0 */
/* connctl init --local: a person's own connd, configured. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/rnd.h"
#include "base/seal.h"
#include "ctl/admin/place.h"
#include "ctl/admin/private_file.h"
#include "ctl/admin/session.h"
#include "ctl/local/file_set.h"
#include "ctl/local/local_paths.h"
#include "ctl/local/local_unit.h"
#include "ctl/output.h"
#include "ctl/verbs.h"

#define TEXT_SIZE ((size_t)64 * 1024)

struct init {
	struct session session;
	struct local_paths paths;
	char deployment[TOKEN_ID_SIZE];
	char ca_file[PATH_MAX]; /* absolute; "": none */
	struct buf connd;       /* the program; "": the units are installed already */
	char service[LOCAL_PATH_SIZE + 32], socket_unit[LOCAL_PATH_SIZE + 32];
	struct file_set files;
};

/* --- the manager -------------------------------------------------------------------------- */

/* The only Deployment that the token sees. */
static int
only_deployment(struct session *s, char id[static TOKEN_ID_SIZE])
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct json *rows = NULL;
	int code;

	session_path(s, &path, "/deployments");
	code = session_list(s, &path, "deployments", &rows);
	if (code != CTL_YES)
		return code;
	if (json_count(rows) == 1)
		(void)snprintf(id, TOKEN_ID_SIZE, "%s", json_text(json_first(rows), "id"));
	else
		code = ctl_fail(CTL_USAGE,
		    "Pass --deployment; \"connctl deployment list\" lists them.",
		    "which Deployment? There are %zu", json_count(rows));
	json_free(rows);
	return code;
}

static int
find_deployment(struct init *init)
{
	const char *name = cli_value(init->session.line, OPT_TARGET);

	if (!name)
		return only_deployment(&init->session, init->deployment);
	return place_find(
	    &init->session, &place_kinds[PLACE_DEPLOYMENT], name, "", init->deployment, NULL);
}

/* Does the manager let this token read the Deployment's objects, secrets included? */
static int
try_list(struct init *init)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct json *page = NULL;
	int code;

	session_path(&init->session, &path, "/environment-objects");
	session_query(&path, "objectType", "CONNECTION");
	session_query(&path, "deploymentId", init->deployment);
	session_query(&path, "resolveLinked", "true");
	session_query(&path, "showSecrets", "true");
	session_query(&path, "limit", "1");
	code = session_get(&init->session, &path, &page);
	json_free(page);
	return code;
}

static int
find_ca_file(struct init *init)
{
	const char *given = init->session.ca_file;

	if (given && !realpath(given, init->ca_file))
		return ctl_fail(CTL_USAGE, NULL, "%s: cannot be found", given);
	return CTL_YES;
}

static int
ask_manager(struct init *init, const struct ctl_options *o)
{
	int code = session_open_asking(&init->session, o);

	if (code == CTL_YES)
		code = find_ca_file(init);
	if (code == CTL_YES)
		code = find_deployment(init);
	return code == CTL_YES ? try_list(init) : code;
}

/* --- the files ---------------------------------------------------------------------------- */

static void
write_config(const struct init *init, struct buf *out)
{
	const struct local_paths *p = &init->paths;

	buf_addf(out,
	    "# connd for one person on this machine, written by \"connctl init --local\".\n"
	    "# connd.conf(5) has every option.\n\n"
	    "[manager]\nurl = %s\norganization = %s\ndeployment = %s\ntoken_file = %s\n",
	    init->session.url, init->session.organization, init->deployment, p->token);
	if (init->ca_file[0])
		buf_addf(out, "ca_file = %s\n", init->ca_file);
	if (init->session.insecure_http)
		buf_adds(out, "insecure_http = yes\n");
	buf_adds(out, "\n[freshness]\n"
		      "# How long connd serves its copy without the manager.\nmax_stale = 30d\n\n");
	buf_addf(out,
	    "[snapshot]\n"
	    "# The copy is sealed with a key in the same home directory. That does not protect it\n"
	    "# from who has both: other programs of this user, root, a backup of the home "
	    "directory,\n"
	    "# a disk that is not encrypted.\n"
	    "path = %s\nkey_file = %s\n\n"
	    "[socket]\npath = %s\nmode = 0600\n",
	    p->snapshot, p->key, p->socket);
}

static void
write_key(struct buf *out)
{
	unsigned char key[SEAL_KEY_SIZE];
	char hex[2 * sizeof key + 1];

	rnd_bytes(key, sizeof key);
	hex_encode(hex, key, sizeof key);
	buf_addf(out, "%s\n", hex);
	mem_wipe(key, sizeof key);
	mem_wipe(hex, sizeof hex);
}

static int
prepare_units(struct init *init)
{
	int code;

	if (local_unit_is_installed())
		return CTL_YES;
	code = local_unit_find_connd(&init->connd);
	if (code != CTL_YES)
		return code;
	(void)snprintf(
	    init->service, sizeof init->service, "%s/connd.service", init->paths.unit_dir);
	(void)snprintf(
	    init->socket_unit, sizeof init->socket_unit, "%s/connd.socket", init->paths.unit_dir);
	local_unit_service(file_set_add(&init->files, init->service, false), buf_str(&init->connd));
	local_unit_socket(file_set_add(&init->files, init->socket_unit, false));
	return CTL_YES;
}

/* The directories that connd itself does not make. */
static void
make_directories(const struct init *init)
{
	private_file_make_directories(init->paths.snapshot);
	private_file_make_directories(init->paths.socket);
}

static int
write_files(struct init *init)
{
	struct buf *token = file_set_add(&init->files, init->paths.token, false);
	int code;

	buf_add(token, init->session.token.data, init->session.token.len);
	buf_addc(token, '\n');
	write_key(file_set_add(&init->files, init->paths.key, true));
	code = prepare_units(init);
	if (code != CTL_YES)
		return code;
	write_config(init, file_set_add(&init->files, init->paths.config, false));
	code = file_set_write(&init->files, cli_has(init->session.line, OPT_FORCE));
	if (code == CTL_YES)
		make_directories(init);
	return code;
}

/* --- the report --------------------------------------------------------------------------- */

static int
report_json(const struct init *init)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(TEXT_SIZE);

	buf_addc(&out, '{');
	jtext_member_string(&out, "config", span_of(init->paths.config));
	jtext_member_string(&out, "token_file", span_of(init->paths.token));
	jtext_member_string(&out, "key_file", span_of(init->paths.key));
	jtext_member_string(&out, "snapshot", span_of(init->paths.snapshot));
	jtext_member_string(&out, "socket", span_of(init->paths.socket));
	jtext_member_string(&out, "organization", span_of(init->session.organization));
	jtext_member_string(&out, "deployment", span_of(init->deployment));
	jtext_member_bool(&out, "unit_written", init->service[0] != '\0');
	buf_adds(&out, "}\n");
	return output_flush(&out);
}

static int
report(const struct init *init)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(TEXT_SIZE);

	for (size_t i = 0; i < init->files.n; i++)
		buf_addf(&text, "%-6s %s\n", init->files.file[i].keep ? "kept" : "wrote",
		    init->files.file[i].path);
	buf_adds(&text,
	    "\nThe snapshot and its key are both in your home directory. The key does not protect\n"
	    "the snapshot from what can read both: other programs of yours, root, a backup, a\n"
	    "disk without encryption.\n"
	    "\nNext, with systemd:\n"
	    "  systemctl --user daemon-reload\n"
	    "  systemctl --user enable --now connd.socket connd.service\n");
	buf_addf(&text, "Without it:\n  connd --config %s\n", init->paths.config);
	buf_addf(&text,
	    "Then:\n  connctl wait && connctl list\n  connctl exec -- COMMAND\n"
	    "and in airflow.cfg, below [secrets]:\n  backend = airflow_connd.ConndBackend\n");
	return output_flush(&text);
}

/* Before anything is asked of the person or the manager. */
static int
refuse_existing(const char *config)
{
	if (access(config, F_OK) < 0)
		return CTL_YES;
	return ctl_fail(CTL_NO, "--force replaces the configuration, and keeps the snapshot's key.",
	    "%s is there already; nothing was changed", config);
}

static int
init_local(struct init *init, const struct ctl_options *o)
{
	int code = local_paths(&init->paths);

	if (code == CTL_YES && !cli_has(o->line, OPT_FORCE))
		code = refuse_existing(init->paths.config);
	if (code == CTL_YES)
		code = ask_manager(init, o);
	if (code == CTL_YES)
		code = write_files(init);
	if (code == CTL_YES)
		code = o->json ? report_json(init) : report(init);
	return code;
}

int
ctl_init(const struct ctl_options *o)
{
	struct init *init;
	int code;

	if (!cli_has(o->line, OPT_LOCAL))
		return ctl_fail(CTL_USAGE, "Pass --local.",
		    "init writes the configuration of a person's own machine only");
	init = mem_zalloc(sizeof *init);
	if (!init)
		return session_no_memory();
	init->connd = BUF_INIT(LOCAL_PATH_SIZE);
	code = init_local(init, o);
	session_close(&init->session);
	file_set_fini(&init->files);
	buf_fini(&init->connd);
	mem_free(init);
	return code;
}
