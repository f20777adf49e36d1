/* SPDX-License-Identifier: Apache-2.0 */
/* Explain: may the caller read this key, and by which rule? Not: does the key exist? */
#pragma once

#include "edge/socket/service.h"

/* key: as access rules spell it, "conn:KEY". */
void explain_serve(struct service *s, struct caller *caller, struct span key, struct buf *out);
