/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS: a certificate and its key from files, loaded again when they change. New connections get
 * the new pair. A pair that does not fit together or cannot be read is logged, and the old one is
 * kept.
 */
#pragma once

#include "base/attr.h"
#include "base/why.h"

struct bufferevent;
struct event_base;
struct tls;

/* OpenSSL's memory through base/mem; before anything else of it is called. 0 or -ENOMEM. */
MUST_CHECK int tls_global_init(void);

/*
 * cert: PEM, the certificate and its chain up to the root; key: PEM, readable by its owner only.
 * Both paths are borrowed. 0 or -errno with a sentence in why.
 */
MUST_CHECK int tls_new(
    struct tls **out, struct event_base *base, const char *cert, const char *key, struct why *why);
struct tls *tls_free(struct tls *t); /* connections go on; NULL is fine; returns NULL */

/* A connection that speaks TLS on fd and closes it. NULL: the caller still owns fd. */
struct bufferevent *tls_accept(struct tls *t, struct event_base *base, int fd);
/* Sends the TLS close_notify. */
void tls_goodbye(struct bufferevent *bev);
