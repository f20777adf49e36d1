/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of values a configuration file holds: text -> number. Each reads the whole text or
 * refuses it; ranges are the option table's business.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/url.h"

/* Bytes: "65536", "64K", "1M", "2G". */
bool value_size(const char *text, int64_t *bytes);
bool value_percent(const char *text, int64_t *percent); /* "50%" or "50" */
bool value_count(const char *text, int64_t *n);         /* decimal digits */
bool value_octal(const char *text, int64_t *mode);      /* "0660" or "660" */
bool value_bool(const char *text, int64_t *truth);      /* yes no true false on off 1 0 */

/*
 * A group as a name, a number or gid:N. NULL, with *gid -1 for a name; or what is wrong with it
 * (static text). A bare 0 is refused: it is more often a mistake than root's group, which is
 * written gid:0.
 */
const char *value_group(const char *text, int64_t *gid);

enum value_transport {
	TRANSPORT_TLS,
	TRANSPORT_UNIX,     /* unix:PATH */
	TRANSPORT_LOOPBACK, /* http to this machine */
	TRANSPORT_PLAIN,    /* http to another */
};

/*
 * A manager's address without its closing "/" or "/v1", scheme and host in lower case; or unix:PATH
 * as it is. NULL, or what is wrong with it (static text).
 */
const char *value_url(const char *text, char out[static URL_SIZE], enum value_transport *transport);

/*
 * "ADDR:PORT" to listen on: an IPv4 address, an IPv6 one in brackets, or localhost; port 0 lets the
 * system choose. *loopback: only this machine can reach it.
 */
bool value_listen(const char *text, bool *loopback);
