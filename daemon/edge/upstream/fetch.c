/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/fetch_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/tls_help.h"
#include "core/retry_after.h"

/* libcurl's own time-out has the better reason, so it must come first. */
#define DEADLINE_SLACK_MS 1000

/* --- the end of a fetch ------------------------------------------------------------------- */

static void
link_fetch(struct channel *c, struct fetch *f)
{
	f->channel = c;
	f->next = c->first;
	f->at = &c->first;
	if (f->next)
		f->next->at = &f->next;
	c->first = f;
}

void
fetch_free(struct fetch *f)
{
	*f->at = f->next;
	if (f->next)
		f->next->at = f->at;
	if (f->easy) {
		(void)libcurl.multi_remove_handle(f->channel->multi, f->easy);
		libcurl.easy_cleanup(f->easy);
	}
	alarm_free(f->deadline);
	libcurl.slist_free_all(f->fields);
	arena_free(f->secret);
	payload_fini(&f->body);
	mem_free(f);
}

/* Writes a reason with the socket's path: libcurl's message lacks it and the system error. */
static void
explain_socket(struct fetch *f)
{
	long os_errno = 0;

	(void)libcurl.easy_getinfo(f->easy, CURLINFO_OS_ERRNO, &os_errno);
	why_set(&f->peer.why, "cannot connect to %s: %s", f->socket_path,
	    os_errno ? strerror((int)os_errno) : "no response");
}

/* Appends what to do about an error of TLS. */
static void
explain_tls(struct fetch *f)
{
	size_t n = strlen(f->error);

	(void)snprintf(f->error + n, sizeof f->error - n, "%s", tls_help(f->error));
}

/* Returns the reason. Avoids messages with measured times, so that a repeated failure is equal. */
static const char *
reason_of(const struct fetch *f, CURLcode code)
{
	if (*f->peer.why.text)
		return f->peer.why.text;
	if (!*f->error || strstr(f->error, " ms") || strstr(f->error, "milliseconds"))
		return libcurl.easy_strerror(code);
	return f->error;
}

static void
set_end(struct fetch_result *r, const struct fetch *f, CURLcode code)
{
	r->end = FETCH_UNREACHABLE;
	r->reason = reason_of(f, code);
	if (code == CURLE_OK || (f->body_cut && r->status != 200)) {
		r->end = FETCH_ANSWERED;
	} else if (f->body_cut || code == CURLE_FILESIZE_EXCEEDED) {
		r->end = FETCH_TOO_BIG;
		r->reason = "the response is larger than the limit of a page";
	} else if (f->head_cut) {
		r->end = FETCH_BAD;
		r->reason = "the header fields or trailers of the response are too long";
	} else if (code == CURLE_OUT_OF_MEMORY || f->body.error) {
		r->end = FETCH_FAILED;
		r->reason = "out of memory";
	}
	r->unconnected = code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
			 code == CURLE_COULDNT_RESOLVE_PROXY;
}

bool
upstream_takes_reports(const struct upstream *u)
{
	return u->reports;
}

/* Whether the server asks for reports, as its last list says. */
static void
note_reports(const struct fetch *f, const struct fetch_result *r)
{
	struct upstream *u = f->channel->upstream;

	if (!f->may_report || r->end != FETCH_ANSWERED || (r->status != 200 && r->status != 304))
		return;
	u->reports = f->head.takes_reports;
	memcpy(u->reports_to, f->server, HASH_SIZE);
}

void
fetch_end(struct fetch *f, CURLcode code)
{
	struct fetch_result r = { .held = f->head.held };
	curl_off_t retry_after_s = 0;
	char *content_type = NULL;
	long status = 0;

	(void)libcurl.easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)libcurl.easy_getinfo(f->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	(void)libcurl.easy_getinfo(f->easy, CURLINFO_CONTENT_TYPE, &content_type);
	r.status = (int)status;
	r.content_type = content_type;
	/* Negative for a date in the past; newer versions of libcurl cap it at six hours. */
	if (retry_after_s > 0)
		r.retry_after_ms = retry_after_s < RETRY_AFTER_MAX_CAP_MS / 1000
				       ? (int64_t)retry_after_s * 1000
				       : RETRY_AFTER_MAX_CAP_MS;
	r.etag = *f->head.etag ? f->head.etag : NULL;
	f->body.coding = f->head.coding;
	r.body = &f->body;
	if (code == CURLE_COULDNT_CONNECT && *f->socket_path)
		explain_socket(f);
	if (code == CURLE_SSL_CONNECT_ERROR)
		explain_tls(f);
	set_end(&r, f, code);
	note_reports(f, &r);
	f->done(f->env, &r);
	fetch_free(f);
}

/* Ends a fetch that libcurl has not ended in time; it may be out of memory. */
static void
on_deadline(void *arg)
{
	struct fetch *f = arg;
	struct upstream *u = f->channel->upstream;

	fetch_end(f, CURLE_OPERATION_TIMEDOUT);
	upstream_tidy(u);
}

/* --- channels ----------------------------------------------------------------------------- */

