/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bearer.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"

#define WHITE_ROOM 256 /* bytes of white space around a token that are read */

static bool
is_white(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* True for visible ASCII. Other bytes could end the header field, or are a mistake in the file. */
static bool
is_token(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < 0x21 || p[i] > 0x7e)
			return false;
	return n > 0 && n <= LIMIT_TOKEN;
}

bool
bearer_trim(struct buf *token)
{
	size_t from = 0, n = token->len;

	while (n > 0 && is_white(token->data[n - 1]))
		n--;
	while (from < n && is_white(token->data[from]))
		from++;
	buf_truncate(token, n);
	buf_consume(token, from);
	return is_token(token->data, token->len);
}

int
bearer_read(const char *path, struct buf *out, struct why *why)
{
	CLEANUP(buf_fini) struct buf file = BUF_INIT(LIMIT_TOKEN + WHITE_ROOM);
	int r = file_read_secret(path, &file, why);

	if (r < 0)
		return r;
	if (!bearer_trim(&file)) {
		why_set(why, "%.380s: %s", path,
		    file.len == 0 ? "empty" : "not a token: " BEARER_EXPECTED);
		return -EINVAL;
	}
	buf_add(out, file.data, file.len);
	return buf_error(out);
}
