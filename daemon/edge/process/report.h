/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Status and the metrics show of the parts that edge/socket may not include: the manager, the
 * token, the held call, the snapshot. connd/app_report.c fills it when somebody asks. Strings are
 * borrowed until the caller returns to the loop.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Unknown parts are left out of Status and of the metrics. Zero is unknown or absent throughout. */
enum report_push {
	REPORT_PUSH_UNKNOWN,
	REPORT_PUSH_OFF,     /* [manager] push = no */
	REPORT_PUSH_HELD,    /* a call is held at the manager: a change arrives at once */
	REPORT_PUSH_POLLING, /* no call is held: a change arrives with the next sync */
};

enum report_snapshot {
	REPORT_SNAPSHOT_UNKNOWN,
	REPORT_SNAPSHOT_OFF,     /* no [snapshot] path */
	REPORT_SNAPSHOT_CURRENT, /* the disk holds what is served */
	REPORT_SNAPSHOT_BEHIND,  /* newer content is being written */
	REPORT_SNAPSHOT_FAILING, /* the last write failed, or its key cannot be read */
};

struct report {
	struct {
		const char *url; /* the one in use */
		const char *organization_name, *deployment_name,
		    *workspace_name; /* NULL: unknown */
	} manager;
	struct {
		const char *path;
		bool passed; /* by the service manager */
	} socket;
	const char *metrics; /* where they are served, as configured; NULL: nowhere */
	struct {
		int64_t expires_s;     /* since 1970, UTC; 0: never, or unknown */
		int64_t family_ends_s; /* when it can be renewed no more; likewise */
	} token;
	struct {
		enum report_push state;
		const char *why; /* of POLLING, or NULL: a sentence without its full stop */
	} push;
	struct {
		enum report_snapshot state;
		const char *why; /* of FAILING, or NULL */
	} snapshot;
};

/* "off", "held", "polling"; NULL for unknown. */
const char *report_push_name(enum report_push state);
/* "off", "current", "behind", "failing"; NULL for unknown. */
const char *report_snapshot_name(enum report_snapshot state);
