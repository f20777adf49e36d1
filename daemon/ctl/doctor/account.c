/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts, and what the modes of directories and sockets let one of them do. */
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/doctor/doctor.h"

bool
doctor_find_user(const char *name, struct doctor_user *out)
{
	const struct passwd *p = getpwnam(name);

	if (!p)
		return false;
	*out = (struct doctor_user){ .known = true, .uid = p->pw_uid, .gid = p->pw_gid };
	(void)snprintf(out->name, sizeof out->name, "%s", p->pw_name);
	out->n_groups = DOCTOR_MAX_GROUPS;
	if (getgrouplist(name, p->pw_gid, out->groups, &out->n_groups) < 0)
		out->n_groups = DOCTOR_MAX_GROUPS; /* the first ones */
	return true;
}

bool
doctor_credentials_hidden(void)
{
	return access("/run/systemd/system", F_OK) == 0 && access(DOCTOR_CREDENTIALS, F_OK) < 0;
}

const char *
doctor_as_service(const struct doctor *d)
{
	static char text[96];
	const struct doctor_user *u = &d->facts->service;

	if (!u->known || u->uid == 0)
		return "";
	(void)snprintf(text, sizeof text, "runuser -u %s -- ", u->name);
	return text;
}

static bool
is_member(const struct doctor_user *u, gid_t gid)
{
	for (int i = 0; i < u->n_groups; i++)
		if (u->groups[i] == gid)
			return true;
	return u->gid == gid;
}

/* Does the mode give this user all of `bits` (of one rwx digit)? */
static bool
mode_allows(const struct stat *st, const struct doctor_user *u, mode_t bits)
{
	mode_t mode = st->st_mode;

	if (u->uid == 0)
		return true;
	if (st->st_uid == u->uid)
		mode >>= 6;
	else if (is_member(u, st->st_gid))
		mode >>= 3;
	return (mode & bits) == bits;
}

static void
name_owner(const struct stat *st, char *out, size_t size)
{
	const struct passwd *p = getpwuid(st->st_uid);
	const struct group *g = getgrgid(st->st_gid);
	char uid[16], gid[16];

	(void)snprintf(uid, sizeof uid, "%u", (unsigned)st->st_uid);
	(void)snprintf(gid, sizeof gid, "%u", (unsigned)st->st_gid);
	(void)snprintf(out, size, "%s:%s %04o", p ? p->pw_name : uid, g ? g->gr_name : gid,
	    (unsigned)st->st_mode & 07777);
}

/* The group may, and the user is not in it: then membership mends it. */
static void
advise(const struct stat *st, const char *path, const struct doctor_user *u, mode_t bits, char *out)
{
	const struct group *g = getgrgid(st->st_gid);

	if (!is_member(u, st->st_gid) && g && st->st_gid != 0 && (st->st_mode >> 3 & bits) == bits)
		(void)snprintf(out, DOCTOR_NEXT_SIZE,
		    "usermod -aG %s %s, then restart this user's processes: a process has the "
		    "groups of its start",
		    g->gr_name, u->name);
	else
		(void)snprintf(out, DOCTOR_NEXT_SIZE,
		    S_ISDIR(st->st_mode)
			? "chmod a+x %.300s"
			: "set [socket] group and mode in connd.conf (with connd.socket: "
			  "SocketGroup= and SocketMode=) so that this user may open %.300s",
		    path);
}

/* One directory on the way, or the socket at its end. */
static bool
has_fault(const char *path, const struct doctor_user *u, bool last, char *found, char *next)
{
	mode_t bits = last ? 02 : 01;
	char owner[128];
	struct stat st;

	if (stat(path, &st) < 0 || mode_allows(&st, u, bits))
		return false;
	name_owner(&st, owner, sizeof owner);
	(void)snprintf(found, DOCTOR_FOUND_SIZE, "%s may not %s %s (%s)", u->name,
	    last ? "open" : "pass through", path, owner);
	advise(&st, path, u, bits, next);
	return true;
}

bool
doctor_path_fault(const char *path, const struct doctor_user *u,
    char found[static DOCTOR_FOUND_SIZE], char next[static DOCTOR_NEXT_SIZE])
{
	char part[PATH_MAX];
	const char *slash = path;

	if (strlen(path) >= sizeof part)
		return false;
	while ((slash = strchr(slash + 1, '/'))) {
		(void)snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
		if (has_fault(part, u, false, found, next))
			return true;
	}
	return has_fault(path, u, true, found, next);
}
