/* SPDX-License-Identifier: Apache-2.0 */
#include "core/acl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "core/team.h"

enum who { WHO_ANYONE, WHO_UID, WHO_GID, WHO_NOBODY };

struct pattern {
	bool any_kind;
	bool names_team; /* the glob contains "___" and a wildcard: it matches keys of teams */
	enum record_kind kind;
	char *glob;
};

struct rule {
	bool allow;
	enum who who;
	uint32_t id;             /* the uid or gid */
	struct pattern *pattern; /* no patterns: every key */
	size_t n_patterns;
	char *text; /* as it would stand in the configuration; NULL for WHO_NOBODY */
};

struct rules {
	struct rule *rule;
	size_t n;
};

struct acl {
	struct rules access, admin;
	size_t cost; /* rules and patterns */
};

int
acl_new(struct acl **out)
{
	struct acl *a = mem_zalloc(sizeof *a);

	if (!a)
		return -ENOMEM;
	*out = a;
	return 0;
}

static void
rule_fini(struct rule *rule)
{
	for (size_t i = 0; i < rule->n_patterns; i++)
		mem_free(rule->pattern[i].glob);
	mem_free(rule->pattern);
	mem_free(rule->text);
}

static void
rules_fini(struct rules *rs)
{
	for (size_t i = 0; i < rs->n; i++)
		rule_fini(&rs->rule[i]);
	mem_free(rs->rule);
}

struct acl *
acl_free(struct acl *a)
{
	if (a) {
		rules_fini(&a->access);
		rules_fini(&a->admin);
		mem_free(a);
	}
	return NULL;
}

/* --- reading a rule ------------------------------------------------------------------ */

/* Reads a decimal id. UINT32_MAX is not an id: chown() takes it as "no change". */
static bool
read_id(const char *s, uint32_t *out)
{
	uint64_t n = 0;

	if (!*s || strlen(s) > 10)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		n = n * 10 + (uint64_t)(*s - '0');
	}
	*out = (uint32_t)n;
	return n < UINT32_MAX;
}

/* Returns the rest of word after `prefix`; NULL if word does not begin with it. */
static const char *
after(const char *word, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(word, prefix, n) == 0 ? word + n : NULL;
}

static int
read_name(struct rule *rule, const char *word, const struct acl_lookup *lookup, struct why *why)
{
	const char *name = after(word, "user:");
	uid_t uid;
	gid_t gid;

	if (name && lookup->user(name, &uid) == 0) {
		rule->who = WHO_UID;
		rule->id = uid;
		return 1;
	}
	if (name) {
		why_set(why, "there is no user \"%.64s\"", name);
		return -ENOENT;
	}
	name = after(word, "group:");
	if (!name)
		return 0;
	if (lookup->group(name, &gid) != 0) {
		why_set(why, "there is no group \"%.64s\"", name);
		return -ENOENT;
	}
	rule->who = WHO_GID;
	rule->id = gid;
	return 1;
}

/* Returns 1 if word names the callers, 0 if it is something else, or an error with why. */
static int
read_who(struct rule *rule, const char *word, const struct acl_lookup *lookup, struct why *why)
{
	const char *number = after(word, "uid:");

	rule->who = WHO_ANYONE;
	if (number)
		rule->who = WHO_UID;
	else if ((number = after(word, "gid:")))
		rule->who = WHO_GID;
	if (number && !read_id(number, &rule->id)) {
		why_set(why, "\"%.64s\": expected uid: or gid: and a number", word);
		return -EINVAL;
	}
	if (number || strcmp(word, "*") == 0)
		return 1;
	return read_name(rule, word, lookup, why);
}

static int
read_pattern(struct rule *rule, const char *word, struct why *why)
{
	struct pattern p = { .any_kind = strcmp(word, "*") == 0 }, *grown;
	const char *glob = p.any_kind ? word : kind_split(word, &p.kind);

	if (!glob || !*glob) {
		why_set(why,
		    "\"%.64s\": expected conn:NAME, var:NAME, env:NAME or * (user:, uid:, group: "
		    "or "
		    "gid: comes first)",
		    word);
		return -EINVAL;
	}
	grown = mem_resize(rule->pattern, (rule->n_patterns + 1) * sizeof *grown);
	if (!grown)
		return -ENOMEM;
	rule->pattern = grown;
	p.names_team = team_separates(span_of(glob)) && strpbrk(glob, "*?");
	p.glob = mem_strdup(glob);
	if (!p.glob)
		return -ENOMEM;
	rule->pattern[rule->n_patterns++] = p;
	return 0;
}

/* Splits text into words in place. */
static int
read_rule(struct rule *rule, char *text, const struct acl_lookup *lookup, struct why *why)
{
	char *rest, *word = strtok_r(text, " \t", &rest);
	int r;

	if (!word) {
		why_set(why, "the rule is empty; \"*\" means every caller");
		return -EINVAL;
	}
	r = read_who(rule, word, lookup, why);
	if (r < 0)
		return r;
	if (r > 0)
		word = strtok_r(NULL, " \t", &rest);
	for (; word; word = strtok_r(NULL, " \t", &rest)) {
		r = read_pattern(rule, word, why);
		if (r < 0)
			return r;
	}
	return 0;
}

/* An admin rule names only a user or group. 0, or -EINVAL with why. */
static int
check_admin(const struct rule *rule, struct why *why)
{
	if (rule->n_patterns == 0)
		return 0;
	why_set(why, "an admin rule takes user:, uid:, group:, gid: or *, and no keys");
	return -EINVAL;
}

