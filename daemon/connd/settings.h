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
#include "core/acl.h"
#include "core/config/config.h"

struct settings {
	char *config_path;
	struct config *config;
	struct acl *acl;
	char *token_path;    /* NULL: neither token_file nor a credential is there */
	struct buf oddities; /* sentences, each ended by a newline: what is odd but works */
	struct buf faults;   /* likewise: what cannot be used at the moment */
	struct buf names;    /* of [access] that cannot be resolved, for access_lookup_await() */
};

#define SETTINGS_WHY_SIZE 1024

/* May be absent when the environment sets options. */
#define SETTINGS_DEFAULT_PATH "/etc/connd/connd.conf"

/* 0 (the caller owns *out), or -errno with a sentence in why. */
MUST_CHECK int settings_load(
    struct settings **out, const char *config_path, char why[static SETTINGS_WHY_SIZE]);
/*
 * Sets the log up as the file asks, even if the file is wrong elsewhere: its errors have that form
 * then.
 */
void settings_set_up_log(const char *config_path);
/* Logs oddities and faults. Apart from loading: how to log is one of the settings. */
void settings_log(const struct settings *s);
/* Appends a fault. */
void settings_add_fault(struct settings *s, const char *sentence);
/* False: there is no fault. True: why holds the first one. */
bool settings_have_fault(const struct settings *s, char why[static SETTINGS_WHY_SIZE]);
/*
 * What a sync needs now, besides what the token's reader and libcurl report themselves: a token's
 * file (*found: it was missing and is there now, s->token_path has changed), and a client key that
 * is nobody else's. 0, or -errno with a sentence in why.
 */
MUST_CHECK int settings_ready_to_sync(
    struct settings *s, bool *found, char why[static SETTINGS_WHY_SIZE]);
/*
 * Looks all names of [access] up again. s->acl is another one afterwards, if 0 is returned. -errno.
 */
MUST_CHECK int settings_bind_again(struct settings *s);
struct settings *settings_free(struct settings *s); /* NULL is fine; returns NULL */
