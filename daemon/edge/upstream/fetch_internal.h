/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fetch.c (a fetch's life), fetch_setup.c (what libcurl is told of it) and channel.c (libcurl
 * on the loop) share; for nobody else.
 */
#pragma once

#include <sys/stat.h>

#include <event2/event.h>

#include "edge/upstream/fetch.h"
#include "edge/upstream/libcurl.h"
#include "edge/upstream/response_head.h"
#include "edge/upstream/socket_peer.h"

/* One CURLM: the connections it keeps, and the fetches that use them. */
struct channel {
	struct upstream *upstream;
	struct channel *next;
	CURLM *multi;
	struct event *timer;
	struct fetch *first; /* all in flight */
	struct later reap;   /* libcurl must not be called from its own callbacks */
	bool reaping;
	bool broken;  /* libcurl has lost track of its transfers: all of them fail */
	bool retired; /* no further fetch; it is freed after its last */
};

/* The files that TLS trusts and shows. A channel has read them once. */
enum tls_file { TLS_CA, TLS_CERT, TLS_KEY, N_TLS_FILES };

struct upstream {
	struct loop *loop;
	struct channel *channels; /* the first is in use unless retired; the others end */
	struct stat tls_seen[N_TLS_FILES];
	char *tls_file[N_TLS_FILES]; /* NULL: none configured */
	char *pin, *proxy;
	struct socket_owners socket_owners;
	enum arena_lock lock;
	int64_t timeout_ms;
	bool retired;
};

struct fetch {
	struct channel *channel;
	struct fetch *next, **at;
	CURL *easy;
	struct arena *secret;            /* the Authorization field's text */
	struct curl_slist authorization; /* its text is in `secret` */
	struct curl_slist *fields;       /* all others; chained behind it */
	struct response_head head;
	struct payload body;
	bool discard_body;
	bool body_cut; /* we ended it ourselves: enough was read to know */
	bool head_cut; /* likewise, for too many header bytes */
	struct event *deadline;
	fetch_done *done;
	void *env;
	char socket_path[LIMIT_SOCKET_PATH + 1]; /* "": no Unix socket */
	int socket_fd;                           /* -1: a connection that was kept */
	char peer_why[SOCKET_PEER_WHY_SIZE];     /* "": its peer was good */
	char error[CURL_ERROR_SIZE];
};

/* channel.c */
MUST_CHECK int channel_new(struct channel **out, struct upstream *u);
MUST_CHECK int channel_add(struct channel *c, struct fetch *f); /* links it, too */
struct channel *channel_free(struct channel *c);                /* its fetches, too; returns NULL */

/* fetch.c */
void fetch_end(struct fetch *f, CURLcode code); /* calls done() and frees it */
void fetch_free(struct fetch *f);
/* Frees channels and an upstream that nobody needs any more. Not from within libcurl. */
void upstream_tidy(struct upstream *u);

/* fetch_setup.c: 0 or -errno. */
MUST_CHECK int fetch_setup(struct fetch *f, const struct fetch_request *q);
