/* SPDX-License-Identifier: Apache-2.0 */
/* What to do about errors of OpenSSL whose texts do not say it. */
#pragma once

#include <string.h>

/* Returns what to append to the error, or "". */
static inline const char *
tls_help(const char *error)
{
	if (strstr(error, "wrong version number") || strstr(error, "packet length too long"))
		return "; the server does not speak TLS on this port: name its https port, or "
		       "write http:// if it has none";
	return "";
}
