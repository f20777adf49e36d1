/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a YAML scalar without quotes and tag stands for, by the YAML 1.1 rules of Airflow's reader:
 * yes is true, 010 is 8, 1:30 is 90, ~ is null. Pure.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum yaml_type { YAML_TEXT, YAML_NULL, YAML_BOOL, YAML_INT, YAML_FLOAT, YAML_REFUSED };

/*
 * Appends the scalar to out as JSON and returns its type. Decimal numbers keep their digits.
 * YAML_REFUSED, with a static sentence in *why, for what JSON does not have (dates, infinity) and
 * numbers too large to convert. Failures of memory and size stick in out.
 */
MUST_CHECK enum yaml_type yaml_scalar_write(struct span text, struct buf *out, const char **why);
