/* SPDX-License-Identifier: Apache-2.0 */
/* The URLs of requests to the manager. */
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

/* Appends the URL of a list of the configured Deployment or Workspace, resolved, sorted by key. */
void list_url(struct buf *out, const struct config *config, const struct list_query *q);
enum place { PLACE_ORGANIZATION, PLACE_DEPLOYMENT, PLACE_WORKSPACE, N_PLACES };
/* Appends the URL of the configured organization, Deployment or Workspace, which must be set. */
void place_url(struct buf *out, const struct config *config, const char *base, enum place place);
/*
 * Returns the socket path of a base "unix:PATH", or NULL for any other base. With a socket path,
 * list_url() and place_url() give an http: URL to request over that socket.
 */
const char *list_socket(const char *base);
