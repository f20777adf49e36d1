/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of Airflow's sources answers a task: asked by the worker's own Python (--python), or read
 * from its configuration file and the environment, which say less. Both have the same form: that of
 * "python -m airflow_connd explain --json".
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "ctl/program.h"
#include "ctl/explain/airflow_config.h"
#include "ctl/explain/explain_internal.h"
#include "ctl/verbs.h"

#define OURS        "airflow_connd.ConndBackend"
#define REPORT_SIZE ((size_t)1 << 20)
#define NOT_ASKED   "not asked: --python asks it"

/* --- by the worker's Python -------------------------------------------------------------- */

static int
take_report(struct explain *e, const char *python, const struct buf *text)
{
	struct json *j = NULL;

	if (text->len && json_parse(&j, span_of_buf(text), NULL) == 0 &&
	    json_type(j) == SCAN_OBJECT && json_get(j, "sources")) {
		put(e, e->report, "airflow", j);
		return CTL_YES;
	}
	json_free(j);
	return ctl_fail(CTL_UNAVAILABLE,
	    "Is airflow-provider-connd installed there? Run it with the environment of the worker.",
	    "\"%s -m airflow_connd explain\" gives no report", python);
}

static int
ask_python(struct explain *e, const char *python)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(REPORT_SIZE);
	struct why why;
	const char *team = e->o->team;
	char *argv[] = { (char *)python, (char *)"-m", (char *)"airflow_connd", (char *)"explain",
		(char *)"--json", (char *)(e->is_connection ? "conn" : "var"), (char *)"--",
		(char *)e->key, NULL };
	char *with_team[] = { (char *)python, (char *)"-m", (char *)"airflow_connd",
		(char *)"explain", (char *)"--json", (char *)"--team", (char *)team,
		(char *)(e->is_connection ? "conn" : "var"), (char *)"--", (char *)e->key, NULL };
	struct program c = { .argv = team ? with_team : argv,
		.name = "AIRFLOW_CONFIG",
		.value = cli_value(e->o->line, OPT_AIRFLOW_CONFIG),
		.user = &e->user,
		.timeout_ms = 4 * e->o->timeout_ms };

	if (!c.value)
		c.name = NULL;
	if (program_run(&c, &text, &why) < 0)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "%s", why.text);
	return take_report(e, python, &text);
}

/* --- by the configuration ---------------------------------------------------------------- */

struct found {
	struct explain *e;
	struct json *sources;
	const struct json *kwargs; /* the backend's arguments; NULL: none, or not JSON */
	bool decided, ended;       /* a source answers; the lookup ends without one */
	const char *answers;
};

enum has { HAS_NOT, HAS, HAS_UNKNOWN };

static void
add_source(
    struct found *f, const char *source, const char *name, enum has has, bool ends, const char *why)
{
	struct json *j = put_element(f->e, f->sources, json_new_object());
	const char *role = f->ended ? "not asked" : "asked";

	if (!j)
		return;
	if (f->decided)
		role = has == HAS ? "shadowed" : "not asked";
	else if (!f->ended && has == HAS)
		role = "answers";
	else if (!f->ended && ends)
		role = "ends";
	if (strcmp(role, "answers") == 0) {
		f->decided = true;
		f->answers = source;
	}
	f->ended = f->ended || strcmp(role, "ends") == 0;
	put(f->e, j, "source", json_new_string(source));
	put(f->e, j, "name", json_new_string(name));
	if (has != HAS_UNKNOWN)
		put(f->e, j, "has", json_new_bool(has == HAS));
	put(f->e, j, "role", json_new_string(role));
	put(f->e, j, "why", json_new_string(why));
}

static const char *
argument(const struct found *f, const char *name)
{
	return f->kwargs ? json_text(f->kwargs, name) : "";
}

/* What connd has, if it is this one that Airflow asks. */
static enum has
connd_has(const struct found *f, const char *socket, const char **why)
{
	const char *prefix =
	    argument(f, f->e->is_connection ? "connections_prefix" : "variables_prefix");
	const char *record = f->e->connd ? json_text(f->e->connd, "record") : "";

	*why = "";
	if (strcmp(socket, f->e->o->socket) != 0)
		*why = "Airflow asks the connd of another socket than this report is about";
	else if (*prefix)
		*why = "Airflow puts connections_prefix or variables_prefix before the key";
	else if (strcmp(record, "value") == 0)
		return HAS;
	else if (strcmp(record, "not-found") == 0)
		return HAS_NOT;
	else
		*why = "connd gives no value";
	return HAS_UNKNOWN;
}

