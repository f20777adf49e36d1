/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/fetch.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <event2/event.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "edge/upstream/libcurl.h"

#define CONNECT_TIMEOUT_MS 3000
#define LOW_SPEED_BYTES    100 /* a second, for LOW_SPEED_S: a server that drips */
#define LOW_SPEED_S        15
#define CONNECTIONS        4
#define CONNECTION_LIFE_S  600 /* then certificates and addresses are looked at again */
#define CONNECTION_IDLE_S  118
#define CA_CACHE_S         300         /* the authorities' file is read again as often */
#define REFUSAL_BYTES      (64 * 1024) /* of a body that is no list */
#define HEADER_SIZE        (LIMIT_TOKEN + 64)

struct upstream {
	struct loop *loop;
	CURLM *multi;
	struct event *timer;
	struct fetch *first; /* all in flight */
	struct later reap;   /* libcurl may not be called from its own callbacks */
	char *ca_file, *client_cert, *client_key, *pin, *proxy;
	int64_t timeout_ms;
	bool retired, reaping;
};

struct fetch {
	struct upstream *u;
	struct fetch *next, **at;
	CURL *easy;
	struct curl_slist *headers; /* all but the next */
	/* The Authorization header. A held request keeps it for a minute: it lives where no core sees it. */
	struct curl_slist authorization;
	struct arena *arena;
	struct buf body;
	bool body_cut; /* we ended it ourselves: enough was read to know */
	char etag[LIMIT_ETAG + 1];
	bool held; /* the server says that it did wait */
	fetch_done *done;
	void *env;
	char error[CURL_ERROR_SIZE];
};

/* One socket libcurl watches, its resolver's and wakeup ones among them. */
struct watch {
	struct event *event;
	struct upstream *u;
};

/* --- the end of a fetch ------------------------------------------------------------------- */

static void
fetch_free(struct fetch *f)
{
	*f->at = f->next;
	if (f->next)
		f->next->at = f->at;
	(void)libcurl.multi_remove_handle(f->u->multi, f->easy);
	libcurl.easy_cleanup(f->easy);
	libcurl.slist_free_all(f->headers);
	arena_free(f->arena);
	buf_fini(&f->body);
	mem_free(f);
}

static void
free_if_left(struct upstream *u)
{
	if (u->retired && !u->first && !u->reaping)
		upstream_free(u);
}

/* The same failure is to read the same each time: no measured times. */
static const char *
reason_of(const struct fetch *f, CURLcode code)
{
	if (!*f->error || strstr(f->error, " ms") || strstr(f->error, "milliseconds"))
		return libcurl.easy_strerror(code);
	return f->error;
}

static void
fetch_finish(struct fetch *f, CURLcode code)
{
	struct fetch_result r = { .end = FETCH_UNREACHABLE };
	curl_off_t retry_after_s = 0;
	char *content_type = NULL;
	long status = 0;

	(void)libcurl.easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)libcurl.easy_getinfo(f->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	(void)libcurl.easy_getinfo(f->easy, CURLINFO_CONTENT_TYPE, &content_type);
	r.status = (int)status;
	r.content_type = content_type;
	r.retry_after_ms = retry_after_s < 86400 ? (int64_t)retry_after_s * 1000 : 86400000;
	r.etag = *f->etag ? f->etag : NULL;
	r.held = f->held;
	r.body = (struct span){ buf_str(&f->body), f->body.len };
	r.bytes = &f->body;
	r.reason = reason_of(f, code);
	if (code == CURLE_OK || (f->body_cut && status != 200)) {
		r.end = FETCH_ANSWERED;
	} else if (f->body_cut || code == CURLE_FILESIZE_EXCEEDED) {
		r.end = FETCH_TOO_BIG;
		r.reason = "the answer is larger than any list may be";
	} else if (code == CURLE_OUT_OF_MEMORY || buf_error(&f->body)) {
		r.end = FETCH_FAILED;
		r.reason = "memory is out";
	}
	f->done(f->env, &r);
}

