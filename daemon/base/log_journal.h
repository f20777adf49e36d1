/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends log records to systemd's journal by its native protocol, one datagram each, with every
 * field of a record as a field of the journal. Never waits: a datagram that the journal does not
 * take at once is not sent.
 */
#pragma once

#include "base/attr.h"
#include "base/log.h"
#include "base/span.h"

#define LOG_JOURNAL_SOCKET "/run/systemd/journal/socket"

/* The records of one log line. */
struct log_journal_record {
	int priority;        /* of syslog(3) */
	struct span message; /* the line */
	const char *event;
	const struct log_field *field; /* ends with a NULL name; may be NULL */
};

/*
 * Sends MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, CONND_EVENT, and CONND_<NAME> for each field. 0;
 * -EAGAIN: the journal is busy; any other -errno: it cannot be reached, so use stderr.
 */
MUST_CHECK int log_journal_send(const struct log_journal_record *r);
/* For tests: another socket than LOG_JOURNAL_SOCKET. Borrowed. */
void log_journal_use(const char *path);
