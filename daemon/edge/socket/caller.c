/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/socket/caller.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#define FIRST_GROUPS 64
#define MAX_GROUPS   65536 /* NGROUPS_MAX */

void
caller_fini(struct caller *c)
{
	mem_free(c->groups);
	c->groups = NULL;
	c->groups_known = false;
}

/* Reads the supplementary groups at connect time, once. 0 or -errno. */
static int
learn_groups(struct caller *c)
{
	socklen_t size = FIRST_GROUPS * sizeof(gid_t);
	gid_t *groups;

	if (c->groups_known)
		return 0;
	for (;;) {
		groups = mem_alloc(size);
		if (!groups)
			return -ENOMEM;
		if (getsockopt(c->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0)
			break;
		mem_free(groups);
		/* On ERANGE the kernel has set size to what it needs. */
		if (errno != ERANGE || size > MAX_GROUPS * sizeof(gid_t))
			return -errno;
	}
	c->groups = groups;
	c->n_groups = size / sizeof(gid_t);
	c->groups_known = true;
	return 0;
}

/* Returns the caller in the form that rules are matched against. 0 or -errno. */
static int
acl_peer_of(struct caller *c, struct acl_peer *peer)
{
	int r = learn_groups(c);

	*peer = (struct acl_peer){
		.uid = c->uid, .gid = c->gid, .groups = c->groups, .n_groups = c->n_groups
	};
	return r;
}

static enum permission
permission_of(bool allowed)
{
	return allowed ? PERMISSION_ALLOWED : PERMISSION_DENIED;
}

enum permission
caller_may_read(struct caller *c, const struct acl *acl, enum record_kind kind, struct span key)
{
	struct acl_peer peer;

	if (acl_is_empty(acl))
		return PERMISSION_ALLOWED;
	if (acl_peer_of(c, &peer) < 0)
		return PERMISSION_UNKNOWN;
	return permission_of(acl_allows(acl, &peer, kind, key));
}

enum permission
caller_may_read_by(struct caller *c, const struct acl *acl, enum record_kind kind, struct span key,
    const char **rule)
{
	struct acl_peer peer;

	*rule = NULL;
	if (acl_is_empty(acl))
		return PERMISSION_ALLOWED;
	if (acl_peer_of(c, &peer) < 0)
		return PERMISSION_UNKNOWN;
	*rule = acl_deciding_rule(acl, &peer, kind, key);
	return permission_of(acl_allows(acl, &peer, kind, key));
}

enum permission
caller_may_read_any(struct caller *c, const struct acl *acl)
{
	struct acl_peer peer;

	if (acl_is_empty(acl))
		return PERMISSION_ALLOWED;
	if (acl_peer_of(c, &peer) < 0)
		return PERMISSION_UNKNOWN;
	return permission_of(acl_allows_some(acl, &peer));
}

bool
caller_is_owner(const struct caller *c)
{
	return c->uid == 0 || c->uid == geteuid();
}

enum permission
caller_may_administer(struct caller *c, const struct acl *acl)
{
	struct acl_peer peer;

	if (caller_is_owner(c))
		return PERMISSION_ALLOWED;
	if (!acl_has_admins(acl))
		return PERMISSION_DENIED;
	if (acl_peer_of(c, &peer) < 0)
		return PERMISSION_UNKNOWN;
	return permission_of(acl_is_admin(acl, &peer));
}

enum permission
caller_may_see_status(struct caller *c, const struct acl *acl)
{
	if (caller_may_administer(c, acl) == PERMISSION_ALLOWED)
		return PERMISSION_ALLOWED;
	return caller_may_read_any(c, acl);
}
