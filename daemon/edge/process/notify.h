/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to the service manager: one datagram to $NOTIFY_SOCKET each. Without that variable
 * nothing is sent. This is systemd's documented protocol; its library is not needed.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"

/* Reads NOTIFY_SOCKET and WATCHDOG_USEC/_PID, and removes them from the environment. */
void notify_init(void);
MUST_CHECK int notify_export(void); /* sets them again, before exec. 0 or -ENOMEM */
void notify_ready(void);
void notify_reloading(void); /* call notify_ready() after the reload */
void notify_stopping(void);

#define NOTIFY_STATUS_SIZE 512

/* Sends one line for a person, if it differs from the last one. */
void notify_status(const char *text);
void notify_extend_timeout(int64_t ms); /* the start may take ms more, from now */
void notify_watchdog(void);
int64_t notify_watchdog_ms(void); /* the interval for notify_watchdog(); 0: not wanted */
