/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/owner.h"

#include <errno.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

int
owner_check(const char *dir, struct why *why)
{
	const struct passwd *owner;
	struct stat st;

	if (geteuid() != 0 || stat(dir, &st) < 0 || st.st_uid == 0)
		return 0;
	owner = getpwuid(st.st_uid);
	if (owner)
		why_set(why,
		    "%.200s belongs to %.60s: run it as %.60s: runuser -u %.60s -- connd-manager "
		    "...",
		    dir, owner->pw_name, owner->pw_name, owner->pw_name);
	else
		why_set(why, "%.200s belongs to the user %lu: run it as that user", dir,
		    (unsigned long)st.st_uid);
	return -EPERM;
}
