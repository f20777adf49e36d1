/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/probe.h"

#include <errno.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "edge/upstream/list_url.h"
#include "edge/upstream/page_builder.h"
#include "edge/upstream/token_file.h"
#include "proto/page.h"

#define MAX_URL (2048 + 3 * LIMIT_KEY_BYTES)

struct probing {
	struct loop *loop;
	struct sync_source source;
	void (*done)(void *env, bool found, int64_t retry_after_ms);
	void *env;
	struct fetch *fetch;
	struct later job;
	enum record_kind kind;
	struct buf key;
	bool found;
	int64_t retry_after_ms;
};

static void
on_over(struct later *job)
{
	struct probing *p = (struct probing *)((char *)job - offsetof(struct probing, job));

	p->done(p->env, p->found, p->retry_after_ms);
}

static void
finish(struct probing *p, bool found)
{
	p->found = found;
	loop_after_turn(p->loop, &p->job);
}

/* Servers that do not know the filter send what they have: only the very key counts. */
static int
on_row(void *arg, const struct manager_row *row)
{
	struct probing *p = arg;

	if (span_equal(row->key, span_of_buf(&p->key)))
		p->found = true;
	return 0;
}

static void
on_fetched(void *env, const struct fetch_result *f)
{
	struct probing *p = env;
	const char *deployment = p->source.config->manager.deployment;
	struct buf scratch = BUF_INIT(LIMIT_PAGE_BYTES);
	char why[MANAGER_WHY_SIZE];
	struct manager_page page;

	p->fetch = NULL;
	p->found = false;
	if (f->end == FETCH_ANSWERED && f->status >= 400)
		p->retry_after_ms = f->retry_after_ms;
	if (f->end == FETCH_ANSWERED && f->status == 200 &&
	    manager_page_read(f->body, build_type_of(p->kind), span_of(deployment), on_row, p,
		&scratch, &page, why) < 0)
		p->found = false;
	buf_fini(&scratch);
	finish(p, p->found);
}

void
probing_start(struct probing *p, const char *url, enum record_kind kind, struct span key)
{
	struct buf token = BUF_INIT(LIMIT_TOKEN), address = BUF_INIT(MAX_URL);
	struct fetch_request q = { .max_body = LIMIT_PAGE_BYTES };
	struct list_query list = { .base = url, .limit = 1, .no_secrets = true };
	char why[FILE_WHY_SIZE];
	int r = credential_read(p->source.token_path, &token, why);

	p->kind = kind;
	p->retry_after_ms = 0;
	buf_reset(&p->key);
	buf_add(&p->key, key.p, key.n);
	list.type = manager_type_name(build_type_of(kind));
	list.key = buf_str(&p->key);
	list_url(&address, p->source.config, &list);
	q.url = buf_str(&address);
	q.token = span_of_buf(&token);
	if (r < 0 || buf_error(&p->key) || buf_error(&address) ||
	    upstream_fetch(p->source.upstream, &q, on_fetched, p, &p->fetch) < 0)
		finish(p, false);
	buf_fini(&token);
	buf_fini(&address);
}

int
probing_new(struct probing **out, struct loop *loop, const struct sync_source *source,
    void (*done)(void *env, bool found, int64_t retry_after_ms), void *env)
{
	struct probing *p = mem_zalloc(sizeof *p);

	if (!p)
		return -ENOMEM;
	p->loop = loop;
	p->source = *source;
	p->done = done;
	p->env = env;
	p->job.run = on_over;
	buf_init(&p->key, LIMIT_KEY_BYTES);
	*out = p;
	return 0;
}

void
probing_use(struct probing *p, const struct sync_source *source)
{
	if (p->fetch) {
		upstream_cancel(p->fetch);
		p->fetch = NULL;
		finish(p, false);
	}
	p->source = *source;
}

struct probing *
probing_free(struct probing *p)
{
	if (!p)
		return NULL;
	upstream_cancel(p->fetch);
	loop_forget(p->loop, &p->job);
	buf_fini(&p->key);
	mem_free(p);
	return NULL;
}
