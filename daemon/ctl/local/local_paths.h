/* SPDX-License-Identifier: Apache-2.0 */
/* Where a person's own connd keeps its files, by the XDG base directories. */
#pragma once

#include <stdbool.h>

#include "base/attr.h"

#define LOCAL_PATH_SIZE 1024

struct local_paths {
	char config[LOCAL_PATH_SIZE];   /* $XDG_CONFIG_HOME/connd/connd.conf */
	char token[LOCAL_PATH_SIZE];    /* beside it */
	char key[LOCAL_PATH_SIZE];      /* of the snapshot, beside it */
	char snapshot[LOCAL_PATH_SIZE]; /* $XDG_STATE_HOME/connd/snapshot */
	char socket[LOCAL_PATH_SIZE];   /* $XDG_RUNTIME_DIR/connd/connd.sock */
	char unit_dir[LOCAL_PATH_SIZE]; /* $XDG_CONFIG_HOME/systemd/user */
};

/*
 * Fills *out. Without XDG_RUNTIME_DIR, /run/user/UID is taken if it is there. Returns the exit
 * code, having reported a directory that is unknown or cannot stand in connd.conf.
 */
MUST_CHECK int local_paths(struct local_paths *out);

/* Writes the path of the person's own connd.conf. False: there is no such file. */
MUST_CHECK bool local_config(char out[static LOCAL_PATH_SIZE]);
