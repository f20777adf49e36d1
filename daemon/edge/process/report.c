/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/process/report.h"

#include <stddef.h>

const char *
report_push_name(enum report_push state)
{
	switch (state) {
	case REPORT_PUSH_UNKNOWN:
		return NULL;
	case REPORT_PUSH_OFF:
		return "off";
	case REPORT_PUSH_HELD:
		return "held";
	case REPORT_PUSH_POLLING:
		return "polling";
	}
	return NULL;
}

const char *
report_snapshot_name(enum report_snapshot state)
{
	switch (state) {
	case REPORT_SNAPSHOT_UNKNOWN:
		return NULL;
	case REPORT_SNAPSHOT_OFF:
		return "off";
	case REPORT_SNAPSHOT_CURRENT:
		return "current";
	case REPORT_SNAPSHOT_BEHIND:
		return "behind";
	case REPORT_SNAPSHOT_FAILING:
		return "failing";
	}
	return NULL;
}
