/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/socket_path.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/ctl.h"

static bool
is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int
socket_path_runtime_directory(char out[static SOCKET_PATH_SIZE])
{
	const char *given = getenv("XDG_RUNTIME_DIR");

	if (given && given[0] == '/')
		return snprintf(out, SOCKET_PATH_SIZE, "%s", given) < SOCKET_PATH_SIZE ? 0
										       : -ENOENT;
	(void)snprintf(out, SOCKET_PATH_SIZE, "/run/user/%ld", (long)getuid());
	return is_directory(out) ? 0 : -ENOENT;
}

const char *
socket_path_default(void)
{
	static char path[SOCKET_PATH_SIZE + sizeof "/connd/connd.sock"];
	char run[SOCKET_PATH_SIZE];

	if (access(CTL_DEFAULT_SOCKET, F_OK) == 0 || errno != ENOENT ||
	    socket_path_runtime_directory(run) < 0)
		return CTL_DEFAULT_SOCKET;
	(void)snprintf(path, sizeof path, "%s/connd", run);
	if (!is_directory(path))
		return CTL_DEFAULT_SOCKET;
	(void)snprintf(path, sizeof path, "%s/connd/connd.sock", run);
	return path;
}
