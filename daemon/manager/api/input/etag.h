/* SPDX-License-Identifier: Apache-2.0 */
/* Entity tags in the fields of a conditional request, by RFC 9110, 8.8.3 and 13.1. Pure. */
#pragma once

#include <stdbool.h>

#include "base/span.h"

enum etag_comparison {
	ETAG_WEAK,  /* If-None-Match: W/"x" is "x" */
	ETAG_STRONG /* If-Match: a weak tag is never equal */
};

/*
 * Whether the value of If-Match or If-None-Match lists this tag (given with its quotes), or is "*".
 * Nothing behind a part that is not a tag counts.
 */
bool etag_is_listed(struct span field, const char *etag, enum etag_comparison how);
