/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration as it stands on this machine: the file read, its rules bound to the users and
 * groups there are, its token found, and every file it names readable. Built whole or not at all, so
 * that a reload can compare it with the one in force.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "core/acl.h"
#include "core/config/config.h"

struct settings {
	struct config *config;
	struct acl *acl;
	char *token_path;
	struct buf oddities; /* sentences, each ended by a newline */
};

#define SETTINGS_WHY_SIZE 1024

/* 0, or -errno with a sentence in why. */
MUST_CHECK int settings_load(
    struct settings **out, const char *config_path, char why[static SETTINGS_WHY_SIZE]);
/* Logs what is odd but works. Apart from loading: how to log is one of the settings. */
void settings_log_oddities(const struct settings *s);
struct settings *settings_free(struct settings *s); /* NULL is fine; returns NULL */
