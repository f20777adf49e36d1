/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of all options, and how a text becomes the member of struct config that an option
 * stands for. Lines, sections and what may be set twice are config.c's business.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/why.h"
#include "core/config/config.h"

enum option_type {
	OPTION_TEXT,
	OPTION_WORDS, /* a list */
	OPTION_KEYS,  /* a list of conn:a var:b */
	OPTION_ALLOW, /* repeatable, in order with OPTION_DENY */
	OPTION_DENY,
	OPTION_ADMIN, /* repeatable */
	OPTION_BOOL,
	OPTION_MS,
	OPTION_PERCENT,
	OPTION_COUNT,
	OPTION_SIZE,
	OPTION_MODE,
	OPTION_NAME, /* one of a few words */
};

/* What a new value needs; each needs more than the one before. */
enum option_change {
	CHANGE_LIVE,    /* a reload */
	CHANGE_MANAGER, /* a reload, which drops the running sync and the ETags */
	CHANGE_UPGRADE, /* another process: a reload is refused */
	CHANGE_RESTART, /* another socket: a reload and SIGUSR2 are refused */
};

struct option {
	const char *section, *key;
	enum option_type type;
	enum option_change change; /* LIVE for OPTION_KEYS and rules */
	size_t at;                 /* where in struct config */
	const char *preset;        /* read like any value; NULL: none */
	int64_t low, high;         /* for numbers, in the option's unit */
	const char *choices;       /* OPTION_NAME: the words in the order of their enum */
};

enum option_how { OPTION_SET, OPTION_GO_ON }; /* a new value, or a further line of the last one */

#define OPTIONS_MAX 64 /* room for a note about each; checked when compiled */
extern const struct option options[];
extern const size_t n_options;

const struct option *option_find(const char *section, const char *key); /* NULL: there is none */
bool option_takes_lines(const struct option *o);                        /* a list or a rule */
bool option_is_rule(const struct option *o);

/* True if the option has the same value in both. Not for OPTION_KEYS and rules. */
bool option_same(const struct option *o, const struct config *a, const struct config *b);

/* 0; -EINVAL with what is wrong in why (the place is not included); -ENOMEM. */
MUST_CHECK int option_set(struct config *c, const struct option *o, const char *value,
    enum option_how how, struct why *why);
