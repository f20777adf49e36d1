/* SPDX-License-Identifier: Apache-2.0 */
/* connd-manager: the self-hosted Environment Manager. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "manager/http/server.h"
#include "manager/http/tls.h"
#include "manager/program/cli.h"
#include "manager/program/command.h"
#include "manager/program/control.h"
#include "manager/program/serve.h"
#include "manager/program/tls_init.h"

/* How long a subcommand waits for a server that is starting or stopping. */
#define SETTLE_MS 5000

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

/* In this process: nobody else has the directory. -EBUSY: somebody has. */
static int
run_here(const struct options *o, struct buf *out, char why[static COMMAND_WHY_SIZE])
{
	struct command_env env = { 0 };
	int r = command_open(&env, o, why);

	if (r == 0)
		r = command_run(&env, o, out, why);
	command_close(&env);
	return r;
}

/* By the server if there is one, else here; between the two a server may come or go. */
static int
run_command(const struct options *o, size_t n, char *const *argv, struct buf *out,
    char why[static COMMAND_WHY_SIZE])
{
	static const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	int64_t deadline = clock_boot_ms() + SETTLE_MS;
	int r;

	for (;;) {
		r = control_ask(o->data, n, argv, out, why);
		if (r != -ECONNREFUSED && r != -ENOENT)
			return r;
		r = run_here(o, out, why);
		if (r != -EBUSY || clock_boot_ms() >= deadline)
			return r;
		(void)nanosleep(&pause, NULL); /* a signal only makes it shorter */
	}
}

static int
run(const struct options *o, size_t n, char *const *argv)
{
	struct buf out = BUF_INIT(LIMIT_VALUE);
	char why[COMMAND_WHY_SIZE] = "out of memory";
	int r;

	_Static_assert(COMMAND_WHY_SIZE == SERVE_WHY_SIZE, "one buffer for both");
	if (o->verb == VERB_SERVE)
		r = log_start() < 0 ? -1 : serve(o, why);
	else if (o->verb == VERB_INIT)
		r = command_init(o, &out, why);
	else if (o->verb == VERB_TLS_INIT)
		r = tls_init(o, &out, why);
	else if (o->verb == VERB_RESTORE)
		r = command_restore(o, &out, why);
	else
		r = run_command(o, n, argv, &out, why);
	if (r == 0 && out.len) {
		buf_addc(&out, '\n');
		if (buf_error(&out) || fwrite(out.data, 1, out.len, stdout) != out.len ||
		    fflush(stdout) != 0) {
			snprintf(
			    why, sizeof why, "it is done, but the answer could not be printed");
			r = -1;
		}
	}
	buf_fini(&out);
	return r == 0 ? EXIT_DONE : complain(why);
}

int
main(int argc, char **argv)
{
	char why[CLI_WHY_SIZE];
	struct options o;
	int code;

	switch (cli_parse((size_t)argc - 1, argv + 1, &o, why)) {
	case CLI_HELP:
		return fputs(cli_help, stdout) < 0 || fflush(stdout) != 0 ? EXIT_FAILED : EXIT_DONE;
	case CLI_VERSION:
		return printf("connd-manager %s\n", CONND_VERSION) < 0 ? EXIT_FAILED : EXIT_DONE;
	case CLI_USAGE:
		fprintf(stderr, "connd-manager: %s; see connd-manager --help\n", why);
		return EXIT_USAGE;
	case CLI_RUN:
		break;
	}
	base_protect();
	log_setup(LOG_FORMAT_AUTO, LOG_INFO);
	if (prepare_libraries() < 0)
		return complain("the libraries it needs can not be set up");
	code = run(&o, (size_t)argc - 1, argv + 1);
	log_stop();
	return code;
}
