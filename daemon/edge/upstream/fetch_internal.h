/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fetch.c (the life of a fetch), fetch_setup.c (libcurl's options) and channel.c (libcurl on
 * the loop) share. Include it only there.
 */
#pragma once

#include <sys/stat.h>

#include <event2/event.h>

#include "base/chain.h"
#include "base/curl_setup.h"
#include "base/hash.h"
#include "base/socket_peer.h"
#include "edge/upstream/fetch.h"
#include "edge/upstream/libcurl.h"
#include "edge/upstream/response_head.h"

/* One CURLM: its open connections, and the fetches that use them. */
struct channel {
	struct upstream *upstream;
	struct channel *next;
	CURLM *multi;
	struct alarm *timer;
	struct fetch *first;  /* the running fetches */
	struct chain watches; /* the sockets that libcurl waits for */
	struct later reap;    /* libcurl must not be called from its own callbacks */
	size_t turn_bytes;    /* of bodies, read in this turn */
	struct later turn_ends;
	bool reaping;
	bool broken;  /* libcurl failed: all its fetches fail */
	bool retired; /* takes no new fetch; freed after its last one */
};

/* The files that TLS uses. A channel reads them once. */
enum tls_file { TLS_CA, TLS_CERT, TLS_KEY, N_TLS_FILES };

struct upstream {
	struct loop *loop;
	struct channel *channels; /* the first is in use unless retired; the others are ending */
	struct stat tls_seen[N_TLS_FILES];
	char *tls_file[N_TLS_FILES]; /* NULL: none configured */
	char *pin, *proxy;
	struct socket_owners socket_owners;
	enum arena_lock lock;
	int64_t timeout_ms;
	bool reports;                  /* a server has asked for reports, */
	uint8_t reports_to[HASH_SIZE]; /* this one: server_hash() */
	bool retired;
};

struct fetch {
	struct channel *channel;
	struct fetch *next, **at;
	CURL *easy;
	struct arena *secret;            /* the Authorization field's text */
	struct curl_slist authorization; /* its text is in `secret` */
	struct curl_slist *fields;       /* all other fields; linked after it */
	struct response_head head;
	struct payload body;
	bool may_report;           /* the request has a report, sent or not */
	uint8_t server[HASH_SIZE]; /* server_hash() */
	bool discard_body;
	bool paused;   /* it has read enough in this turn */
	bool body_cut; /* we aborted the transfer: the body is too long, or enough was read */
	bool head_cut; /* we aborted the transfer: the header block is too long */
	struct alarm *deadline;
	fetch_done *done;
	void *env;
	char socket_path[LIMIT_SOCKET_PATH + 1]; /* "": no Unix socket */
	struct curl_peer peer;                   /* the server of that socket */
	char error[CURL_ERROR_SIZE];
};

/* channel.c */
MUST_CHECK int channel_new(struct channel **out, struct upstream *u);
MUST_CHECK int channel_add(struct channel *c, struct fetch *f); /* starts the transfer */
/*
 * Counts n bytes of f's body that libcurl has read. Beyond a bound f reads no more in this turn, so
 * that a large response delays no lookup.
 */
void channel_count(struct channel *c, struct fetch *f, size_t n);
struct channel *channel_free(struct channel *c); /* frees its fetches, too; returns NULL */

/* fetch.c */
void fetch_end(struct fetch *f, CURLcode code); /* calls done() and frees it */
void fetch_free(struct fetch *f);
/* Frees retired channels, and a retired upstream, without fetches. Not from within libcurl. */
void upstream_tidy(struct upstream *u);

/* fetch_setup.c: 0 or -errno. */
MUST_CHECK int fetch_setup(struct fetch *f, const struct fetch_request *q);
