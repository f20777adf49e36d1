/* SPDX-License-Identifier: Apache-2.0 */
#include "connd/access.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "base/attr.h"
#include "base/mem.h"

#define LOOK_EVERY_S 10
/* A user or a group with its members. */
#define ENTRY_MIN ((size_t)16 * 1024)
#define ENTRY_MAX ((size_t)16 * 1024 * 1024)

/* The functions below are reentrant, because several threads look up names. */

/* Looks a name up with n bytes of memory. 0 with *id, ENOENT, ERANGE: more memory, or an error. */
typedef int find_id(const char *name, char *room, size_t n, id_t *id);

static int
find_user(const char *name, char *room, size_t n, id_t *id)
{
	struct passwd user, *found = NULL;
	int err = getpwnam_r(name, &user, room, n, &found);

	if (found)
		*id = user.pw_uid;
	return found || err ? err : ENOENT;
}

static int
find_group(const char *name, char *room, size_t n, id_t *id)
{
	struct group group, *found = NULL;
	int err = getgrnam_r(name, &group, room, n, &found);

	if (found)
		*id = group.gr_gid;
	return found || err ? err : ENOENT;
}

/* 0, -ENOENT or -ENOMEM. */
static int
id_of(find_id *find, const char *name, id_t *id)
{
	int err = ERANGE;
	char *room;

	for (size_t n = ENTRY_MIN; err == ERANGE && n <= ENTRY_MAX; n *= 4) {
		room = mem_alloc(n);
		if (!room)
			return -ENOMEM;
		err = find(name, room, n, id);
		mem_free(room);
	}
	return err ? -ENOENT : 0;
}

static int
user_id(const char *name, uid_t *uid)
{
	return id_of(find_user, name, uid);
}

static int
group_id(const char *name, gid_t *gid)
{
	return id_of(find_group, name, gid);
}

static const char *const rule_name[] = {
	[RULE_DENY] = "deny", [RULE_ALLOW] = "allow", [RULE_ADMIN] = "admin"
};
static const enum acl_rule acl_rule_of[] = {
	[RULE_DENY] = ACL_DENY, [RULE_ALLOW] = ACL_ALLOW, [RULE_ADMIN] = ACL_ADMIN
};

/* "FILE:LINE: [access] allow RULE: WHAT" */
static void
describe(struct why *to, const char *config_path, const struct config_rule *rule, const char *what)
{
	char place[256] = "";

	if (rule->line)
		(void)snprintf(place, sizeof place, "%.200s:%d: ", config_path, rule->line);
	why_set(to, "%s[access] %s %.100s: %s", place, rule_name[rule->kind], rule->text, what);
}

/* The user or group is the first word of the rule. */
static int
bind_to_nobody(struct acl *a, const char *config_path, const struct config_rule *rule,
    const char *acl_why, struct buf *faults, struct buf *names)
{
	const char *who = rule->text + strspn(rule->text, " \t");
	struct why sentence;

	describe(&sentence, config_path, rule, acl_why);
	buf_addf(faults, "%s; the rule matches nobody until there is\n", sentence.text);
	buf_addf(names, "%.*s\n", (int)strcspn(who, " \t"), who);
	return acl_add_nobody(a, acl_rule_of[rule->kind]);
}

int
access_bind(struct acl **out, const struct config *config, const char *config_path,
    struct buf *faults, struct buf *names, struct why *why)
{
	static const struct acl_lookup lookup = { .user = user_id, .group = group_id };
	struct why acl_why;
	struct acl *a;
	int r = acl_new(&a);

	why_set(why, "out of memory");
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < config->access.n_rules; i++) {
		const struct config_rule *rule = &config->access.rule[i];

		r = acl_add(a, acl_rule_of[rule->kind], rule->text, &lookup, &acl_why);
		if (r == -ENOENT)
			r = bind_to_nobody(a, config_path, rule, acl_why.text, faults, names);
		else if (r == -EINVAL)
			describe(why, config_path, rule, acl_why.text);
	}
	if (r < 0)
		acl_free(a);
	else
		*out = a;
	return r;
}

/* --- looking again ----------------------------------------------------------------------- */

/*
 * One lookup of all names, in the background. The loop and the thread each hold a reference; the
 * last one frees it.
 */
struct look {
	struct task task;
	atomic_int holders;
	atomic_bool over;
	bool found; /* set before `over` */
	char *names;
};

struct access_lookup {
	struct event *timer;
	struct background *background;
	void (*found)(void *env);
	void *env;
	char *names; /* NULL: nothing is awaited */
	struct look *look;
};

static void
let_go(struct look *k)
{
	if (atomic_fetch_sub(&k->holders, 1) > 1)
		return;
	mem_free(k->names);
	mem_free(k);
}

static bool
is_known(const char *who)
{
	uid_t uid;
	gid_t gid;

	if (strncmp(who, "user:", 5) == 0)
		return user_id(who + 5, &uid) == 0;
	return strncmp(who, "group:", 6) == 0 && group_id(who + 6, &gid) == 0;
}

static void
look_all_up(struct task *t)
{
	struct look *k = CONTAINER_OF(t, struct look, task);
	char *rest = NULL, *name;

	for (name = strtok_r(k->names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest))
		k->found = k->found || is_known(name);
	atomic_store(&k->over, true);
	let_go(k);
}

/* NULL: out of memory; the timer tries again. */
static struct look *
start_look(struct background *background, const char *names)
{
	struct look *k = mem_zalloc(sizeof *k);

	if (!k)
		return NULL;
	k->names = mem_strdup(names);
	if (!k->names) {
		mem_free(k);
		return NULL;
	}
	k->task.run = look_all_up;
	atomic_init(&k->holders, 2);
	background_do(background, &k->task);
	return k;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct access_lookup *l = arg;
	bool found;

	(void)fd;
	(void)what;
	if (l->look && atomic_load(&l->look->over)) {
		found = l->look->found;
		let_go(l->look);
		l->look = NULL;
		if (found)
			l->found(l->env); /* may await others */
	}
	if (!l->look && l->names)
		l->look = start_look(l->background, l->names);
}

int
access_lookup_new(struct access_lookup **out, struct loop *loop, struct background *background,
    void (*found)(void *env), void *env)
{
	struct access_lookup *l = mem_zalloc(sizeof *l);

	if (!l)
		return -ENOMEM;
	l->background = background;
	l->found = found;
	l->env = env;
	l->timer = event_new(loop_base(loop), -1, EV_PERSIST, on_timer, l);
	if (!l->timer) {
		mem_free(l);
		return -ENOMEM;
	}
	*out = l;
	return 0;
}

void
access_lookup_await(struct access_lookup *l, const char *names)
{
	static const struct timeval every = { .tv_sec = LOOK_EVERY_S };

	mem_free(l->names);
	l->names = *names ? mem_strdup(names) : NULL;
	if (l->names)
		(void)event_add(
		    l->timer, &every); /* out of memory: tried again at the next reload */
	else
		(void)event_del(l->timer);
}

struct access_lookup *
access_lookup_free(struct access_lookup *l)
{
	if (!l)
		return NULL;
	event_free(l->timer);
	if (l->look)
		let_go(l->look);
	mem_free(l->names);
	mem_free(l);
	return NULL;
}
