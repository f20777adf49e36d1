/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>
#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/curl_setup.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/url.h"
#include "base/tls_help.h"
#include "ctl/output.h"

#define CONNECT_TIMEOUT_MS 5000
#define TRIES_WHEN_BUSY    5 /* answers of 429 to one call */
/* between two of them; who asks for more is not asked again */
#define LONGEST_PAUSE_S 300
#define CALL_URL_SIZE   ((size_t)LIMIT_HTTP_URI)

struct http {
	CURL *easy;
	struct curl_slist *headers;
	char *base; /* the URL without a closing slash or /v1 */
	void (*on_pause)(void *arg, int seconds);
	void *arg;
	bool never_pause;
	struct socket_owners owners;
	struct curl_peer peer; /* its path is NULL: the host of the URL */
	char error[CURL_ERROR_SIZE];
};

int
http_start_libraries(void)
{
	/* Refused where libcurl brings libssh, which used OpenSSL before main(): then not wiped. */
	(void)CRYPTO_set_mem_functions(mem_alloc_at, mem_resize_at, mem_free_at);
	return curl_global_init_mem(CURL_GLOBAL_DEFAULT, mem_alloc, mem_free, mem_resize,
		   mem_strdup, mem_calloc) == CURLE_OK
		   ? 0
		   : -EIO;
}

/* --- the URL --------------------------------------------------------------------------- */

#define EXPECTED "wants a URL like https://manager.example.com"

/* 0 with h->base; -EINVAL with why; -ENOMEM. */
static int
read_url(struct http *h, const struct http_options *o, struct why *why)
{
	static const char *const faults[] = {
		[URL_OK] = NULL,
		[URL_TOO_LONG] = EXPECTED,
		[URL_BAD_SCHEME] = "must begin with https:// or http://",
		[URL_HAS_USER] = "may not name a user: the token comes from --token-file",
		[URL_NO_HOST] = EXPECTED,
		[URL_HAS_PATH] = "ends behind the host and port (or with /v1)",
		[URL_BAD_PORT] = EXPECTED,
	};
	struct url url;
	const char *fault = faults[url_read(o->url, &url)];

	if (!fault && !url.tls && !url.loopback && !o->insecure_http)
		fault = "is plain http to more than this machine: use https, or --insecure-http";
	if (fault) {
		why_set(why, "--manager %s", fault);
		return -EINVAL;
	}
	h->base = mem_strdup(url.text);
	return h->base ? 0 : -ENOMEM;
}

/* --- a call ---------------------------------------------------------------------------- */

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct buf *answer = arg;

	buf_add(answer, p, size * n);
	return buf_error(answer) ? 0 : size * n;
}

/* Copies the value of a header field of this name into out, "" when it is too long. */
static void
keep_field(char *out, size_t size, const char *name, const char *line, size_t n)
{
	size_t skip = strlen(name);

	if (n <= skip || strncasecmp(line, name, skip) != 0)
		return;
	while (skip < n && strchr(" \t", line[skip]))
		skip++;
	while (n > skip && strchr(" \t\r\n", line[n - 1]))
		n--;
	if (n - skip >= size)
		n = skip;
	memcpy(out, line + skip, n - skip);
	out[n - skip] = 0;
}

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	struct http_head *head = arg;
	char date[64] = "";

	keep_field(head->tag, sizeof head->tag, "ETag:", p, size * n);
	keep_field(head->warning, sizeof head->warning, "Warning:", p, size * n);
	keep_field(date, sizeof date, "Date:", p, size * n);
	if (date[0])
		head->date_s = (int64_t)curl_getdate(date, NULL);
	return size * n;
}

static int
add_header(struct http *h, const char *name, const char *value)
{
	CLEANUP(buf_fini) struct buf line = BUF_INIT(LIMIT_TOKEN + 64);
	struct curl_slist *longer = NULL;

	buf_adds(&line, name);
	buf_adds(&line, value);
	if (!buf_error(&line))
		longer = curl_slist_append(h->headers, buf_str(&line));
	if (!longer)
		return -ENOMEM;
	h->headers = longer;
	return 0;
}

#define SET(option, value) CURL_OPTION_SET(curl_easy_setopt, h->easy, code, option, value)

/* libcurl calls it often while bytes come, and about once a second while none do. */
static int
on_progress(void *arg, curl_off_t size, curl_off_t got, curl_off_t to_send, curl_off_t sent)
{
	(void)arg;
	(void)size;
	(void)got;
	(void)to_send;
	(void)sent;
	output_waiting("waiting for the manager");
	return 0;
}

static CURLcode
set_transport(struct http *h, const struct http_options *o)
{
	const struct curl_trust trust = {
		.proxy = o->proxy,
		.ca_file = o->ca_file,
		.client_cert = o->client_cert,
		.client_key = o->client_key,
		.pin = o->pin,
	};
	CURLcode code = curl_setup_transport(h->easy, (curl_easy_setopt), &trust);

	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	SET(CURLOPT_TIMEOUT_MS, (long)o->timeout_ms);
	SET(CURLOPT_USERAGENT, "connctl/" CONND_VERSION);
	SET(CURLOPT_ERRORBUFFER, h->error);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HTTPHEADER, h->headers);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, on_progress);
	return code;
}

