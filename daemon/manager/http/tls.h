/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS: a certificate and its key from files, loaded again when they change. New connections get
 * the new ones; a pair that does not fit together, or cannot be read, is a line in the log, and the
 * old one stays.
 */
#pragma once

#include "base/attr.h"

struct bufferevent;
struct event_base;
struct tls;

#define TLS_WHY_SIZE 512

/* OpenSSL's memory through base/mem; before anything else of it is called. 0 or -ENOMEM. */
MUST_CHECK int tls_global_init(void);

/*
 * cert: PEM, the certificate and what stands between it and the root; key: PEM, readable by nobody
 * else. Both paths are borrowed. 0 or -errno with a sentence in why.
 */
MUST_CHECK int tls_new(struct tls **out, struct event_base *base, const char *cert, const char *key,
    char why[static TLS_WHY_SIZE]);
struct tls *tls_free(struct tls *t); /* connections go on; NULL is fine; returns NULL */

/* A connection that speaks TLS on fd, which is closed with it. NULL: fd is the caller's still. */
struct bufferevent *tls_accept(struct tls *t, struct event_base *base, int fd);
/* Tells the other side that there is nothing more to come. */
void tls_goodbye(struct bufferevent *bev);
