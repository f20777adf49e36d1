/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connctl token renew: replaces the token in a file by a new one of the same rights, in one step,
 * while the old one is valid. Does nothing while more than half of the token's life is left, so
 * that a timer may run it often.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json/write.h"
#include "base/limits.h"
#include "ctl/admin/session.h"
#include "ctl/output.h"

#define MAX_OUTPUT 4096
#define TIME_SIZE  32 /* "2026-11-30T12:00:00.000Z" */

struct renewal {
	struct session session;
	char path[PATH_MAX]; /* the file itself, not a link to it */
	struct json *answer; /* the manager's last response */
	char expires[TIME_SIZE];
};

/* --- the token's file --------------------------------------------------------------------- */

static int
fail_write(const char *path, int error)
{
	return ctl_fail(CTL_UNAVAILABLE, "The token in the file is as it was, and still valid.",
	    "%s: %s", path, strerror(error));
}

/* Gives the new file the owner and mode of the old one, and its name. 0 or errno. */
static int
take_its_place(const char *path, const char *new_path, const struct stat *old)
{
	struct stat new;

	if (lstat(new_path, &new) < 0)
		return errno;
	if ((new.st_uid != old->st_uid || new.st_gid != old->st_gid) &&
	    lchown(new_path, old->st_uid, old->st_gid) < 0)
		return errno;
	if (chmod(new_path, old->st_mode & 07777) < 0 || rename(new_path, path) < 0)
		return errno;
	return 0;
}

static int
write_token(const struct renewal *n, const char *token)
{
	char new_path[PATH_MAX + 32];
	struct why why;
	struct stat old;
	int error;

	(void)snprintf(new_path, sizeof new_path, "%s.%ld.new", n->path, (long)getpid());
	if (stat(n->path, &old) < 0)
		return fail_write(n->path, errno);
	if (file_create(new_path, token, strlen(token), &why) < 0)
		return ctl_fail(CTL_UNAVAILABLE,
		    "The token in the file is as it was, and still valid.", "%s", why.text);
	error = take_its_place(n->path, new_path, &old);
	if (error) {
		(void)unlink(new_path);
		return fail_write(n->path, error);
	}
	if (file_sync_name(n->path) < 0)
		return ctl_fail(CTL_UNAVAILABLE, NULL,
		    "%s: holds the new token, but perhaps not on disk yet", n->path);
	return CTL_YES;
}

/* --- the manager -------------------------------------------------------------------------- */

/* GET, or POST of an empty object, below .../tokens/self; the response is in n->answer. */
static int
call(struct renewal *n, bool post, const char *what)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(LIMIT_HTTP_URI);
	struct json *body = post ? json_new_object() : NULL;
	struct json *answer = NULL;
	int code;

	session_path(&n->session, &path, "/tokens/self%s", what);
	if (!post)
		code = session_get(&n->session, &path, &answer);
	else if (body)
		code = session_send(&n->session, "POST", &path, body, NULL, &answer);
	else
		code = session_no_memory();
	json_free(body);
	json_free(n->answer);
	n->answer = answer;
	return code;
}

/* Seconds of "2026-11-30T12:00:00..." in UTC; -1: it is absent or something else. */
static int64_t
seconds_of(const char *text)
{
	struct tm tm = { 0 };

	if (!strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
		return -1;
	return timegm(&tm);
}

static void
note_expiry(struct renewal *n)
{
	(void)snprintf(n->expires, sizeof n->expires, "%s", json_text(n->answer, "expiresAt"));
}

/* By what the manager says of the token: its own claims are not trusted. */
static bool
is_due(const struct renewal *n)
{
	int64_t from = seconds_of(json_text(n->answer, "createdAt"));
	int64_t to = seconds_of(n->expires);

	return to >= 0 && (from < 0 || clock_wall_ms() / 1000 >= from + (to - from) / 2);
}

static int
renew(struct renewal *n)
{
	const char *token;
	int code = call(n, true, "/renew");

	if (code != CTL_YES)
		return code;
	token = json_text(n->answer, "token");
	if (!*token)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "the manager's response holds no token");
	note_expiry(n);
	return write_token(n, token);
}

static int
report(const struct renewal *n, bool renewed)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(MAX_OUTPUT);

	if (n->session.o->json) {
		buf_adds(&out, renewed ? "{\"renewed\":true" : "{\"renewed\":false");
		if (n->expires[0]) {
			buf_adds(&out, ",\"expiresAt\":");
			jtext_string(&out, span_of(n->expires));
		}
		buf_adds(&out, "}\n");
	} else if (!n->expires[0]) {
		buf_adds(&out, "not renewed: the token does not expire\n");
	} else {
		buf_adds(&out, renewed ? "renewed: valid until " : "not renewed yet: valid until ");
		output_safe(&out, span_of(n->expires));
		buf_addc(&out, '\n');
	}
	return output_flush(&out);
}

static int
run(struct renewal *n)
{
	int code = call(n, false, "");
	bool due;

	if (code != CTL_YES)
		return code;
	note_expiry(n);
	due = is_due(n);
	if (due)
		code = renew(n);
	return code == CTL_YES ? report(n, due) : code;
}

int
ctl_token_renew(const struct ctl_options *o)
{
	struct renewal n = { 0 };
	int code;

	if (!realpath(o->import.token_file, n.path))
		return ctl_fail(
		    CTL_USAGE, NULL, "--token-file: %s: %s", o->import.token_file, strerror(errno));
	code = session_open(&n.session, o);
	n.session.refused_hint = "An administrator has to issue a new token: it has expired, was "
				 "revoked, or its family has ended.";
	if (code == CTL_YES)
		code = run(&n);
	json_free(n.answer);
	session_close(&n.session);
	return code;
}
