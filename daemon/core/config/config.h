/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connd's configuration: INI text -> struct config. One table (option.c: type, default, range, what
 * a change asks for) lists every option; an unknown key or section, or a value that makes no sense,
 * is an error that names the file, the line and the nearest known name. No file is opened here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/span.h"
#include "base/why.h"
#include "core/freshness.h"
#include "core/generation.h"

struct config_list {
	char **item; /* n of them */
	size_t n;
};

struct config_rule { /* [access] allow, deny and admin, in file order */
	enum config_rule_kind { RULE_DENY, RULE_ALLOW, RULE_ADMIN } kind;
	char *text;
	int line; /* of the file; 0: from the environment */
};

struct config_require {
	enum record_kind kind;
	char *key;
};

struct config {
	struct {
		/* scheme://host:port without a trailing "/" or "/v1"; or unix:PATH */
		struct config_list url;
		/* the user who may serve a unix: URL; empty: the default */
		struct config_list socket_user;
		/* exactly one of the last two is set */
		char *organization, *deployment, *workspace;
		char *token_file, *ca_file, *client_cert, *client_key, *pin, *proxy;
		bool insecure_http, push, report;
		int64_t refresh_ms, timeout_ms;
	} manager;
	struct {
		struct windows windows;
		uint32_t deletion_guard_percent;
		int64_t cold_wait_ms;
	} freshness;
	struct {
		int64_t probe_ms; /* 0: none */
	} misses;
	struct {
		char *path, *key_file, *previous_key_file;
	} snapshot;
	struct {
		char *path, *group;
		mode_t mode;
		bool path_set, mode_set; /* set by the file or the environment */
		uint32_t max_connections;
		uint32_t max_connections_per_uid; /* 0: three quarters of max_connections */
		size_t max_frame;
		int64_t linger_ms; /* 0: SIGTERM stops at once */
	} socket;
	struct {
		struct config_rule *rule;
		size_t n_rules, n_admins; /* n_admins of them are RULE_ADMIN */
		bool present, teams;
	} access;
	struct {
		enum arena_lock lock;
		size_t max_bytes;
	} memory;
	struct {
		struct config_require *key;
		size_t n_keys;
		int64_t max_age_ms; /* < 0: any age that is served */
	} require;
	struct {
		/* one ADDR:PORT, written twice if other machines can reach it */
		struct config_list listen;
	} metrics;
	struct {
		enum log_format format;
		enum log_level level;
	} log;
};

/*
 * Reads the text of a configuration file, and env ("NAME=value" strings; CONND__SECTION__KEY
 * counts, and wins). name: of the file, for messages. Appends a sentence and a newline to oddities
 * for what is odd but works. 0 (the caller owns *out); -EINVAL with a sentence in why, which names
 * file, line and the nearest known name; -ENOMEM.
 */
MUST_CHECK int config_read(struct config **out, const char *name, const char *text, size_t len,
    char *const *env, struct buf *oddities, struct why *why);
/*
 * Reads [log] alone, whatever else is wrong with the text, so that messages about that already have
 * the right form.
 */
void config_log_settings(
    struct span text, char *const *env, enum log_format *format, enum log_level *level);
struct config *config_free(struct config *c); /* NULL is fine; returns NULL */
/* Does env set any option? */
bool config_in_environment(char *const *env);

#define CONFIG_NAME_SIZE 64 /* of "[section] key" */

enum config_need {
	CONFIG_NEEDS_UPGRADE, /* a reload cannot change the option; a restart or SIGUSR2 can */
	CONFIG_NEEDS_RESTART, /* only a restart can */
};

/*
 * True if the two differ in an option that needs that much, or more. Writes the name of the first
 * one.
 */
bool config_differs(const struct config *a, const struct config *b, enum config_need need,
    char name[static CONFIG_NAME_SIZE]);
/* True if one option has the same value in both. Not for lists of rules or keys. */
bool config_same_option(
    const struct config *a, const struct config *b, const char *section, const char *key);
/*
 * True if both ask the same manager for the same data in the same way: a running sync may continue,
 * and its ETags stay valid.
 */
bool config_same_manager(const struct config *one, const struct config *other);