int
http_new(struct http **out, const struct http_options *o, struct why *why)
{
	struct http *h = mem_zalloc(sizeof *h);
	int r;

	if (!h)
		return -ENOMEM;
	h->never_pause = o->never_pause;
	h->peer = (struct curl_peer){ .path = o->socket_path, .owners = &h->owners, .fd = -1 };
	if (o->owners)
		h->owners = *o->owners;
	h->on_pause = o->on_pause;
	h->arg = o->arg;
	h->easy = curl_easy_init();
	r = h->easy ? read_url(h, o, why) : -ENOMEM;
	if (r == 0)
		r = add_header(h, "Authorization: Bearer ", o->token);
	if (r == 0)
		r = add_header(h, "Accept: ", "application/json");
	if (r == 0)
		r = add_header(h, "Content-Type: ", "application/json");
	/* A body of more than a megabyte would first ask for leave, and wait. */
	if (r == 0)
		r = add_header(h, "Expect:", "");
	if (r == 0 && set_transport(h, o) != CURLE_OK)
		r = -ENOMEM;
	if (r == 0 && h->peer.path &&
	    curl_setup_socket(h->easy, (curl_easy_setopt), &h->peer) != CURLE_OK)
		r = -ENOMEM;
	if (r < 0)
		h = http_free(h);
	*out = h;
	return r;
}

struct http *
http_free(struct http *h)
{
	if (!h)
		return NULL;
	curl_easy_cleanup(h->easy);
	curl_slist_free_all(h->headers);
	mem_free(h->base);
	mem_free(h);
	return NULL;
}

static CURLcode
set_body(struct http *h, const struct http_request *q)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_CUSTOMREQUEST, NULL);
	if (!q->body && strcmp(q->method, "GET") == 0) {
		SET(CURLOPT_HTTPGET, 1L);
	} else if (strcmp(q->method, "POST") == 0) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDS, q->body ? buf_str(q->body) : "");
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(q->body ? q->body->len : 0));
	} else {
		SET(CURLOPT_HTTPGET, 1L);
		SET(CURLOPT_CUSTOMREQUEST, q->method);
	}
	return code;
}

static enum http_failure
failure_of(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return HTTP_FAILED_NAME;
	case CURLE_COULDNT_CONNECT:
	case CURLE_ABORTED_BY_CALLBACK:
		return HTTP_FAILED_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		return HTTP_FAILED_TLS;
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_FAILED_TIME;
	default:
		return HTTP_FAILED_OTHER;
	}
}

/* libcurl speaks of localhost and a port, whatever it connects to. */
static const char *
socket_error(const struct http *h)
{
	long error = 0;

	(void)curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &error);
	return error ? strerror((int)error) : "no connection";
}

static const char *
error_text(const struct http *h, CURLcode code, const struct buf *answer)
{
	if (buf_error(answer))
		return "its response is larger than any may be";
	if (*h->peer.why.text)
		return h->peer.why.text;
	if (h->peer.path && code == CURLE_COULDNT_CONNECT)
		return socket_error(h);
	return h->error[0] ? h->error : curl_easy_strerror(code);
}

static int
call_once(struct http *h, const char *url, const struct http_request *q, struct buf *answer,
    struct http_head *head, struct why *why)
{
	CURLcode code = CURLE_OK;
	long status = 0;
	const char *error;

	buf_reset(answer);
	*head = (struct http_head){ .date_s = -1 };
	h->error[0] = 0;
	h->peer.why.text[0] = '\0';
	SET(CURLOPT_URL, url);
	SET(CURLOPT_WRITEDATA, answer);
	SET(CURLOPT_HEADERDATA, head);
	if (code == CURLE_OK)
		code = set_body(h, q);
	if (code == CURLE_OK)
		code = curl_easy_perform(h->easy);
	if (code == CURLE_OK) {
		(void)curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
		return (int)status;
	}
	head->failure = failure_of(code);
	error = error_text(h, code, answer);
	why_set(why, "%s%s", error, tls_help(error));
	return -EIO;
}

/* As long as the answer says, a second at least. false: that is too long. */
static bool
pause_as_told(struct http *h)
{
	curl_off_t pause_s = 0;
	int64_t until_ms, left_ms;

	(void)curl_easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &pause_s);
	if (pause_s > LONGEST_PAUSE_S)
		return false;
	if (pause_s < 1)
		pause_s = 1;
	if (h->on_pause)
		h->on_pause(h->arg, (int)pause_s);
	until_ms = clock_boot_ms() + pause_s * 1000;
	while ((left_ms = until_ms - clock_boot_ms()) > 0)
		(void)poll(NULL, 0, (int)left_ms + 1);
	return true;
}

static int
call(struct http *h, const struct http_request *q, struct buf *answer, struct http_head *head,
    struct why *why)
{
	CLEANUP(buf_fini) struct buf url = BUF_INIT(CALL_URL_SIZE);
	int status = -EIO;

	buf_adds(&url, h->base);
	buf_adds(&url, q->path);
	if (buf_error(&url)) {
		why_set(why, "the URL is too long");
		return -EIO;
	}
	for (int i = 0; i < TRIES_WHEN_BUSY; i++) {
		status = call_once(h, buf_str(&url), q, answer, head, why);
		if (status != 429 || h->never_pause || i == TRIES_WHEN_BUSY - 1 ||
		    !pause_as_told(h))
			break;
	}
	return status;
}

int
http_send(struct http *h, const struct http_request *q, struct buf *answer, struct http_head *head,
    struct why *why)
{
	CLEANUP(buf_fini) struct buf line = BUF_INIT(256);
	struct curl_slist match = { .next = h->headers };
	int status;

	if (!q->if_match)
		return call(h, q, answer, head, why);
	buf_addf(&line, "If-Match: %s", q->if_match);
	match.data = line.data;
	if (buf_error(&line) || curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, &match) != CURLE_OK) {
		why_set(why, "out of memory");
		return -EIO;
	}
	status = call(h, q, answer, head, why);
	(void)curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers);
	return status;
}

int
http_call(
    struct http *h, const char *path, const struct buf *body, struct buf *answer, struct why *why)
{
	struct http_head head;
	struct http_request q = { .method = body ? "POST" : "GET", .path = path, .body = body };

	return call(h, &q, answer, &head, why);
}
