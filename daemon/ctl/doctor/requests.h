/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of connctl doctor to the manager of connd's configuration, with connd's token. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
#include "ctl/doctor/doctor.h"
#include "ctl/http.h"

struct requests {
	struct http *http;
	const char *url; /* of the configuration, borrowed */
	struct buf answer;
	struct http_head head; /* of the last response */
	struct why why;
};

/* Prepares requests to one URL; http_start_libraries() comes first. 0, or -errno with r->why. */
MUST_CHECK int requests_open(struct requests *r, const struct doctor *d, const char *url);
void requests_close(struct requests *r);

/* GET below /v1/organizations/{organization}. The status, or -EIO with r->why. */
MUST_CHECK int requests_get(struct requests *r, const struct doctor *d, const char *fmt, ...)
    PRINTF(3, 4);
