/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdio.h>

#include "base/base.h"
#include "base/log.h"
#include "connd/app.h"
#include "connd/command_line.h"
#include "connd/settings.h"
#include "edge/process/harden.h"
#include "edge/process/loop.h"
#include "edge/process/reexec.h"
#include "edge/upstream/libcurl.h"

#define HELP_SIZE 16384

/* Without the log's thread, a pipe that nobody reads would stop the loop. */
static int
no_log(void)
{
	log_error("connd cannot start", LOG_STR("reason", "no thread can be made for the log"));
	return 1;
}

/* Memory functions must be set before the libraries allocate. */
static int
start(bool check, bool online, const char *config)
{
	int code;

	harden_process();
	libcurl_prepare();
	if (base_init() < 0) {
		(void)fputs("connd: cannot initialise libsodium\n", stderr);
		return 1;
	}
	loop_global_init();
	if (check)
		code = app_check(config, online);
	else
		code = log_start() < 0 ? no_log() : app_run(config);
	libcurl_end();
	log_stop();
	return code;
}

static int
help(const struct cli_line *line)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(HELP_SIZE);

	cli_write_help(&connd_program, line, &text);
	return buf_error(&text) || fputs(buf_str(&text), stdout) < 0 || fflush(stdout) != 0;
}

static int
wrong_usage(const char *why)
{
	(void)fprintf(stderr, "connd: %s\n\"connd --help\" lists what it takes.\n", why);
	return 2;
}

int
main(int argc, char **argv)
{
	static struct cli_line line;
	struct why why;
	const char *config;

	reexec_init(argv[0]);
	switch (cli_read(&connd_program, argc, argv, &line, &why)) {
	case CLI_HELP:
		return help(&line);
	case CLI_VERSION:
		(void)puts("connd " CONND_VERSION);
		return 0;
	case CLI_WRONG:
		return wrong_usage(why.text);
	case CLI_RUN:
		break;
	}
	if (cli_has(&line, OPTION_ONLINE) && !cli_has(&line, OPTION_CHECK))
		return wrong_usage("--online needs --check");
	config = cli_value(&line, OPTION_CONFIG);
	return start(cli_has(&line, OPTION_CHECK), cli_has(&line, OPTION_ONLINE),
	    config ? config : SETTINGS_DEFAULT_PATH);
}
