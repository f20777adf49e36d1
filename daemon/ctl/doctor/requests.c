/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/doctor/requests.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/socket_peer.h"
#include "base/bearer.h"

#define REQUEST_MS   2500
#define ANSWER_BYTES ((size_t)1024 * 1024)
#define PATH_BYTES   2048

static int
open_http(struct requests *r, const struct config *c, const char *token)
{
	struct socket_owners owners;
	struct http_options o = {
		.url = r->url,
		.token = token,
		.ca_file = c->manager.ca_file,
		.client_cert = c->manager.client_cert,
		.client_key = c->manager.client_key,
		.pin = c->manager.pin,
		.proxy = c->manager.proxy,
		.insecure_http = c->manager.insecure_http,
		.timeout_ms =
		    c->manager.timeout_ms < REQUEST_MS ? c->manager.timeout_ms : REQUEST_MS,
		.never_pause = true,
	};

	if (strncmp(r->url, "unix:", strlen("unix:")) == 0) {
		socket_owners_find(
		    &owners, c->manager.socket_user.item, c->manager.socket_user.n, NULL);
		o.owners = &owners;
		o.socket_path = r->url + strlen("unix:");
		o.url = "http://localhost";
	}
	return http_new(&r->http, &o, &r->why);
}

int
requests_open(struct requests *r, const struct doctor *d, const char *url)
{
	CLEANUP(buf_fini) struct buf token = BUF_INIT(LIMIT_TOKEN);

	*r = (struct requests){
		.url = url, .answer = BUF_INIT(ANSWER_BYTES), .why = { "out of memory" }
	};
	if (bearer_read(d->facts->token_path, &token, &r->why) < 0)
		return -EIO;
	return open_http(r, d->config, buf_str(&token));
}

void
requests_close(struct requests *r)
{
	r->http = http_free(r->http);
	buf_fini(&r->answer);
}

int
requests_get(struct requests *r, const struct doctor *d, const char *fmt, ...)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(PATH_BYTES);
	struct http_request q = { .method = "GET" };
	char rest[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(rest, sizeof rest, fmt, args);
	va_end(args);
	buf_addf(&path, "/v1/organizations/%s%s", d->facts->organization, rest);
	q.path = buf_str(&path);
	return http_send(r->http, &q, &r->answer, &r->head, &r->why);
}