/* Takes the contents of the rule, except on failure. */
static int
append(struct acl *a, enum acl_rule what, const struct rule *rule)
{
	struct rules *rs = what == ACL_ADMIN ? &a->admin : &a->access;
	struct rule *grown = mem_resize(rs->rule, (rs->n + 1) * sizeof *grown);

	if (!grown)
		return -ENOMEM;
	rs->rule = grown;
	rs->rule[rs->n++] = *rule;
	if (what != ACL_ADMIN)
		a->cost += 1 + rule->n_patterns;
	return 0;
}

/* Keeps the rule's text, for acl_deciding_rule(). 0 or -ENOMEM. */
static int
keep_text(struct rule *rule, enum acl_rule what, const char *text)
{
	static const char *const names[] = { "deny", "allow", "admin" };
	size_t size = strlen(names[what]) + strlen(" = ") + strlen(text) + 1;

	rule->text = mem_alloc(size);
	if (!rule->text)
		return -ENOMEM;
	(void)snprintf(rule->text, size, "%s = %s", names[what], text);
	return 0;
}

int
acl_add(struct acl *a, enum acl_rule what, const char *text, const struct acl_lookup *lookup,
    struct why *why)
{
	struct rule rule = { .allow = what == ACL_ALLOW };
	char *copy = mem_strdup(text);
	int r;

	if (!copy)
		return -ENOMEM;
	r = read_rule(&rule, copy, lookup, why);
	if (r == 0 && what == ACL_ADMIN)
		r = check_admin(&rule, why);
	if (r == 0)
		r = keep_text(&rule, what, text);
	if (r == 0)
		r = append(a, what, &rule);
	if (r < 0)
		rule_fini(&rule);
	mem_free(copy);
	return r;
}

int
acl_add_nobody(struct acl *a, enum acl_rule what)
{
	return append(a, what, &(struct rule){ .allow = what == ACL_ALLOW, .who = WHO_NOBODY });
}

/* --- matching ------------------------------------------------------------------------ */

/* Returns the length of the character at the start of s; 1 for a byte that starts none. */
static size_t
char_length(const char *s, size_t n)
{
	size_t len = utf8_sequence(s, n);

	return len ? len : 1;
}

/* Backtracks only to the last `*`, which suffices and bounds the time by glob times key length. */
static bool
glob_matches(const char *glob, struct span key)
{
	const char *after_star = NULL;
	size_t i = 0, from_star = 0;

	while (i < key.n) {
		if (*glob == '*') {
			after_star = ++glob;
			from_star = i;
		} else if (*glob == '?') {
			glob++;
			i += char_length(key.p + i, key.n - i);
		} else if (*glob == key.p[i] && *glob) {
			glob++;
			i++;
		} else if (after_star) {
			glob = after_star;
			i = ++from_star;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return !*glob;
}

static bool
peer_has_group(const struct acl_peer *peer, gid_t gid)
{
	if (peer->gid == gid)
		return true;
	for (size_t i = 0; i < peer->n_groups; i++)
		if (peer->groups[i] == gid)
			return true;
	return false;
}

static bool
rule_is_about(const struct rule *rule, const struct acl_peer *peer)
{
	switch (rule->who) {
	case WHO_ANYONE:
		return true;
	case WHO_UID:
		return peer->uid == rule->id;
	case WHO_GID:
		return peer_has_group(peer, rule->id);
	case WHO_NOBODY:
		break;
	}
	return false;
}

static bool
rule_covers(const struct rule *rule, enum record_kind kind, struct span key)
{
	for (size_t i = 0; i < rule->n_patterns; i++) {
		const struct pattern *p = &rule->pattern[i];

		if ((p->any_kind || p->kind == kind) && glob_matches(p->glob, key) &&
		    !(rule->allow && p->names_team && team_is_ambiguous(key)))
			return true;
	}
	return rule->n_patterns == 0;
}

/* The first rule that matches; NULL: none does. */
static const struct rule *
deciding_rule(
    const struct rules *rs, const struct acl_peer *peer, enum record_kind kind, struct span key)
{
	for (size_t i = 0; i < rs->n; i++)
		if (rule_is_about(&rs->rule[i], peer) && rule_covers(&rs->rule[i], kind, key))
			return &rs->rule[i];
	return NULL;
}

bool
acl_allows(const struct acl *a, const struct acl_peer *peer, enum record_kind kind, struct span key)
{
	const struct rule *rule = deciding_rule(&a->access, peer, kind, key);

	return rule ? rule->allow : a->access.n == 0;
}

const char *
acl_deciding_rule(
    const struct acl *a, const struct acl_peer *peer, enum record_kind kind, struct span key)
{
	const struct rule *rule = deciding_rule(&a->access, peer, kind, key);

	return rule ? rule->text : NULL;
}

/* True if the rule covers every key of every kind. */
static bool
rule_covers_all(const struct rule *rule)
{
	for (size_t i = 0; i < rule->n_patterns; i++)
		if (rule->pattern[i].any_kind)
			return true;
	return rule->n_patterns == 0;
}

bool
acl_allows_some(const struct acl *a, const struct acl_peer *peer)
{
	const struct rules *rs = &a->access;

	for (size_t i = 0; i < rs->n; i++) {
		if (!rule_is_about(&rs->rule[i], peer))
			continue;
		if (rs->rule[i].allow || rule_covers_all(&rs->rule[i]))
			return rs->rule[i].allow;
	}
	return rs->n == 0;
}

bool
acl_is_admin(const struct acl *a, const struct acl_peer *peer)
{
	for (size_t i = 0; i < a->admin.n; i++)
		if (rule_is_about(&a->admin.rule[i], peer))
			return true;
	return false;
}

bool
acl_has_admins(const struct acl *a)
{
	return a->admin.n > 0;
}

bool
acl_is_empty(const struct acl *a)
{
	return a->access.n == 0;
}

size_t
acl_cost(const struct acl *a)
{
	return a->cost;
}
