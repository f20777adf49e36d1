/* SPDX-License-Identifier: Apache-2.0 */
/* Sets libcurl's options for a fetch: address, TLS, request and limits. */
#include "edge/upstream/fetch_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

#define CONNECT_TIMEOUT_MS 3000
#define LOW_SPEED_BYTES    100 /* per second: a slower response fails after LOW_SPEED_S */
#define LOW_SPEED_S        15
#define CONNECTION_LIFE_S  600 /* then certificates and addresses are checked again */
#define CONNECTION_IDLE_S  118
#define CA_CACHE_S         3600 /* a replaced file is noticed earlier: it opens a new channel */
#define READ_BYTES         (16 * 1024) /* as much as a record of TLS */
#define REFUSAL_BYTES      (64 * 1024) /* of the body of an error response */

/* --- receiving ---------------------------------------------------------------------------- */

static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	struct fetch *f = arg;

	if (response_head_line(&f->head, line, n * size))
		return n * size;
	f->head_cut = true;
	return 0;
}

/* Of an error response, reads only the first REFUSAL_BYTES: the rest may be endless. */
static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct fetch *f = arg;
	size_t max = f->body.max;
	long status = 0;

	n *= size;
	(void)libcurl.easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200 && max > REFUSAL_BYTES)
		max = REFUSAL_BYTES;
	f->body_cut = n > max - f->body.n;
	if (f->discard_body)
		f->body.n += f->body_cut ? 0 : n;
	else
		payload_add(&f->body, p, f->body_cut ? max - f->body.n : n);
	if (f->body_cut || f->body.error)
		return 0;
	channel_count(f->channel, f, n);
	return n;
}

/* --- header fields ------------------------------------------------------------------------ */

/*
 * Puts the token into a locked page of its own. libcurl reads the text there and copies it only
 * into the request, which is wiped after it has been sent.
 */
static int
set_authorization(struct fetch *f, struct span token)
{
	static const char name[] = "Authorization: Bearer ";
	size_t n = sizeof name + token.n;
	char *text;
	int r = arena_new(&f->secret, n, f->channel->upstream->lock);

	if (r < 0)
		return r;
	text = arena_alloc(f->secret, n, 1);
	if (!text)
		return arena_error(f->secret);
	memcpy(text, name, sizeof name - 1);
	if (token.n)
		memcpy(text + sizeof name - 1, token.p, token.n);
	f->authorization.data = text;
	return arena_seal(f->secret);
}

static int
add_field(struct fetch *f, const char *line)
{
	struct curl_slist *longer = libcurl.slist_append(f->fields, line);

	if (!longer)
		return -ENOMEM;
	f->fields = longer;
	return 0;
}

/* Names the server of a request: the scheme and authority of its URL, and its Unix socket. */
static void
server_hash(const struct fetch_request *q, uint8_t out[static HASH_SIZE])
{
	const char *host = strstr(q->url, "://");
	size_t n = host ? (size_t)(host - q->url) + 3 + strcspn(host + 3, "/") : strlen(q->url);
	const char *path = q->socket_path ? q->socket_path : "";
	uint8_t of_url[HASH_SIZE];

	hash_long(of_url, NULL, 0, q->url, n);
	hash_long(out, of_url, sizeof of_url, path, strlen(path));
}

/* A report that is too long is not sent. */
static int
add_report(struct fetch *f, const struct fetch_report *report)
{
	const struct upstream *u = f->channel->upstream;
	struct buf line = BUF_INIT(LIMIT_REPORT + 32);
	int r = 0;

	if (!u->reports || !hash_equal(u->reports_to, f->server, HASH_SIZE))
		return 0;
	buf_adds(&line, "X-Connd-Report: ");
	report->write(report->env, &line);
	if (!buf_error(&line))
		r = add_field(f, buf_str(&line));
	buf_fini(&line);
	return r;
}

