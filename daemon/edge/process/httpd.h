/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP server for probes and monitoring: GET and HEAD of fixed paths, one request a
 * connection. It shares nothing with the lookups' socket: at most HTTPD_CONNECTIONS at a time, each
 * for a few seconds. When all are taken, a new connection replaces the oldest, so clients that
 * connect and stay silent do not keep a probe from its response.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "edge/process/loop.h"

#define HTTPD_CONNECTIONS 32
#define HTTPD_WHY_SIZE    128

struct httpd;

struct httpd_response {
	int status; /* 200 unless it is set */
	const char *type;
	struct buf *body;
};

/* A list of these ends with a path of NULL. */
struct httpd_path {
	const char *path;
	void (*serve)(void *env, struct httpd_response *out);
};

/* Listens nowhere yet. paths: static; env: passed to serve(). 0 or -ENOMEM. */
MUST_CHECK int httpd_new(
    struct httpd **out, struct loop *loop, const struct httpd_path *paths, void *env);
/*
 * Listens at "ADDR:PORT" and no more where it did before. addr may be IPv4, IPv6 in brackets, or
 * localhost; port 0 lets the system choose. NULL: listens nowhere. 0, or -errno: it listens where
 * it did before.
 */
MUST_CHECK int httpd_listen(struct httpd *h, const char *where);
/* Could httpd_listen() listen there? Nothing listens there afterwards. 0 or -errno. */
MUST_CHECK int httpd_check(const char *where);
int httpd_port(const struct httpd *h);     /* where it listens; 0: nowhere */
struct httpd *httpd_free(struct httpd *h); /* NULL is fine; returns NULL */
