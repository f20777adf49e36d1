/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/local/local_unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "gen/connd.service.h"
#include "gen/connd.socket.h"

#define PATH_ROOM 4096

bool
local_unit_is_installed(void)
{
	static const char *const places[] = {
		"/etc/systemd/user/connd.service",
		"/usr/local/lib/systemd/user/connd.service",
		"/usr/lib/systemd/user/connd.service",
	};

	for (size_t i = 0; i < N_ELEMENTS(places); i++)
		if (access(places[i], R_OK) == 0)
			return true;
	return false;
}

/* Is DIR/connd a program? Then *out is its path. */
static bool
try_directory(struct buf *out, const char *dir, size_t n)
{
	buf_reset(out);
	buf_add(out, dir, n);
	buf_adds(out, "/connd");
	return n > 0 && dir[0] == '/' && access(buf_str(out), X_OK) == 0;
}

static bool
find_beside_this(struct buf *out)
{
	char self[PATH_ROOM];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self);

	while (n > 0 && self[n - 1] != '/')
		n--;
	return n > 1 && try_directory(out, self, (size_t)n - 1);
}

int
local_unit_find_connd(struct buf *out)
{
	const char *at = getenv("PATH");

	if (find_beside_this(out))
		return CTL_YES;
	while (at && *at) {
		size_t n = strcspn(at, ":");

		if (try_directory(out, at, n))
			return CTL_YES;
		at += n + (at[n] == ':');
	}
	return ctl_fail(CTL_NO, "Install connd first.",
	    "there is no program connd beside this connctl or in PATH");
}

/* A word of ExecStart=: quoted, without specifiers and variables. */
static void
write_word(struct buf *out, const char *word)
{
	buf_addc(out, '"');
	for (const char *c = word; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_addc(out, '\\');
		if (*c == '%' || *c == '$')
			buf_addc(out, *c);
		buf_addc(out, *c);
	}
	buf_addc(out, '"');
}

void
local_unit_service(struct buf *out, const char *connd)
{
	static const char start[] = "ExecStart=", program[] = "/usr/bin/connd";
	const char *at = strstr(embed_connd_service, start);

	at += sizeof start - 1;
	buf_add(out, embed_connd_service, (size_t)(at - embed_connd_service));
	write_word(out, connd);
	buf_adds(out, at + sizeof program - 1);
}

void
local_unit_socket(struct buf *out)
{
	buf_adds(out, embed_connd_socket);
}
