/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clocks, read in one place. Ages are measured on CLOCK_BOOTTIME, which counts suspended time
 * and cannot be set. Wall time is used only for what outlives a boot or is shown to people.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

int64_t clock_boot_ms(void);
int64_t clock_boot_us(void);
int64_t clock_wall_ms(void); /* since 1970, UTC */
/* CLOCK_MONOTONIC: for systemd's messages and for deadlines of condition variables. */
int64_t clock_monotonic_us(void);

/* Size of YYYY-MM-DDTHH:MM:SSZ and its NUL. */
#define CLOCK_RFC3339_SIZE sizeof("9999-12-31T23:59:59Z")
/* Of a time before 1970 or after the year 9999: that of 1970. */
void clock_rfc3339(int64_t wall_ms, char out[static CLOCK_RFC3339_SIZE]);
/*
 * Reads YYYY-MM-DD (midnight) or YYYY-MM-DDTHH:MM:SSZ, with or without a fraction of the second, in
 * UTC, from 1970 on. False: text is something else.
 */
bool clock_from_rfc3339(struct span text, int64_t *wall_ms);
