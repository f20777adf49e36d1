/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP server for probes and monitoring: GET and HEAD of fixed paths, one request per
 * connection. It is separate from the socket for lookups, and has at most HTTPD_CONNECTIONS at a
 * time, each for a few seconds. When all are in use, a new connection replaces the oldest, so that
 * silent clients cannot block a probe.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "edge/process/loop.h"

#define HTTPD_CONNECTIONS 32

struct httpd;

struct httpd_response {
	int status; /* 200 unless serve() changes it */
	const char *type;
	struct buf *body;
};

/* A list of paths ends with path == NULL. */
struct httpd_path {
	const char *path;
	void (*serve)(void *env, struct httpd_response *out);
};

/* Makes a server that does not listen yet. Borrows paths; passes env to serve(). 0 or -ENOMEM. */
MUST_CHECK int httpd_new(
    struct httpd **out, struct loop *loop, const struct httpd_path *paths, void *env);
/*
 * Listens at "ADDR:PORT" instead of the old address. ADDR is IPv4, IPv6 in brackets, or localhost;
 * port 0 lets the system choose. NULL: stops listening. 0, or -errno without any change.
 */
MUST_CHECK int httpd_listen(struct httpd *h, const char *where);
/* Checks whether httpd_listen() would succeed, without listening. 0 or -errno. */
MUST_CHECK int httpd_check(const char *where);
int httpd_port(const struct httpd *h);     /* the port; 0: does not listen */
struct httpd *httpd_free(struct httpd *h); /* h may be NULL; returns NULL */
