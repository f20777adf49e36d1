/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling the service manager how we are: one datagram to $NOTIFY_SOCKET per message. Without that
 * variable nothing is sent. The protocol is systemd's stable interface; its library is not needed.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"

/* Reads NOTIFY_SOCKET and WATCHDOG_USEC/_PID, and removes them from the environment. */
void notify_init(void);
MUST_CHECK int notify_export(void); /* puts them back, for the next program. 0 or -ENOMEM */
void notify_ready(void);
void notify_reloading(void); /* to be followed by notify_ready() */
void notify_stopping(void);

#define NOTIFY_STATUS_SIZE 512

void notify_status(
    const char *text); /* one line for a person; sent when it differs from the last */
void notify_extend_timeout(int64_t ms); /* start-up takes longer: count again from now */
void notify_watchdog(void);
int64_t notify_watchdog_ms(void); /* how often to ping, half of what is allowed; 0: never */