static void
look_at(const char *path, struct stat *st)
{
	struct stat now;

	memset(st, 0, sizeof *st); /* includes padding, because memcmp() compares it */
	if (!path || stat(path, &now) < 0)
		return;
	st->st_dev = now.st_dev;
	st->st_ino = now.st_ino;
	st->st_size = now.st_size;
	st->st_mtim = now.st_mtim;
	st->st_ctim = now.st_ctim;
}

/* Stores the state of the TLS files. True if one has changed since the last call. */
static bool
tls_files_changed(struct upstream *u)
{
	bool changed = false;
	struct stat now;

	for (size_t i = 0; i < N_TLS_FILES; i++) {
		look_at(u->tls_file[i], &now);
		changed = changed || memcmp(&now, &u->tls_seen[i], sizeof now) != 0;
		memcpy(&u->tls_seen[i], &now, sizeof now);
	}
	return changed;
}

void
upstream_tidy(struct upstream *u)
{
	for (struct channel **at = &u->channels; *at;) {
		struct channel *c = *at;

		if (c->reaping || c->first || !(c->retired || u->retired)) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		channel_free(c);
	}
	if (u->retired && !u->channels)
		upstream_free(u);
}

/*
 * Returns the channel for the next fetch. If a TLS file has changed, makes a new channel: the
 * connections of the old one were made with the old files. Running fetches finish on the old one.
 */
static int
open_channel(struct upstream *u, struct channel **out)
{
	bool changed = tls_files_changed(u);
	struct channel *c;
	int r;

	if (u->channels && changed)
		u->channels->retired = true;
	if (u->channels && !u->channels->retired && !u->channels->broken) {
		*out = u->channels;
		return 0;
	}
	r = channel_new(&c, u);
	if (r < 0)
		return r;
	c->next = u->channels;
	u->channels = c;
	*out = c;
	return 0;
}

/* --- the start of a fetch ----------------------------------------------------------------- */

static int
set_deadline(struct fetch *f, int64_t ms)
{
	int r = alarm_new(&f->deadline, f->channel->upstream->loop, on_deadline, f);

	if (r == 0)
		alarm_after(f->deadline, ms);
	return r;
}

int
upstream_fetch(struct upstream *u, const struct fetch_request *q, fetch_done *done, void *env,
    struct fetch **out)
{
	struct channel *c;
	struct fetch *f;
	int r = open_channel(u, &c);

	if (r < 0)
		return r;
	f = mem_zalloc(sizeof *f);
	if (!f)
		return -ENOMEM;
	f->done = done;
	f->env = env;
	payload_init(&f->body, q->max_body);
	f->discard_body = q->discard_body;
	f->peer =
	    (struct curl_peer){ .path = f->socket_path, .owners = &u->socket_owners, .fd = -1 };
	if (q->socket_path)
		(void)snprintf(f->socket_path, sizeof f->socket_path, "%s", q->socket_path);
	link_fetch(c, f);
	f->easy = libcurl.easy_init();
	r = f->easy ? fetch_setup(f, q) : -ENOMEM;
	if (r == 0)
		r = set_deadline(f, u->timeout_ms + q->wait_s * 1000 + DEADLINE_SLACK_MS);
	if (r == 0)
		r = channel_add(c, f);
	if (r < 0) {
		fetch_free(f);
		return r;
	}
	*out = f;
	return 0;
}

void
upstream_cancel(struct fetch *f)
{
	struct upstream *u;

	if (!f)
		return;
	u = f->channel->upstream;
	fetch_free(f);
	upstream_tidy(u);
}

void
upstream_retire(struct upstream *u)
{
	u->retired = true;
	upstream_tidy(u);
}

/* --- creation and destruction ------------------------------------------------------------- */

static int
copy(char **to, const char *from)
{
	*to = from ? mem_strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

static void
warn_unknown_user(const char *name)
{
	log_warn("[manager] socket_user is not a known user: it matches no process",
	    LOG_STR("user", name));
}

int
upstream_new(struct upstream **out, struct loop *loop, const struct config *config)
{
	struct upstream *u = mem_zalloc(sizeof *u);

	if (!u)
		return -ENOMEM;
	u->loop = loop;
	u->timeout_ms = config->manager.timeout_ms;
	u->lock = config->memory.lock;
	socket_owners_find(&u->socket_owners, config->manager.socket_user.item,
	    config->manager.socket_user.n, warn_unknown_user);
	if (copy(&u->tls_file[TLS_CA], config->manager.ca_file) < 0 ||
	    copy(&u->tls_file[TLS_CERT], config->manager.client_cert) < 0 ||
	    copy(&u->tls_file[TLS_KEY], config->manager.client_key) < 0 ||
	    copy(&u->pin, config->manager.pin) < 0 || copy(&u->proxy, config->manager.proxy) < 0) {
		upstream_free(u);
		return -ENOMEM;
	}
	*out = u;
	return 0;
}

struct upstream *
upstream_free(struct upstream *u)
{
	if (!u)
		return NULL;
	while (u->channels) {
		struct channel *next = u->channels->next;

		channel_free(u->channels);
		u->channels = next;
	}
	for (size_t i = 0; i < N_TLS_FILES; i++)
		mem_free(u->tls_file[i]);
	mem_free(u->pin);
	mem_free(u->proxy);
	mem_free(u);
	return NULL;
}
