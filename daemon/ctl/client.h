/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to connd over its Unix socket: connect, send the request, read the replies, under one
 * deadline. An error, here or in the daemon, becomes a sentence on stderr and an exit code.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "ctl/ctl.h"
#include "proto/secrets.h"

struct client_call {
	enum secrets_method method;
	struct span key, team; /* absent when the method takes none */
	int64_t after;         /* of Trace */
	bool endless;          /* after the first reply there is no deadline */
	/*
	 * Gets the parameters of each reply (an object, or absent), which live until it returns.
	 * CTL_YES: go on.
	 */
	int (*on_reply)(void *arg, struct span parameters);
	/* Gets this error's parameters in place of the usual report, and returns the exit code. */
	const char *error; /* NULL: none */
	int (*on_error)(void *arg, struct span parameters);
	/*
	 * Gets any other error and its parameters. Returns an exit code, or CLIENT_REPORT for the
	 * usual report. May be NULL.
	 */
	int (*on_refusal)(void *arg, struct span error, struct span parameters);
	void *arg;
	const char *subject; /* what the report of an error begins with; NULL: nothing */
};

#define CLIENT_REPORT (-1)

/* Calls connd and returns the exit code; anything but CTL_YES has been reported. */
MUST_CHECK int client_call(const struct ctl_options *o, const struct client_call *call);

/* A connection for several calls, which share the deadline of its opening. */
struct client {
	const struct ctl_options *o;
	int64_t deadline_ms; /* CLOCK_BOOTTIME */
	int fd;
	struct buf in;
};

/*
 * Each returns the exit code, having reported anything but CTL_YES. client_close() is needed after
 * client_open(), whatever that returned. After a failed call only client_close() may follow.
 */
MUST_CHECK int client_open(struct client *c, const struct ctl_options *o);
MUST_CHECK int client_ask(struct client *c, const struct client_call *call);
void client_close(struct client *c);

/* Reports a reply without the members it must have. */
int client_bad_reply(const struct ctl_options *o);
