/* SPDX-License-Identifier: Apache-2.0 */
/* `connd-manager tls init`: a key and a self-signed certificate for this machine. */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
#include "manager/program/arguments.h"
#include "manager/program/command.h"

/*
 * Makes DIR/tls.key and DIR/tls.crt, neither of which may be there; appends what to give to
 * connd-manager and to connd, as JSON. 0, or -1 with `why`.
 */
MUST_CHECK int tls_init(const struct options *o, struct buf *out, struct why *why);
