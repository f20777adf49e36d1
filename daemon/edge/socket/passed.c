/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/passed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"

#define FIRST_FD     3
#define MAX_FDS      16
#define NAMES_SIZE   256
#define CGROUP_BYTES 4096

/* Names in LISTEN_FDNAMES: the service manager's, and ours for the program after SIGUSR2. */
#define NAME_SYSTEM "varlink"
#define NAME_KEPT   "varlink-kept" /* the service manager's, kept over execve() */
#define NAME_OWN    "varlink-own"
#define NAME_LOCK   "varlink-lock"

/* The number of descriptors for this process, and their names. Removes the variables. */
static int
take_variables(char names[static NAMES_SIZE])
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	const char *n = getenv("LISTEN_FDNAMES");
	long count = 0;

	(void)snprintf(names, NAMES_SIZE, "%s", n ? n : "");
	if (pid && fds && strtol(pid, NULL, 10) == (long)getpid())
		count = strtol(fds, NULL, 10);
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (count < 0)
		return 0;
	return count > MAX_FDS ? MAX_FDS : (int)count;
}

/* The descriptor with this name, or -1. */
static int
find(const char *wanted, const char *names, int count)
{
	size_t n;

	for (int i = 0; i < count && *names; i++) {
		n = strcspn(names, ":");
		if (n == strlen(wanted) && strncmp(names, wanted, n) == 0)
			return FIRST_FD + i;
		names += n + (names[n] == ':');
	}
	return -1;
}

static bool
socket_option_is(int fd, int option, int wanted)
{
	int value = -1;
	socklen_t size = sizeof value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

static void
pick(struct passed *out, const char *names, int count)
{
	out->socket = find(NAME_OWN, names, count);
	out->own = out->socket >= 0;
	if (out->own)
		out->lock = find(NAME_LOCK, names, count);
	else
		out->socket = find(NAME_KEPT, names, count);
	out->resumed = out->socket >= 0;
	if (out->socket < 0)
		out->socket = find(NAME_SYSTEM, names, count);
	if (out->socket < 0 && count == 1)
		out->socket = FIRST_FD;
}

static int
prepare(struct passed *out, struct why *why)
{
	int fd = out->socket;

	if (!socket_option_is(fd, SO_DOMAIN, AF_UNIX) ||
	    !socket_option_is(fd, SO_TYPE, SOCK_STREAM) ||
	    !socket_option_is(fd, SO_ACCEPTCONN, 1)) {
		why_set(why, "the passed descriptor is not a listening Unix stream socket");
		return -EINVAL;
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ||
	    (out->lock >= 0 && fcntl(out->lock, F_SETFD, FD_CLOEXEC) < 0)) {
		why_set(why, "cannot prepare the passed socket: %s", strerror(errno));
		return -errno;
	}
	return 0;
}

int
passed_take(struct passed *out, struct why *why)
{
	char names[NAMES_SIZE];
	int count = take_variables(names);

	*out = (struct passed){ .socket = -1, .lock = -1 };
	if (count == 0)
		return 0;
	pick(out, names, count);
	for (int fd = FIRST_FD; fd < FIRST_FD + count; fd++)
		if (fd != out->socket && fd != out->lock)
			(void)close(fd);
	if (out->socket >= 0)
		return prepare(out, why);
	why_set(why, "%d sockets were passed and none is named %s (FileDescriptorName=)", count,
	    NAME_SYSTEM);
	return -EINVAL;
}

void
passed_close(struct passed *p)
{
	if (p->socket >= 0)
		(void)close(p->socket);
	if (p->lock >= 0)
		(void)close(p->lock);
	p->socket = p->lock = -1;
}

void
passed_names(const struct passed *p, char names[static PASSED_NAMES_SIZE])
{
	(void)snprintf(names, PASSED_NAMES_SIZE, "%s%s", p->own ? NAME_OWN : NAME_KEPT,
	    p->lock >= 0 ? ":" NAME_LOCK : "");
}

/* The last part of the cgroup's path is the service; its socket unit bears the same name. */
void
passed_unit(char unit[static PASSED_UNIT_SIZE])
{
	struct buf text = BUF_INIT(CGROUP_BYTES);
	struct why why;
	const char *end, *name;

	(void)snprintf(unit, PASSED_UNIT_SIZE, "the socket unit");
	if (file_read("/proc/self/cgroup", &text, &why) == 0) {
		end = strstr(buf_str(&text), ".service\n");
		name = end;
		while (name && name > buf_str(&text) && name[-1] != '/')
			name--;
		if (end && end - name < PASSED_UNIT_SIZE - 8)
			(void)snprintf(
			    unit, PASSED_UNIT_SIZE, "%.*s.socket", (int)(end - name), name);
	}
	buf_fini(&text);
}
