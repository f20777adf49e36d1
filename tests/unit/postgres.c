/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/postgres.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define URL_SIZE 256

static struct {
	char dir[64];
	char url[URL_SIZE], maintenance[URL_SIZE];
	pid_t pid; /* 0: it does not run */
	PGconn *h; /* past the store */
} server;

static void
stop(void)
{
	char command[128];

	if (server.pid <= 0 || server.pid == getpid())
		return;
	PQfinish(server.h);
	(void)kill(server.pid, SIGQUIT); /* at once */
	(void)waitpid(server.pid, NULL, 0);
	(void)snprintf(command, sizeof command, "rm -rf '%s'", server.dir);
	(void)!system(command);
}

static void
run_server(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)execl("tests/unit/postgres.sh", "postgres.sh", server.dir, (char *)NULL);
	_exit(127);
}

static void
start(void)
{
	(void)snprintf(server.dir, sizeof server.dir, "/tmp/connd-pg-XXXXXX");
	assert_non_null(mkdtemp(server.dir));
	(void)snprintf(server.maintenance, sizeof server.maintenance,
	    "postgresql://test@/postgres?host=%s", server.dir);
	(void)snprintf(
	    server.url, sizeof server.url, "postgresql://test@/store?host=%s", server.dir);
	server.pid = fork();
	assert_true(server.pid >= 0);
	if (server.pid == 0)
		run_server();
	(void)atexit(stop);
	for (int i = 0; i < 1200 && PQping(server.maintenance) != PQPING_OK; i++) {
		if (waitpid(server.pid, NULL, WNOHANG) != 0)
			fail_msg(
			    "tests/unit/postgres.sh ended; `make deps` installs what it needs");
		(void)usleep(50000);
	}
}

static PGresult *
execute(PGconn *h, const char *sql)
{
	PGresult *result = PQexec(h, sql);

	if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(h));
	return result;
}

const char *
test_postgres_fresh(void)
{
	PGconn *h;

	if (!server.pid) {
		start();
		h = PQconnectdb(server.maintenance);
		PQclear(execute(h, "CREATE DATABASE store"));
		PQfinish(h);
		server.h = PQconnectdb(server.url);
		PQclear(execute(server.h, "SET client_min_messages = error"));
	}
	PQclear(execute(server.h, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
				  "WHERE datname = 'store' AND pid <> pg_backend_pid()"));
	PQclear(execute(server.h, "DROP SCHEMA public CASCADE; CREATE SCHEMA public"));
	return server.url;
}

static PGresult *
run(const char *sql)
{
	return execute(server.h, sql);
}

int64_t
test_postgres_run(const char *sql)
{
	PGresult *result = run(sql);
	int64_t n = strtoll(PQcmdTuples(result), NULL, 10);

	PQclear(result);
	return n;
}

int64_t
test_postgres_number(const char *sql)
{
	PGresult *result = run(sql);
	int64_t n = strtoll(PQgetvalue(result, 0, 0), NULL, 10);

	PQclear(result);
	return n;
}
