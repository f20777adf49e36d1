/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/base.h"
#include "base/log.h"
#include "connd/app.h"
#include "connd/settings.h"
#include "edge/process/harden.h"
#include "edge/process/loop.h"
#include "edge/process/reexec.h"
#include "edge/upstream/libcurl.h"

static void
usage(FILE *to)
{
	(void)fputs("usage: connd [--check [--online]] [--config FILE]\n"
		    "\n"
		    "Keeps a complete copy of one Airflow Deployment's resolved connections and\n"
		    "variables, and serves it on a Unix socket.\n"
		    "\n"
		    "  --config FILE  the configuration (default " SETTINGS_DEFAULT_PATH ",\n"
		    "                 which may be absent when CONND__... variables are set)\n"
		    "  --check        say whether the configuration is sound, and end\n"
		    "  --online       with --check: ask the manager, too, and say what it answers\n"
		    "  --help         this text\n"
		    "  --version      the version\n",
	    to);
}

/* Without a thread for the log, a pipe that is not read would stop the loop. */
static int
no_log(void)
{
	log_error("connd cannot start", LOG_STR("reason", "no thread can be made for the log"));
	return 1;
}

/* Memory hooks come before anything the libraries do. */
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

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "check", no_argument, NULL, 'k' },
		{ "online", no_argument, NULL, 'o' },
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	const char *config = SETTINGS_DEFAULT_PATH;
	bool check = false, online = false;
	int c;

	reexec_init(argv[0]);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'k':
			check = true;
			break;
		case 'o':
			online = true;
			break;
		case 'c':
			config = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'v':
			(void)puts("connd " CONND_VERSION);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "connd: unexpected argument: %s\n", argv[optind]);
		usage(stderr);
		return 2;
	}
	if (online && !check) {
		(void)fputs("connd: --online needs --check\n", stderr);
		usage(stderr);
		return 2;
	}
	return start(check, online, config);
}
