/* SPDX-License-Identifier: Apache-2.0 */
/* The address of a list call: what connd asks a manager for. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "core/config/config.h"

struct list_query {
	const char *base; /* scheme://host:port, or unix:PATH */
	const char *type; /* objectType; NULL: every type */
	const char *key;  /* objectKey; NULL: every key */
	bool no_secrets;
	int limit;
	int64_t offset;
};

/* Of the configured Deployment or Workspace: resolved, sorted by key. */
void list_url(struct buf *out, const struct config *config, const struct list_query *q);
/* The path of a unix: base; NULL: it is another. The URL is then an http: one to be sent there. */
const char *list_socket(const char *base);
