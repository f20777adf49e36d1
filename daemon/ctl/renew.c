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
#include "ctl/ctl.h"
#include "ctl/http.h"
#include "ctl/json.h"
#include "ctl/output.h"
#include "ctl/token.h"

#define MAX_ANSWER ((size_t)64 * 1024)
#define MAX_OUTPUT 4096
#define TIME_SIZE  32 /* "2026-11-30T12:00:00.000Z" */

struct renewal {
	const struct ctl_options *o;
	char path[PATH_MAX]; /* the file itself, not a link to it */
	struct http *http;
	struct json *answer; /* the last one */
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
	char new_path[PATH_MAX + 32], why[FILE_WHY_SIZE];
	struct stat old;
	int error;

	(void)snprintf(new_path, sizeof new_path, "%s.%ld.new", n->path, (long)getpid());
	if (stat(n->path, &old) < 0)
		return fail_write(n->path, errno);
	if (file_create(new_path, token, strlen(token), why) < 0)
		return ctl_fail(CTL_UNAVAILABLE,
		    "The token in the file is as it was, and still valid.", "%s", why);
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

static int
fail_status(const struct renewal *n, int status)
{
	const char *message = n->answer ? json_string(json_get(n->answer, "message")) : NULL;
	enum ctl_exit code = status == 401 || status == 403 ? CTL_DENIED : CTL_UNAVAILABLE;

	return ctl_fail(code,
	    code == CTL_DENIED ? "An administrator has to issue a new token: it has expired, was "
				 "revoked, or its family has ended."
			       : NULL,
	    "the manager answers %d: %s", status, message ? message : "without a message");
}

/* GET (body NULL) or POST of what is below .../tokens/self; the answer is in n->answer. */
static int
call(struct renewal *n, const char *what, const struct buf *body)
{
	CLEANUP(buf_fini) struct buf text = BUF_INIT(MAX_ANSWER);
	char path[256], why[HTTP_WHY_SIZE];
	int status;

	(void)snprintf(path, sizeof path, "/v1/organizations/%s/tokens/self%s",
	    n->o->import.organization, what);
	status = http_call(n->http, path, body, &text, why);
	if (status < 0)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "%s", why);
	n->answer = json_free(n->answer);
	if (json_parse(&n->answer, span_of_buf(&text), NULL) < 0)
		n->answer = NULL;
	if (status != 200)
		return fail_status(n, status);
	if (!n->answer)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "the manager's response is not JSON");
	return CTL_YES;
}

/* Seconds of "2026-11-30T12:00:00..." in UTC; -1: it is absent or something else. */
static int64_t
seconds_of(const char *text)
{
	struct tm tm = { 0 };

	if (!text || !strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
		return -1;
	return timegm(&tm);
}

static void
note_expiry(struct renewal *n)
{
	const char *expires = json_string(json_get(n->answer, "expiresAt"));

	(void)snprintf(n->expires, sizeof n->expires, "%s", expires ? expires : "");
}

/* By what the manager says of the token: its own claims are not trusted. */
static bool
is_due(const struct renewal *n)
{
	int64_t from = seconds_of(json_string(json_get(n->answer, "createdAt")));
	int64_t to = seconds_of(n->expires);

	return to >= 0 && (from < 0 || clock_wall_ms() / 1000 >= from + (to - from) / 2);
}

static int
renew(struct renewal *n)
{
	CLEANUP(buf_fini) struct buf body = BUF_INIT(8);
	const char *token;
	int code;

	buf_adds(&body, "{}");
	code = call(n, "/renew", &body);
	if (code != CTL_YES)
		return code;
	token = json_string(json_get(n->answer, "token"));
	if (!token || !*token)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "the manager's response holds no token");
	note_expiry(n);
	return write_token(n, token);
}

static int
report(const struct renewal *n, bool renewed)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(MAX_OUTPUT);

	if (n->o->json) {
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
	int code = call(n, "", NULL);
	bool due;

	if (code != CTL_YES)
		return code;
	note_expiry(n);
	due = is_due(n);
	if (due)
		code = renew(n);
	return code == CTL_YES ? report(n, due) : code;
}

static int
start_http(struct renewal *n)
{
	CLEANUP(buf_fini) struct buf token = BUF_INIT(LIMIT_TOKEN + 256);
	char why[HTTP_WHY_SIZE];
	struct http_options h = { .url = n->o->import.manager,
		.ca_file = n->o->import.ca_file,
		.insecure_http = n->o->import.insecure_http,
		.timeout_ms = n->o->timeout_ms };
	int code = token_read("--token-file", n->path, &token), r;

	if (code != CTL_YES)
		return code;
	h.token = buf_str(&token);
	r = http_start_libraries();
	if (r == 0)
		r = http_new(&n->http, &h, why);
	if (r == -EINVAL)
		return ctl_fail(CTL_USAGE, NULL, "%s", why);
	return r < 0 ? ctl_fail(CTL_UNAVAILABLE, NULL, "libcurl does not start") : CTL_YES;
}

int
ctl_token_renew(const struct ctl_options *o)
{
	struct renewal n = { .o = o };
	int code;

	if (!realpath(o->import.token_file, n.path))
		return ctl_fail(
		    CTL_USAGE, NULL, "--token-file: %s: %s", o->import.token_file, strerror(errno));
	json_global_init();
	code = start_http(&n);
	if (code == CTL_YES)
		code = run(&n);
	n.answer = json_free(n.answer);
	n.http = http_free(n.http);
	return code;
}
