/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/process/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

static struct sockaddr_un address;
static socklen_t address_size; /* 0: no $NOTIFY_SOCKET */
static int64_t watchdog_usec;
static char last_status[NOTIFY_STATUS_SIZE];

/* Ignores errors: nothing here depends on the delivery. */
static void
notify_send(const char *text)
{
	int fd;

	if (!address_size)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	(void)sendto(
	    fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, address_size);
	(void)close(fd);
}

static void
read_watchdog(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (usec && (!pid || strtol(pid, NULL, 10) == (long)getpid()))
		watchdog_usec = strtoll(usec, NULL, 10);
}

void
notify_init(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n = path ? strlen(path) : 0;

	read_watchdog();
	if (n > 1 && n < sizeof address.sun_path && (path[0] == '/' || path[0] == '@')) {
		address.sun_family = AF_UNIX;
		memcpy(address.sun_path, path, n);
		if (path[0] == '@')
			address.sun_path[0] = '\0'; /* an abstract name has no NUL at the end */
		address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	}
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

static int export(const char *name, const char *value)
{
	return setenv(name, value, 1) < 0 ? -ENOMEM : 0;
}

int
notify_export(void)
{
	char path[sizeof address.sun_path + 1] = "", usec[32], pid[32];
	int r = 0;

	if (address_size) {
		memcpy(
		    path, address.sun_path, address_size - offsetof(struct sockaddr_un, sun_path));
		if (!path[0])
			path[0] = '@';
		r = export("NOTIFY_SOCKET", path);
	}
	if (watchdog_usec > 0) {
		(void)snprintf(usec, sizeof usec, "%" PRId64, watchdog_usec);
		(void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
		if (r == 0)
			r = export("WATCHDOG_USEC", usec);
		if (r == 0)
			r = export("WATCHDOG_PID", pid);
	}
	return r;
}

void
notify_ready(void)
{
	notify_send("READY=1");
}

void
notify_reloading(void)
{
	char text[64];

	(void)snprintf(
	    text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic_us());
	notify_send(text);
}

void
notify_stopping(void)
{
	notify_send("STOPPING=1");
}

void
notify_status(const char *text)
{
	char message[sizeof "STATUS=" + sizeof last_status];

	if (strcmp(text, last_status) == 0)
		return;
	(void)snprintf(last_status, sizeof last_status, "%s", text);
	(void)snprintf(message, sizeof message, "STATUS=%s", last_status);
	/* A line break would start another assignment. */
	for (char *p = message; *p; p++)
		if (*p == '\n')
			*p = ' ';
	notify_send(message);
}

void
notify_extend_timeout(int64_t ms)
{
	char text[64];

	(void)snprintf(text, sizeof text, "EXTEND_TIMEOUT_USEC=%" PRId64, ms * 1000);
	notify_send(text);
}

void
notify_watchdog(void)
{
	notify_send("WATCHDOG=1");
}

int64_t
notify_watchdog_ms(void)
{
	return watchdog_usec / 1000 / 2;
}
