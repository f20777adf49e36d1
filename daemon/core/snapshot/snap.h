/* SPDX-License-Identifier: Apache-2.0 */
/* The owner and the keys of a snapshot, for both of its files: content and stamp. */
#pragma once

#include <stdint.h>

#include "base/seal.h"

#define SNAP_ID_SIZE  16
#define SNAP_URL_SIZE 256

/* The organization and Deployment or Workspace of the data. Of the latter two, one is NULL. */
struct snap_owner {
	const char *organization, *deployment, *workspace;
};

/* SEAL_KEY_SIZE bytes each. */
struct snap_keys {
	const uint8_t *newest;   /* for writing and reading */
	const uint8_t *previous; /* for files written before a key change; NULL: none */
};
