/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/local/local_paths.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "ctl/ctl.h"
#include "ctl/socket_path.h"

/* connd.conf ends a value at a newline, and a comment begins with a space and a semicolon. */
static bool
can_stand_in_a_file(const char *path)
{
	return path[0] == '/' && !strpbrk(path, "\r\n") && !strstr(path, " ;");
}

static int
join(char out[static LOCAL_PATH_SIZE], const char *dir, const char *rest)
{
	if (!can_stand_in_a_file(dir))
		return ctl_fail(CTL_USAGE, NULL,
		    "%s: not a directory that connd.conf can name: expected an absolute path", dir);
	if (snprintf(out, LOCAL_PATH_SIZE, "%s%s", dir, rest) >= LOCAL_PATH_SIZE)
		return ctl_fail(CTL_USAGE, NULL, "%s%s: too long", dir, rest);
	return CTL_YES;
}

/* The directory of an XDG variable, or one in the home directory. Returns the exit code. */
static int
base_directory(char out[static LOCAL_PATH_SIZE], const char *variable, const char *in_home)
{
	const char *given = getenv(variable), *home = getenv("HOME");

	if (given && given[0] == '/')
		return join(out, given, "");
	if (!home || !*home)
		return ctl_fail(CTL_USAGE, NULL, "neither %s nor HOME is set", variable);
	return join(out, home, in_home);
}

bool
local_config(char out[static LOCAL_PATH_SIZE])
{
	const char *given = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int n =
	    given && given[0] == '/'
		? snprintf(out, LOCAL_PATH_SIZE, "%s/connd/connd.conf", given)
		: snprintf(out, LOCAL_PATH_SIZE, "%s/.config/connd/connd.conf", home ? home : "");

	return n < LOCAL_PATH_SIZE && access(out, F_OK) == 0;
}

static int
runtime_directory(char out[static LOCAL_PATH_SIZE])
{
	char run[SOCKET_PATH_SIZE];

	if (socket_path_runtime_directory(run) == 0)
		return join(out, run, "");
	return ctl_fail(CTL_USAGE,
	    "Log in by way of systemd-logind, or set it to a directory of yours with mode 0700.",
	    "XDG_RUNTIME_DIR is not set: it says where connd's socket can be");
}

int
local_paths(struct local_paths *out)
{
	char config[LOCAL_PATH_SIZE], state[LOCAL_PATH_SIZE], run[LOCAL_PATH_SIZE];
	int code = base_directory(config, "XDG_CONFIG_HOME", "/.config");

	if (code == CTL_YES)
		code = base_directory(state, "XDG_STATE_HOME", "/.local/state");
	if (code == CTL_YES)
		code = runtime_directory(run);
	if (code != CTL_YES || (code = join(out->config, config, "/connd/connd.conf")) ||
	    (code = join(out->token, config, "/connd/token")) ||
	    (code = join(out->key, config, "/connd/snapshot.key")) ||
	    (code = join(out->unit_dir, config, "/systemd/user")) ||
	    (code = join(out->snapshot, state, "/connd/snapshot")) ||
	    (code = join(out->socket, run, "/connd/connd.sock")))
		return code;
	if (strlen(out->socket) > LIMIT_SOCKET_PATH)
		return ctl_fail(CTL_USAGE, "Set XDG_RUNTIME_DIR to a shorter path.",
		    "%s: a socket's path has at most %d bytes", out->socket, LIMIT_SOCKET_PATH);
	return CTL_YES;
}