/* Every fetch ends here, in a turn's end, when libcurl is not on the stack. */
static void
on_reap(struct later *job)
{
	struct upstream *u = (struct upstream *)((char *)job - offsetof(struct upstream, reap));
	CURLMsg *message;
	struct fetch *f;
	CURLcode code;
	int left;

	u->reaping = true;
	while ((message = libcurl.multi_info_read(u->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		code = message->data.result; /* the message dies with the handle */
		f = NULL;
		(void)libcurl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &f);
		fetch_finish(f, code);
		fetch_free(f);
	}
	u->reaping = false;
	free_if_left(u);
}

/* --- libcurl's events --------------------------------------------------------------------- */

/*
 * The resolver's threads begin in here, and may outlive all of us: signals are the loop's, which holds
 * them back at its end.
 */
static void
drive(struct upstream *u, curl_socket_t fd, int mask)
{
	sigset_t all, old;
	int running;
	CURLMcode code;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	code = libcurl.multi_socket_action(u->multi, fd, mask, &running);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	/* Its time-outs still end the fetches; the next ones find it as new. */
	if (code != CURLM_OK)
		log_warn("libcurl", LOG_STR("reason", libcurl.multi_strerror(code)));
	loop_after_turn(u->loop, &u->reap);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	drive(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void
on_socket_ready(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	int mask = 0;

	if (what & EV_READ)
		mask |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		mask |= CURL_CSELECT_OUT;
	drive(w->u, fd, mask);
}

/* libcurl wants to be called back in ms; never from here, we are inside it. */
static int
on_curl_timer(CURLM *multi, long ms, void *arg)
{
	struct upstream *u = arg;
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	(void)multi;
	if (ms < 0)
		return event_del(u->timer);
	return event_add(u->timer, &tv);
}

static void
watch_free(struct watch *w)
{
	if (!w)
		return;
	if (w->event)
		event_free(w->event);
	mem_free(w);
}

static int
on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *watch)
{
	struct upstream *u = arg;
	struct watch *w = watch;
	short events = EV_PERSIST;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		watch_free(w);
		(void)libcurl.multi_assign(u->multi, fd, NULL);
		return 0;
	}
	if (!w) {
		w = mem_zalloc(sizeof *w);
		if (!w)
			return -1;
		w->u = u;
		(void)libcurl.multi_assign(u->multi, fd, w);
	}
	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	if (w->event)
		event_free(w->event);
	w->event = event_new(loop_base(u->loop), fd, events, on_socket_ready, w);
	return w->event && event_add(w->event, NULL) == 0 ? 0 : -1;
}

/* The value of a header line of that name, spaces around it cut off; { NULL, 0 }: another one. */
static struct span
header_value(const char *line, size_t n, const char *name)
{
	size_t name_n = strlen(name);
	struct span v;

	if (n <= name_n || line[name_n] != ':' || strncasecmp(line, name, name_n) != 0)
		return (struct span){ NULL, 0 };
	v = (struct span){ line + name_n + 1, n - name_n - 1 };
	while (v.n > 0 && strchr(" \t", *v.p)) {
		v.p++;
		v.n--;
	}
	while (v.n > 0 && strchr(" \t\r\n", v.p[v.n - 1]))
		v.n--;
	return v;
}

/*
 * One header line of the answer, or of one before it: a proxy's to CONNECT, a 100. A tag that is too
 * long is none.
 */
static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	struct fetch *f = arg;
	struct span v;

	n *= size;
	if (n > 5 && memcmp(line, "HTTP/", 5) == 0) {
		*f->etag = '\0';
		f->held = false;
	}
	v = header_value(line, n, "ETag");
	if (v.n > 0 && v.n <= LIMIT_ETAG && !*f->etag) {
		memcpy(f->etag, v.p, v.n);
		f->etag[v.n] = '\0';
	}
	v = header_value(line, n, "Preference-Applied");
	if (v.n >= 4 && strncasecmp(v.p, "wait", 4) == 0)
		f->held = true;
	return n;
}

/*
 * Counts what comes out of decompression, which libcurl's own cap does not see. Of a refusal the
 * first part is enough: the rest, endless maybe, is not waited for.
 */
static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct fetch *f = arg;
	long status = 0;
	size_t max = f->body.max;

	n *= size;
	(void)libcurl.easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200 && max > REFUSAL_BYTES)
		max = REFUSAL_BYTES;
	if (n > max - f->body.len) {
		buf_add(&f->body, p, max - f->body.len);
		f->body_cut = true;
		return 0;
	}
	buf_add(&f->body, p, n);
	return buf_error(&f->body) ? 0 : n;
}

/* --- the start of a fetch ------------------------------------------------------------------ */

