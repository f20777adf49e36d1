/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration as it stands on this machine: the file read, its rules bound to users and
 * groups, the token's file found. Only what can never work is an error here. What cannot be used at
 * the moment (a file that is missing or that others can read, a name that is not known) is a fault:
 * a start logs it and goes on, since it would not end a running connd either; a reload and --check
 * refuse it.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
#include "core/acl.h"
#include "core/config/config.h"

struct settings {
	char *config_path;
	struct config *config;
	struct acl *acl;
	char *token_path;    /* NULL: neither token_file nor a credential is there */
	struct buf oddities; /* sentences, each with a newline: warnings */
	struct buf faults;   /* the same form: what cannot be used at the moment */
	struct buf names;    /* of [access] that cannot be resolved, for access_lookup_await() */
};

/* The file may be absent if the environment sets options. */
#define SETTINGS_DEFAULT_PATH "/etc/connd/connd.conf"

/* 0 (the caller owns *out), or -errno with a sentence in why. */
MUST_CHECK int settings_load(struct settings **out, const char *config_path, struct why *why);
/*
 * Sets up the log as the file asks, even if the rest of the file is wrong, so that its errors
 * already have that form.
 */
void settings_set_up_log(const char *config_path);
/* Logs warnings and faults. Separate from loading, because how to log is one of the settings. */
void settings_log(const struct settings *s);
/* Appends a fault. */
void settings_add_fault(struct settings *s, const char *sentence);
/* True if there is a fault; why is then the first one. */
bool settings_have_fault(const struct settings *s, struct why *why);
/*
 * What a sync needs now, besides what the token's reader and libcurl report themselves: a token's
 * file (*found: it was missing and is there now, s->token_path has changed), and a client key that
 * is nobody else's. 0, or -errno with a sentence in why.
 */
MUST_CHECK int settings_ready_to_sync(struct settings *s, bool *found, struct why *why);
/*
 * Resolves all names of [access] again and replaces s->acl. 0, or -errno without any change.
 */
MUST_CHECK int settings_bind_again(struct settings *s);
struct settings *settings_free(struct settings *s); /* NULL is fine; returns NULL */
