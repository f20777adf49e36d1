/* SPDX-License-Identifier: Apache-2.0 */
/* connd-manager: the self-hosted Environment Manager. */
#include <stdio.h>

#include "base/base.h"
#include "base/log.h"
#include "manager/http/server.h"
#include "manager/http/tls.h"
#include "manager/program/arguments.h"
#include "manager/program/backup.h"
#include "manager/program/command.h"
#include "manager/program/control.h"
#include "manager/program/migrate.h"
#include "manager/program/serve.h"
#include "manager/program/table.h"
#include "manager/program/tls_init.h"
#include "manager/program/token_file.h"

#define HELP_MAX   65536
#define OUTPUT_MAX (64 * 1024 * 1024) /* a list of a hundred thousand tokens */

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int
complain(const char *why)
{
	fprintf(stderr, "connd-manager: %s\n", why);
	return EXIT_FAILED;
}

static int
prepare_libraries(void)
{
	int r = base_init();

	if (r < 0)
		return r;
	r = tls_global_init();
	if (r < 0)
		return r;
	http_global_init();
	return store_global_init();
}

/* Runs a subcommand that a running server can do. */
struct request {
	const struct options *o;
	size_t n;
	char *const *argv;
};

static int
ask_server(void *arg, struct buf *out, struct why *why)
{
	const struct request *q = arg;

	return control_ask(q->o->data, q->n, q->argv, out, why);
}

static int
do_here(void *arg, struct buf *out, struct why *why)
{
	const struct request *q = arg;
	struct command_env env = { 0 };
	bool durable;
	int r = command_open(&env, q->o, why);

	if (r == 0)
		r = command_run(&env, q->o, out, &durable, why);
	command_close(&env);
	return r;
}

static int
run_verb(const struct options *o, size_t n, char *const *argv, struct buf *out, struct why *why)
{
	struct request q = { o, n, argv };

	switch (o->verb) {
	case VERB_SERVE:
		return log_start() < 0 ? -1 : serve(o, why);
	case VERB_INIT:
		return command_init(o, out, why);
	case VERB_TLS_INIT:
		return tls_init(o, out, why);
	case VERB_RESTORE:
		return command_restore(o, out, why);
	case VERB_MIGRATE:
		return migrate_run(o, out, why);
	case VERB_BACKUP:
		return backup_run(o, n, argv, out, why);
	default:
		return command_settle(ask_server, do_here, &q, out, why);
	}
}

static int
print(struct buf *out, struct why *why)
{
	buf_addc(out, '\n');
	if (!buf_error(out) && fwrite(out->data, 1, out->len, stdout) == out->len &&
	    fflush(stdout) == 0)
		return 0;
	why_set(why, "it is done, but the output could not be written");
	return -1;
}

static int
run(const struct options *o, size_t n, char *const *argv)
{
	struct buf out = BUF_INIT(OUTPUT_MAX);
	struct why why = { "out of memory" };
	struct token_file token;
	int r = token_file_open(&token, o->token_out, &why);

	if (r == 0)
		r = run_verb(o, n, argv, &out, &why);
	if (r == 0)
		r = token_file_take(&token, &out, &why);
	token_file_close(&token);
	if (r == 0 && out.len)
		r = print(&out, &why);
	buf_fini(&out);
	return r == 0 ? EXIT_DONE : complain(why.text);
}

static int
help(const struct cli_line *line)
{
	struct buf text = BUF_INIT(HELP_MAX);
	bool done;

	cli_write_help(&manager_program, line, &text);
	done = !buf_error(&text) && fputs(buf_str(&text), stdout) >= 0 && fflush(stdout) == 0;
	buf_fini(&text);
	return done ? EXIT_DONE : EXIT_FAILED;
}

static int
wrong_usage(const struct cli_line *line, const char *why)
{
	bool verb = line->verb && *line->verb->name;

	fprintf(stderr, "connd-manager: %s\n\"connd-manager%s%s --help\" lists what %s.\n", why,
	    verb ? " " : "", verb ? line->verb->name : "", verb ? "it takes" : "there is");
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	static struct cli_line line;
	struct why why;
	struct options o;
	int code;

	switch (arguments_read(argc, argv, &o, &line, &why)) {
	case CLI_HELP:
		return help(&line);
	case CLI_VERSION:
		return printf("connd-manager %s\n", CONND_VERSION) < 0 ? EXIT_FAILED : EXIT_DONE;
	case CLI_WRONG:
		return wrong_usage(&line, why.text);
	case CLI_RUN:
		break;
	}
	base_protect();
	log_setup(LOG_FORMAT_AUTO, LOG_INFO);
	if (prepare_libraries() < 0)
		return complain("the libraries it needs cannot be set up");
	code = run(&o, (size_t)argc - 1, argv + 1);
	log_stop();
	return code;
}
