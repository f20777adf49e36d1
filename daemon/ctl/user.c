/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"

int
user_find(struct user *u, const char *name)
{
	const struct passwd *found = name ? getpwnam(name) : getpwuid(geteuid());

	*u = (struct user){ .uid = geteuid(), .gid = getegid() };
	if (name && !found)
		return ctl_fail(CTL_USAGE, NULL, "there is no user \"%s\"", name);
	if (found)
		(void)snprintf(u->name, sizeof u->name, "%s", found->pw_name);
	if (!name || found->pw_uid == u->uid)
		return CTL_YES;
	if (u->uid != 0)
		return ctl_fail(CTL_USAGE, "Run it as root, or as that user.",
		    "only root can ask as another user");
	*u = (struct user){ .uid = found->pw_uid, .gid = found->pw_gid, .is_other = true };
	(void)snprintf(u->name, sizeof u->name, "%s", found->pw_name);
	(void)snprintf(u->home, sizeof u->home, "%s", found->pw_dir);
	u->n_groups = USER_GROUPS;
	u->n_own = getgroups(USER_GROUPS, u->own);
	if (u->n_own < 0 || getgrouplist(u->name, u->gid, u->groups, &u->n_groups) < 0)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "the groups of %s cannot be read", name);
	return CTL_YES;
}

int
user_become(struct user *u)
{
	if (!u->is_other)
		return 0;
	if (setgroups((size_t)u->n_groups, u->groups) < 0 || setegid(u->gid) < 0 ||
	    seteuid(u->uid) < 0)
		return -errno;
	return 0;
}

int
user_leave(struct user *u)
{
	if (!u->is_other)
		return 0;
	if (seteuid(0) < 0 || setegid(getgid()) < 0 || setgroups((size_t)u->n_own, u->own) < 0)
		return -errno;
	return 0;
}

int
user_stay(const struct user *u)
{
	if (!u->is_other)
		return 0;
	if (setgroups((size_t)u->n_groups, u->groups) < 0 || setgid(u->gid) < 0 ||
	    setuid(u->uid) < 0 || setenv("HOME", u->home, 1) < 0)
		return -errno;
	return 0;
}
