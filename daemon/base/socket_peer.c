/* SPDX-License-Identifier: Apache-2.0 */
#include "base/socket_peer.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MANAGER_USER "connd-manager"

static void
add(struct socket_owners *o, uid_t uid)
{
	if (o->n < SOCKET_OWNERS_MAX)
		o->uid[o->n++] = uid;
}

static bool
find_user(const char *name, uid_t *uid)
{
	char *end;
	unsigned long n = strtoul(name, &end, 10);
	const struct passwd *p;

	if (*name >= '0' && *name <= '9' && *end == '\0') {
		*uid = (uid_t)n;
		return true;
	}
	p = getpwnam(name);
	if (p)
		*uid = p->pw_uid;
	return p != NULL;
}

void
socket_owners_find(
    struct socket_owners *out, char *const *names, size_t n, void (*unknown)(const char *name))
{
	uid_t uid;

	out->n = 0;
	if (n == 0) {
		add(out, 0);
		add(out, geteuid());
		if (find_user(MANAGER_USER, &uid))
			add(out, uid);
	}
	for (size_t i = 0; i < n; i++) {
		if (find_user(names[i], &uid))
			add(out, uid);
		else if (unknown)
			unknown(names[i]);
	}
}

static bool
is_owner(const struct socket_owners *o, uid_t uid)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->uid[i] == uid)
			return true;
	return false;
}

int
socket_peer_check(int fd, const char *path, const struct socket_owners *owners, struct why *why)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	int r = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		r = -errno;
	else if (peer.uid == (uid_t)-1)
		r = -EAGAIN; /* the listener's queue is full */
	if (r < 0) {
		why_set(why, "cannot connect to %.128s: %s", path, strerror(-r));
		return r;
	}
	if (is_owner(owners, peer.uid))
		return 0;
	why_set(why,
	    "%.108s: served by uid %u, which is not in [manager] socket_user: nothing was sent; "
	    "if this is the manager, set socket_user = %u",
	    path, (unsigned)peer.uid, (unsigned)peer.uid);
	return -EPERM;
}