static int
set_fields(struct fetch *f, const struct fetch_request *q)
{
	char line[LIMIT_ETAG + 32];
	int r = add_field(f, "Accept: application/json");

	/* The worker unpacks the body, not libcurl. */
	if (r == 0)
		r = add_field(f, "Accept-Encoding: gzip");
	if (r == 0 && q->if_none_match) {
		(void)snprintf(line, sizeof line, "If-None-Match: %s", q->if_none_match);
		r = add_field(f, line);
	}
	if (r == 0 && q->request_id) {
		(void)snprintf(line, sizeof line, "X-Request-Id: %s", q->request_id);
		r = add_field(f, line);
	}
	if (r == 0 && q->wait_s > 0) {
		(void)snprintf(line, sizeof line, "Prefer: wait=%" PRId64, q->wait_s);
		r = add_field(f, line);
	}
	f->may_report = q->report && q->report->write;
	server_hash(q, f->server);
	if (r == 0 && f->may_report)
		r = add_report(f, q->report);
	if (r == 0)
		r = set_authorization(f, q->token);
	f->authorization.next = f->fields;
	return r;
}

/* --- options ------------------------------------------------------------------------------ */

#define SET(option, value) CURL_OPTION_SET(libcurl.easy_setopt, e, code, option, value)

static CURLcode
set_transport(CURL *e, const struct upstream *u)
{
	const struct curl_trust trust = {
		.proxy = u->proxy,
		.ca_file = u->tls_file[TLS_CA],
		.client_cert = u->tls_file[TLS_CERT],
		.client_key = u->tls_file[TLS_KEY],
		.pin = u->pin,
	};
	CURLcode code = curl_setup_transport(e, libcurl.easy_setopt, &trust);

#if LIBCURL_VERSION_NUM >= LIBCURL_QUICK_EXIT
	/* Do not wait for a resolver thread that outlives the fetch. */
	SET(CURLOPT_QUICK_EXIT, 1L);
#endif
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	SET(CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_LIFE_S);
	SET(CURLOPT_MAXAGE_CONN, (long)CONNECTION_IDLE_S);
	/* A resumed session would not verify the certificate again. */
	SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
#if LIBCURL_VERSION_NUM >= 0x075700
	SET(CURLOPT_CA_CACHE_TIMEOUT, (long)CA_CACHE_S);
#endif
	return code;
}

/*
 * Returns the request target: path and query, or the whole URL for a forwarding proxy. Set
 * explicitly, because libcurl drops the query when it is out of memory, and so requests another
 * list.
 */
static const char *
target_of(const char *url, bool forwarded)
{
	const char *host = strstr(url, "://"), *path = host ? strchr(host + 3, '/') : NULL;

	return path && !forwarded ? path : url;
}

static CURLcode
set_request(CURL *e, struct fetch *f, const struct fetch_request *q)
{
	bool forwarded = f->channel->upstream->proxy && strncmp(q->url, "http:", 5) == 0;
	CURLcode code = CURLE_OK;

	SET(CURLOPT_URL, q->url);
	SET(CURLOPT_REQUEST_TARGET, target_of(q->url, forwarded && !q->socket_path));
	SET(CURLOPT_TIMEOUT_MS, (long)(f->channel->upstream->timeout_ms + q->wait_s * 1000));
	/* A server that holds its response sends nothing; that must not count as slow. */
	SET(CURLOPT_LOW_SPEED_LIMIT, q->wait_s > 0 ? 0L : (long)LOW_SPEED_BYTES);
	SET(CURLOPT_LOW_SPEED_TIME, q->wait_s > 0 ? 0L : (long)LOW_SPEED_S);
	SET(CURLOPT_USERAGENT, "connd/" CONND_VERSION);
	SET(CURLOPT_HTTPHEADER, &f->authorization);
	SET(CURLOPT_BUFFERSIZE, (long)READ_BYTES);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)q->max_body);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, f);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, f);
	SET(CURLOPT_ERRORBUFFER, f->error);
	SET(CURLOPT_PRIVATE, f);
	return code;
}

int
fetch_setup(struct fetch *f, const struct fetch_request *q)
{
	const struct upstream *u = f->channel->upstream;
	int r = set_fields(f, q);

	if (r < 0)
		return r;
	if (set_transport(f->easy, u) != CURLE_OK || set_request(f->easy, f, q) != CURLE_OK)
		return -ENOMEM;
	if (q->socket_path && curl_setup_socket(f->easy, libcurl.easy_setopt, &f->peer) != CURLE_OK)
		return -ENOMEM;
	return 0;
}
