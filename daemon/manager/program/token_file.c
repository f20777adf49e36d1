/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/limits.h"

int
token_file_open(struct token_file *t, const char *path, struct why *why)
{
	int r = 0;

	*t = (struct token_file){ .path = path, .fd = -1 };
	if (!path)
		return 0;
	if (access(path, F_OK) == 0)
		r = -EEXIST;
	else if (snprintf(t->part, sizeof t->part, "%s.part", path) >= (int)sizeof t->part)
		r = -ENAMETOOLONG;
	if (r == 0) {
		(void)unlink(t->part); /* left by a process that was killed */
		t->fd = open(t->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		r = t->fd < 0 ? -errno : 0;
	}
	if (r < 0)
		why_set(why, "--token-out %.300s: %s", path,
		    r == -EEXIST ? "there is a file already; nothing was changed" : strerror(-r));
	return r;
}

/* Writes the token as one line, as connd reads it. */
static int
write_line(struct token_file *t, const struct buf *token)
{
	ssize_t n = write(t->fd, token->data, token->len);

	if (n < 0)
		return -errno;
	if ((size_t)n != token->len)
		return -ENOSPC;
	if (fsync(t->fd) < 0)
		return -errno;
	if (renameat2(AT_FDCWD, t->part, AT_FDCWD, t->path, RENAME_NOREPLACE) < 0)
		return -errno;
	t->part[0] = '\0';
	return file_sync_name(t->path);
}

/* Rewrites the object with "tokenFile" in place of "token", which is in doc. */
static void
rewrite(const struct token_file *t, struct span doc, struct span token, struct buf *out)
{
	static const char name[] = "\"token\":";
	size_t from = (size_t)(token.p - doc.p) - (sizeof name - 1),
	       to = from + sizeof name - 1 + token.n;
	struct buf rest = BUF_INIT(out->max);

	if (from > 1)
		from--; /* with the comma before it */
	buf_add(&rest, doc.p, from);
	buf_add(&rest, doc.p + to, doc.n - to - 1);
	jtext_member_string(&rest, "tokenFile", span_of(t->path));
	buf_addc(&rest, '}');
	buf_reset(out);
	buf_add(out, buf_str(&rest), rest.len);
	if (buf_error(&rest))
		out->error = buf_error(&rest);
	buf_fini(&rest);
}

int
token_file_take(struct token_file *t, struct buf *out, struct why *why)
{
	struct buf token = BUF_INIT(LIMIT_TOKEN + 1);
	struct span doc, value, id = { 0 };
	int r = -EBADMSG;

	if (!t->path)
		return 0;
	if (scan_check(span_of_buf(out), SCAN_STRICT, &doc, NULL) == 0 &&
	    scan_find(doc, "token", &value) == 0 && value.p && scan_string(value, &token) == 0) {
		buf_addc(&token, '\n');
		r = buf_error(&token) ? buf_error(&token) : write_line(t, &token);
	}
	if (r == 0)
		rewrite(t, doc, value, out);
	else if (scan_find(doc, "id", &id) == 0 && id.n > 2)
		why_set(why,
		    "--token-out %.200s: %s; the token was made: revoke it with `token revoke --id "
		    "%.*s`",
		    t->path, strerror(-r), (int)id.n - 2, id.p + 1);
	else
		why_set(why, "--token-out %.200s: %s", t->path, strerror(-r));
	buf_fini(&token);
	return r;
}

void
token_file_close(struct token_file *t)
{
	if (t->fd >= 0)
		(void)close(t->fd); /* synced, or not needed */
	if (t->part[0])
		(void)unlink(t->part); /* it may never have existed */
}