static int
add_header(struct fetch *f, const char *name, struct span value)
{
	struct buf line = BUF_INIT(HEADER_SIZE);
	struct curl_slist *longer = NULL;

	buf_adds(&line, name);
	buf_adds(&line, ": ");
	buf_add(&line, value.p, value.n);
	if (!buf_error(&line))
		longer = libcurl.slist_append(f->headers, buf_str(&line));
	buf_fini(&line);
	if (!longer)
		return -ENOMEM;
	f->headers = longer;
	return 0;
}

/* Puts the token in front of the other headers. 0 or -ENOMEM. */
static int
set_authorization(struct fetch *f, struct span token)
{
	static const char head[] = "Authorization: Bearer ";
	size_t n = sizeof head - 1 + token.n + 1;
	char *line;

	if (n > HEADER_SIZE || arena_new(&f->arena, n, ARENA_LOCK_PREFER) < 0)
		return -ENOMEM;
	line = arena_alloc(f->arena, n, 1);
	if (!line)
		return -ENOMEM;
	memcpy(line, head, sizeof head - 1);
	memcpy(line + sizeof head - 1, token.p, token.n);
	f->authorization = (struct curl_slist){ .data = line, .next = f->headers };
	return 0;
}

static int
set_headers(struct fetch *f, const struct fetch_request *q)
{
	char wait[32];
	int r;

	r = add_header(f, "Accept", SPAN_LITERAL("application/json"));
	if (r == 0 && q->if_none_match)
		r = add_header(f, "If-None-Match", span_of(q->if_none_match));
	(void)snprintf(wait, sizeof wait, "wait=%" PRId64, q->wait_s);
	if (r == 0 && q->wait_s > 0)
		r = add_header(f, "Prefer", span_of(wait));
	return r == 0 ? set_authorization(f, q->token) : r;
}

/* libcurl reads a long, a curl_off_t or a pointer as the option's number says, whatever was passed. */
#define FITS(option, value)                                                                        \
	_Generic((value), int : 0, long                                                            \
		 : (option) / 10000 % 3 == 0, default                                              \
		 : (option) / 10000 % 3 != 0)

/* Remembers the first refusal: one check at the end is enough. */
#define SET(option, value)                                                                         \
	do {                                                                                       \
		_Static_assert(FITS(option, value), "the type of " #option);                       \
		CURLcode set_code = libcurl.easy_setopt(e, option, value);                         \
		if (set_code != CURLE_OK && code == CURLE_OK)                                      \
			code = set_code;                                                           \
	} while (0)

static CURLcode
set_transport(CURL *e, const struct upstream *u)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= LIBCURL_QUICK_EXIT
	/* A resolver thread may outlive the fetch: we do not wait for it. */
	SET(CURLOPT_QUICK_EXIT, 1L);
#endif
	/* Which of the two: the configuration's decision. */
#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
	SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_PROXY, u->proxy ? u->proxy : "");
	SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* no token for a proxy's CONNECT */
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_ACCEPT_ENCODING, "gzip");
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	SET(CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_LIFE_S);
	SET(CURLOPT_MAXAGE_CONN, (long)CONNECTION_IDLE_S);
	return code;
}

static CURLcode
set_tls(CURL *e, const struct upstream *u)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	/* A resumed session would not look at the certificate again; newer versions resume. */
	SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
#if LIBCURL_VERSION_NUM >= 0x075700
	SET(CURLOPT_CA_CACHE_TIMEOUT, (long)CA_CACHE_S);
#endif
	if (u->ca_file) {
		SET(CURLOPT_CAINFO, u->ca_file);
		SET(CURLOPT_CAPATH, NULL); /* these authorities and no others */
	}
	if (u->client_cert) {
		SET(CURLOPT_SSLCERT, u->client_cert);
		SET(CURLOPT_SSLKEY, u->client_key ? u->client_key : u->client_cert);
	}
	if (u->pin)
		SET(CURLOPT_PINNEDPUBLICKEY, u->pin);
	return code;
}

