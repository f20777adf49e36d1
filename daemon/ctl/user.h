/* SPDX-License-Identifier: Apache-2.0 */
/* Acting as another user, which root may: for one call to connd, or for good in a child. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"

#define USER_GROUPS 1024

struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[USER_GROUPS], own[USER_GROUPS]; /* the user's; those of this process */
	int n_groups, n_own;
	char name[64];
	char home[1024]; /* the user's home directory; "" unless is_other */
	bool is_other;   /* not the user that runs this process */
};

/*
 * Finds a user by name; NULL: the one that runs this process. Another user than that needs root.
 * Returns the exit code, having said what is wrong.
 */
MUST_CHECK int user_find(struct user *u, const char *name);
/* Takes the user's effective ids and groups. 0 or -errno. Nothing if it is not another user. */
MUST_CHECK int user_become(struct user *u);
/* Takes root's back. 0 or -errno: this process may then do nothing more. */
MUST_CHECK int user_leave(struct user *u);
/* Takes the user's ids, groups and HOME for good. 0 or -errno. */
MUST_CHECK int user_stay(const struct user *u);
