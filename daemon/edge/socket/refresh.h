/* SPDX-License-Identifier: Apache-2.0 */
/* Refresh: a sync now, for those who may administer the daemon; once a second at most. */
#pragma once

#include "edge/socket/service.h"

void refresh_serve(struct service *s, struct caller *caller, struct buf *out);