static void
add_connd(struct found *f)
{
	const char *socket = argument(f, "socket_path"), *from_env = getenv("CONND_SOCKET"), *why;
	enum has has;
	bool ends;

	if (!*socket)
		socket = from_env && *from_env ? from_env : CTL_DEFAULT_SOCKET;
	has = connd_has(f, socket, &why);
	ends = (has == HAS_NOT && strcmp(argument(f, "on_missing"), "deny") == 0) ||
	       (has == HAS_UNKNOWN && strcmp(argument(f, "on_error"), "deny") == 0);
	add_source(f, "connd", socket, has, ends && !*argument(f, "then"), why);
}

static void
add_backend(struct found *f, const char *class)
{
	if (strcmp(class, OURS) != 0) {
		add_source(f, "backend", class, HAS_UNKNOWN, false, NOT_ASKED);
		return;
	}
	if (*argument(f, "first"))
		add_source(f, "backend", argument(f, "first"), HAS_UNKNOWN, false, NOT_ASKED);
	add_connd(f);
	if (*argument(f, "then"))
		add_source(f, "backend", argument(f, "then"), HAS_UNKNOWN, false, NOT_ASKED);
}

static void
add_environment(struct found *f)
{
	CLEANUP(buf_fini) struct buf name = BUF_INIT(LIMIT_REPLY);

	buf_adds(&name, f->e->is_connection ? "AIRFLOW_CONN_" : "AIRFLOW_VAR_");
	for (const char *c = f->e->key; *c; c++)
		buf_addc(&name, (char)toupper((unsigned char)*c));
	add_source(f, "environment", buf_str(&name), getenv(buf_str(&name)) ? HAS : HAS_NOT, false,
	    "the environment of connctl");
}

/* Tasks have a backend of their own in [workers], unless it is not set. */
static int
read_config(struct explain *e, const char *path, struct buf *class, struct buf *kwargs)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(REPORT_SIZE);
	struct why why;

	if (file_read(path, &text, &why) < 0)
		return ctl_fail(CTL_USAGE, NULL, "%s", why.text);
	airflow_config_get(&text, "workers", "secrets_backend", class);
	if (class->len) {
		airflow_config_get(&text, "workers", "secrets_backend_kwargs", kwargs);
	} else {
		airflow_config_get(&text, "secrets", "backend", class);
		airflow_config_get(&text, "secrets", "backend_kwargs", kwargs);
	}
	e->failed = e->failed || buf_error(class) || buf_error(kwargs);
	return CTL_YES;
}

static int
ask_config(struct explain *e, const char *path)
{
	CLEANUP(buf_fini) struct buf class = BUF_INIT(4096), kwargs = BUF_INIT(REPORT_SIZE);
	struct json *arguments = NULL, *part;
	struct found f = { .e = e };
	int code = read_config(e, path, &class, &kwargs);

	if (code != CTL_YES)
		return code;
	if (kwargs.len && json_parse(&arguments, span_of_buf(&kwargs), NULL) < 0)
		arguments = NULL; /* Airflow uses none then */
	part = put(e, e->report, "airflow", json_new_object());
	if (part) {
		f.kwargs = arguments && json_type(arguments) == SCAN_OBJECT ? arguments : NULL;
		put(e, part, "kind", json_new_string(e->is_connection ? "connection" : "variable"));
		put(e, part, "key", json_new_string(e->key));
		put(e, part, "configuration", json_new_string(path));
		f.sources = put(e, part, "sources", json_new_array());
	}
	if (f.sources) {
		if (class.len)
			add_backend(&f, buf_str(&class));
		add_environment(&f);
		add_source(&f, "database", "of Airflow", HAS_UNKNOWN, false, NOT_ASKED);
		put_text(e, part, "answers", f.answers);
	}
	json_free(arguments);
	return CTL_YES;
}

int
explain_airflow(struct explain *e)
{
	const char *python = cli_value(e->o->line, OPT_PYTHON);
	const char *config = cli_value(e->o->line, OPT_AIRFLOW_CONFIG);

	if (python)
		return ask_python(e, python);
	return config ? ask_config(e, config) : CTL_YES;
}
