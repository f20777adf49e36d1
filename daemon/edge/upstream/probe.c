/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/probe.h"

#include <errno.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "edge/upstream/payload.h"
#include "edge/upstream/list_url.h"
#include "edge/upstream/page_builder.h"
#include "edge/upstream/token.h"
#include "proto/page.h"

#define MAX_URL (2048 + 3 * LIMIT_KEY_BYTES)

struct probing {
	struct loop *loop;
	struct worker *worker;
	struct sync_source source;
	void (*done)(void *env, bool found, int64_t retry_after_ms);
	void *env;
	char *deployment; /* or NULL; a copy, because the worker reads it during a reload */

	/* The running probe. */
	struct fetch *fetch;
	struct work work;
	struct later job;
	enum record_kind kind;
	struct buf key;
	struct payload body;
	bool found;
	int64_t retry_after_ms;
};

/* --- in the worker ------------------------------------------------------------------------ */

/* Compares the key: a server that ignores the filter sends other rows, too. */
static int
on_row(void *arg, const struct manager_row *row)
{
	struct probing *p = arg;

	if (span_equal(row->key, span_of_buf(&p->key)))
		p->found = true;
	return 0;
}

static void
run(struct work *w)
{
	struct probing *p = CONTAINER_OF(w, struct probing, work);
	struct buf text = BUF_INIT(LIMIT_PAGE_BYTES), scratch = BUF_INIT(MANAGER_SCRATCH);
	struct why why;
	struct manager_page page;
	int r = payload_unpack(&p->body, &text);

	if (r == 0)
		r = manager_page_read(span_of_buf(&text), build_type_of(p->kind),
		    span_of(p->deployment), on_row, p, &scratch, &page, &why);
	if (r < 0)
		p->found = false;
	buf_fini(&scratch);
	buf_fini(&text);
}

/* --- in the loop -------------------------------------------------------------------------- */

static void
on_read(struct work *w)
{
	struct probing *p = CONTAINER_OF(w, struct probing, work);

	p->done(p->env, p->found, p->retry_after_ms);
}

static void
on_failed(struct later *job)
{
	struct probing *p = CONTAINER_OF(job, struct probing, job);

	p->done(p->env, false, p->retry_after_ms);
}

static void
fail(struct probing *p)
{
	loop_after_turn(p->loop, &p->job);
}

static void
on_fetched(void *env, const struct fetch_result *f)
{
	struct probing *p = env;

	p->fetch = NULL;
	if (f->end == FETCH_ANSWERED && f->status >= 400)
		p->retry_after_ms = f->retry_after_ms;
	if (f->end != FETCH_ANSWERED || f->status != 200) {
		fail(p);
		return;
	}
	payload_move(&p->body, f->body);
	worker_do(p->worker, &p->work);
}

static int
send_request(struct probing *p, const char *url, struct span token)
{
	struct buf address = BUF_INIT(MAX_URL);
	struct list_query list = {
		.base = url,
		.type = manager_type_name(build_type_of(p->kind)),
		.key = buf_str(&p->key),
		.limit = 1,
		.no_secrets = true,
	};
	struct fetch_request q = {
		.socket_path = list_socket(url),
		.token = token,
		.max_body = LIMIT_PAGE_BYTES,
	};
	int r = buf_error(&p->key);

	list_url(&address, p->source.config, &list);
	q.url = buf_str(&address);
	if (r == 0)
		r = buf_error(&address);
	if (r == 0)
		r = upstream_fetch(p->source.upstream, &q, on_fetched, p, &p->fetch);
	buf_fini(&address);
	return r;
}

void
probing_start(struct probing *p, const char *url, enum record_kind kind, struct span key)
{
	struct token token = { 0 };
	struct why why;
	int r = token_load(&token, p->source.token_path, p->source.config->memory.lock, &why);

	p->kind = kind;
	p->found = false;
	p->retry_after_ms = 0;
	buf_reset(&p->key);
	buf_add(&p->key, key.p, key.n);
	if (r == 0)
		r = send_request(p, url, token.text);
	if (r < 0)
		fail(p);
	token_free(&token);
}

/* --- creation and destruction ------------------------------------------------------------- */

int
probing_new(struct probing **out, struct loop *loop, struct worker *worker,
    const struct sync_source *source, void (*done)(void *env, bool found, int64_t retry_after_ms),
    void *env)
{
	const char *deployment = source->config->manager.deployment;
	struct probing *p = mem_zalloc(sizeof *p);

	if (!p)
		return -ENOMEM;
	p->loop = loop;
	p->worker = worker;
	p->source = *source;
	p->done = done;
	p->env = env;
	p->job.run = on_failed;
	p->work.run = run;
	p->work.done = on_read;
	buf_init(&p->key, LIMIT_KEY_BYTES);
	p->deployment = deployment ? mem_strdup(deployment) : NULL;
	if (deployment && !p->deployment) {
		mem_free(p);
		return -ENOMEM;
	}
	*out = p;
	return 0;
}

void
probing_use(struct probing *p, const struct sync_source *source)
{
	if (p->fetch) {
		upstream_cancel(p->fetch);
		p->fetch = NULL;
		fail(p);
	}
	p->source = *source;
}

struct probing *
probing_free(struct probing *p)
{
	if (!p)
		return NULL;
	upstream_cancel(p->fetch);
	worker_forget(p->worker, &p->work);
	loop_forget(p->loop, &p->job);
	payload_fini(&p->body);
	buf_fini(&p->key);
	mem_free(p->deployment);
	mem_free(p);
	return NULL;
}
