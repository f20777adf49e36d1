/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/names.h"

#include <errno.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json/scan.h"
#include "base/mem.h"
#include "edge/upstream/list_url.h"
#include "edge/upstream/payload.h"
#include "edge/upstream/token.h"

#define EVERY_MS       3600000
#define MAX_URL        2048
#define MAX_BODY_BYTES ((size_t)64 * 1024) /* small enough to be read in the loop */
#define MAX_NAME_BYTES 256

struct names {
	struct sync_source source;
	struct fetch *fetch;
	enum place asked; /* by fetch, or last */
	const char *url;  /* while a round is under way: the source's own text */
	int64_t next_ms;  /* no round begins before */
	struct buf name[N_PLACES];
};

static void send_next(struct names *n);

/* --- the response ------------------------------------------------------------------------- */

/* A name is kept until another comes. */
static void
read_name(struct names *n, struct span text)
{
	struct buf name = BUF_INIT(MAX_NAME_BYTES);
	struct span object, value;

	if (scan_check(text, SCAN_STRICT, &object, NULL) == 0 && scan_type(object) == SCAN_OBJECT &&
	    scan_find(object, "name", &value) == 0 && value.p && scan_type(value) == SCAN_STRING &&
	    scan_string(value, &name) == 0 && name.len > 0) {
		buf_fini(&n->name[n->asked]);
		n->name[n->asked] = name;
		return;
	}
	buf_fini(&name);
}

static void
on_fetched(void *env, const struct fetch_result *f)
{
	struct buf text = BUF_INIT(MAX_BODY_BYTES);
	struct names *n = env;

	n->fetch = NULL;
	if (f->end == FETCH_ANSWERED && f->status == 200 && payload_unpack(f->body, &text) == 0)
		read_name(n, span_of_buf(&text));
	buf_fini(&text);
	if (f->end == FETCH_ANSWERED)
		send_next(n);
}

/* --- the requests ------------------------------------------------------------------------- */

static int
send_request(struct names *n, struct span token)
{
	struct buf address = BUF_INIT(MAX_URL);
	struct fetch_request q = {
		.socket_path = list_socket(n->url),
		.token = token,
		.max_body = MAX_BODY_BYTES,
	};
	int r;

	place_url(&address, n->source.config, n->url, n->asked);
	q.url = buf_str(&address);
	r = buf_error(&address);
	if (r == 0)
		r = upstream_fetch(n->source.upstream, &q, on_fetched, n, &n->fetch);
	buf_fini(&address);
	return r;
}

/* Asks for n->asked. Whatever fails is tried with the next round. */
static void
send_now(struct names *n)
{
	struct token token = { 0 };
	struct why why;

	if (token_load(&token, n->source.token_path, n->source.config->memory.lock, &why) == 0)
		(void)send_request(n, token.text);
	token_free(&token);
}

static void
send_next(struct names *n)
{
	if (n->asked != PLACE_ORGANIZATION)
		return;
	n->asked = n->source.config->manager.deployment ? PLACE_DEPLOYMENT : PLACE_WORKSPACE;
	send_now(n);
}

void
names_ask(struct names *n, const char *url, int64_t now_ms)
{
	if (n->fetch || now_ms < n->next_ms)
		return;
	n->next_ms = now_ms + EVERY_MS;
	n->url = url;
	n->asked = PLACE_ORGANIZATION;
	send_now(n);
}

/* --- beginning and end -------------------------------------------------------------------- */

int
names_new(struct names **out, const struct sync_source *source)
{
	struct names *n = mem_zalloc(sizeof *n);

	if (!n)
		return -ENOMEM;
	n->source = *source;
	for (size_t i = 0; i < N_PLACES; i++)
		buf_init(&n->name[i], MAX_NAME_BYTES);
	*out = n;
	return 0;
}

void
names_use(struct names *n, const struct sync_source *source)
{
	upstream_cancel(n->fetch);
	n->fetch = NULL;
	n->source = *source;
}

static const char *
known(const struct names *n, enum place place)
{
	return n->name[place].len ? buf_str(&n->name[place]) : NULL;
}

const char *
names_organization(const struct names *n)
{
	return known(n, PLACE_ORGANIZATION);
}

const char *
names_deployment(const struct names *n)
{
	return known(n, PLACE_DEPLOYMENT);
}

const char *
names_workspace(const struct names *n)
{
	return known(n, PLACE_WORKSPACE);
}

struct names *
names_free(struct names *n)
{
	if (!n)
		return NULL;
	upstream_cancel(n->fetch);
	for (size_t i = 0; i < N_PLACES; i++)
		buf_fini(&n->name[i]);
	mem_free(n);
	return NULL;
}