static CURLcode
set_request(CURL *e, struct fetch *f, const struct fetch_request *q)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_URL, q->url);
	SET(CURLOPT_TIMEOUT_MS, (long)(f->u->timeout_ms + q->wait_s * 1000));
	/* A server that holds its answer is silent, not slow. */
	SET(CURLOPT_LOW_SPEED_LIMIT, q->wait_s > 0 ? 0L : (long)LOW_SPEED_BYTES);
	SET(CURLOPT_LOW_SPEED_TIME, q->wait_s > 0 ? 0L : (long)LOW_SPEED_S);
	SET(CURLOPT_USERAGENT, "connd/" CONND_VERSION);
	SET(CURLOPT_HTTPHEADER, &f->authorization);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)q->max_body);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, f);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, f);
	SET(CURLOPT_ERRORBUFFER, f->error);
	SET(CURLOPT_PRIVATE, f);
	return code;
}

/* With the first fetch: libcurl is there by then. */
static int
open_multi(struct upstream *u)
{
	CURLM *m = libcurl.multi_init();

	if (!m)
		return -ENOMEM;
	if (libcurl.multi_setopt(m, CURLMOPT_SOCKETFUNCTION, on_curl_socket) != CURLM_OK ||
	    libcurl.multi_setopt(m, CURLMOPT_SOCKETDATA, u) != CURLM_OK ||
	    libcurl.multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_curl_timer) != CURLM_OK ||
	    libcurl.multi_setopt(m, CURLMOPT_TIMERDATA, u) != CURLM_OK ||
	    libcurl.multi_setopt(m, CURLMOPT_MAX_HOST_CONNECTIONS, (long)CONNECTIONS) != CURLM_OK ||
	    libcurl.multi_setopt(m, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS) != CURLM_OK) {
		(void)libcurl.multi_cleanup(m);
		return -ENOMEM;
	}
	u->multi = m;
	return 0;
}

int
upstream_fetch(struct upstream *u, const struct fetch_request *q, fetch_done *done, void *env,
    struct fetch **out)
{
	struct fetch *f;

	if (!u->multi && open_multi(u) < 0)
		return -ENOMEM;
	f = mem_zalloc(sizeof *f);
	if (!f)
		return -ENOMEM;
	f->u = u;
	f->done = done;
	f->env = env;
	buf_init(&f->body, q->max_body);
	f->easy = libcurl.easy_init();
	f->next = u->first;
	f->at = &u->first;
	if (f->next)
		f->next->at = &f->next;
	u->first = f;
	if (!f->easy || set_headers(f, q) < 0 || set_transport(f->easy, u) != CURLE_OK ||
	    set_tls(f->easy, u) != CURLE_OK || set_request(f->easy, f, q) != CURLE_OK ||
	    libcurl.multi_add_handle(u->multi, f->easy) != CURLM_OK) {
		fetch_free(f);
		return -ENOMEM;
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
	u = f->u;
	fetch_free(f);
	free_if_left(u);
}

void
upstream_retire(struct upstream *u)
{
	u->retired = true;
	free_if_left(u);
}

/* --- birth and end -------------------------------------------------------------------------- */

static int
copy(char **to, const char *from)
{
	*to = from ? mem_strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

int
upstream_new(struct upstream **out, struct loop *loop, const struct upstream_options *o)
{
	struct upstream *u = mem_zalloc(sizeof *u);

	if (!u)
		return -ENOMEM;
	u->loop = loop;
	u->timeout_ms = o->timeout_ms;
	u->reap.run = on_reap;
	if (copy(&u->ca_file, o->ca_file) < 0 || copy(&u->client_cert, o->client_cert) < 0 ||
	    copy(&u->client_key, o->client_key) < 0 || copy(&u->pin, o->pin) < 0 ||
	    copy(&u->proxy, o->proxy) < 0)
		goto fail;
	u->timer = evtimer_new(loop_base(loop), on_timer, u);
	if (!u->timer)
		goto fail;
	*out = u;
	return 0;
fail:
	upstream_free(u);
	return -ENOMEM;
}

struct upstream *
upstream_free(struct upstream *u)
{
	if (!u)
		return NULL;
	loop_forget(u->loop, &u->reap);
	while (u->first)
		fetch_free(u->first);
	/* It still calls on_curl_socket() meanwhile. */
	if (u->multi)
		(void)libcurl.multi_cleanup(u->multi);
	if (u->timer)
		event_free(u->timer);
	mem_free(u->ca_file);
	mem_free(u->client_cert);
	mem_free(u->client_key);
	mem_free(u->pin);
	mem_free(u->proxy);
	mem_free(u);
	return NULL;
}
