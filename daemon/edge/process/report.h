/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Status and the metrics show of parts that edge/socket must not include: the manager, the
 * token, the held request, the snapshot. connd/app_report.c fills it on request. Strings are
 * borrowed until the caller returns to the loop.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Zero means unknown or absent; Status and the metrics then leave the member out. */
enum report_push {
	REPORT_PUSH_UNKNOWN,
	REPORT_PUSH_OFF,     /* [manager] push = no */
	REPORT_PUSH_HELD,    /* the manager holds a request: a change arrives at once */
	REPORT_PUSH_POLLING, /* a change arrives with the next sync */
};

enum report_snapshot {
	REPORT_SNAPSHOT_UNKNOWN,
	REPORT_SNAPSHOT_OFF,     /* no [snapshot] path */
	REPORT_SNAPSHOT_CURRENT, /* the served data is on disk */
	REPORT_SNAPSHOT_BEHIND,  /* newer data is being written */
	REPORT_SNAPSHOT_FAILING, /* the last write failed, or the key cannot be read */
};

struct report {
	struct {
		const char *url; /* the URL in use */
		/* NULL: unknown */
		const char *organization_name, *deployment_name, *workspace_name;
	} manager;
	struct {
		const char *path;
		bool passed; /* passed by the service manager */
	} socket;
	const char *metrics; /* the configured address; NULL: off */
	struct {
		int64_t expires_s;     /* since 1970, UTC; 0: never, or unknown */
		int64_t family_ends_s; /* when it can no longer be renewed; likewise */
	} token;
	struct {
		enum report_push state;
		/* of REPORT_PUSH_POLLING: a sentence without its full stop, or NULL */
		const char *why;
	} push;
	struct {
		enum report_snapshot state;
		const char *why; /* of REPORT_SNAPSHOT_FAILING, or NULL */
	} snapshot;
};

/* "off", "held", "polling"; NULL for unknown. */
const char *report_push_name(enum report_push state);
/* "off", "current", "behind", "failing"; NULL for unknown. */
const char *report_snapshot_name(enum report_snapshot state);
