/* SPDX-License-Identifier: Apache-2.0 */
/* The id of a request, which names it in the response, the log and the audit log. */
#include "manager/http/request_id.h"

#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "base/rnd.h"
#include "manager/http/parse.h"

#define RANDOM_BYTES 16

static bool
is_valid(struct span id)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789-._:+/=";

	if (id.n == 0 || id.n >= HTTP_REQUEST_ID_SIZE)
		return false;
	for (size_t i = 0; i < id.n; i++)
		if (!memchr(allowed, id.p[i], sizeof allowed - 1))
			return false;
	return true;
}

bool
request_id_choose(char out[static HTTP_REQUEST_ID_SIZE], const struct http_request *request)
{
	bool again;
	struct span sent = http_request_field(request, "x-request-id", &again);
	uint8_t random[RANDOM_BYTES];

	if (!again && is_valid(sent)) {
		memcpy(out, sent.p, sent.n);
		out[sent.n] = '\0';
		return true;
	}
	rnd_bytes(random, sizeof random);
	hex_encode(out, random, sizeof random);
	return false;
}
