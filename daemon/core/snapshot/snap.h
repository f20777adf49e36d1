/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a snapshot's two files, content and stamp, share: whose data they hold, and under which
 * keys.
 */
#pragma once

#include <stdint.h>

#include "base/seal.h"

#define SNAP_ID_SIZE  16
#define SNAP_URL_SIZE 256
#define SNAP_WHY_SIZE 256

/* Whose data it is. Of deployment and workspace one is NULL. */
struct snap_owner {
	const char *organization, *deployment, *workspace;
};

/* SEAL_KEY_SIZE bytes each. */
struct snap_keys {
	const uint8_t *newest;   /* seals what is written */
	const uint8_t *previous; /* NULL: none; opens what it sealed earlier */
};
