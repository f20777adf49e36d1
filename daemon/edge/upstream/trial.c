/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/trial.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"
#include "edge/process/loop.h"
#include "edge/upstream/fetch.h"
#include "edge/upstream/list_url.h"
#include "edge/upstream/page_builder.h"
#include "edge/upstream/refusal.h"
#include "edge/upstream/token.h"
#include "proto/page.h"

#define MAX_URL 2048

struct trial {
	const struct config *config;
	const char *token_path;
	void (*say)(void *env, const char *line);
	void *env;
	struct loop *loop;
	struct upstream *upstream;
	struct token token;
	struct fetch *fetch;
	struct later next;
	size_t url;
	bool withheld;
	int result;
};

static const char *
url_of(const struct trial *t)
{
	return t->config->manager.url.item[t->url];
}

static void PRINTF(2, 3) say(struct trial *t, const char *fmt, ...)
{
	char line[TRIAL_LINE_SIZE];
	int n = snprintf(line, sizeof line, "%.160s: ", url_of(t));
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(line + n, sizeof line - (size_t)n, fmt, args);
	va_end(args);
	t->say(t->env, line);
}

static void
end(struct trial *t, int result)
{
	t->result = result;
	loop_stop(t->loop);
}

/* --- a list ------------------------------------------------------------------------------- */

static int
on_row(void *arg, const struct manager_row *row)
{
	struct trial *t = arg;

	t->withheld = t->withheld || row->verdict == ROW_WITHHELD;
	return 0;
}

static int
read_list(struct trial *t, struct payload *body, struct manager_page *page, struct why *why)
{
	struct buf text = BUF_INIT(LIMIT_PAGE_BYTES), scratch = BUF_INIT(MANAGER_SCRATCH);
	int r = payload_unpack(body, &text);

	why_set(why, "the body is truncated, or not in its Content-Encoding");
	if (r == 0)
		r = manager_page_read(span_of_buf(&text), MANAGER_CONNECTION,
		    span_of(t->config->manager.deployment), on_row, t, &scratch, page, why);
	buf_fini(&scratch);
	buf_fini(&text);
	return r;
}

static void
say_total(struct trial *t, int64_t total)
{
	if (total == 0)
		say(t, "the manager returned no connections");
	else if (total == 1)
		say(t, "the manager returned 1 connection with its secrets");
	else
		say(t, "the manager returned %" PRId64 " connections with their secrets", total);
}

static void
on_list(struct trial *t, const struct fetch_result *f)
{
	struct why why;
	struct manager_page page;

	if (read_list(t, f->body, &page, &why) < 0) {
		say(t, "status 200, but not a list: %s", why.text);
		end(t, -EIO);
	} else if (t->withheld) {
		say(t, "the manager withholds secrets; the token needs the right to read them");
		end(t, -EACCES);
	} else {
		say_total(t, page.total);
		end(t, 0);
	}
}

/* --- anything else ------------------------------------------------------------------------ */

/* Tries the next URL, as a sync would. False if there is none. */
static bool
try_next(struct trial *t)
{
	if (t->url + 1 >= t->config->manager.url.n)
		return false;
	t->url++;
	loop_after_turn(t->loop, &t->next);
	return true;
}

static void
on_other(struct trial *t, const struct fetch_result *f)
{
	bool refused;
	struct refusal refusal;

	if (f->end == FETCH_ANSWERED)
		refusal_read(&refusal, f, t->token_path);
	else
		refusal_of_failure(&refusal, f);
	say(t, "%s", refusal.text);
	refused = refusal.outcome == SYNC_UNAUTHORIZED || refusal.outcome == SYNC_REFUSED;
	if ((f->end == FETCH_UNREACHABLE || f->status >= 500) && try_next(t))
		return;
	end(t, refused ? -EACCES : -EIO);
}

static void
on_fetched(void *env, const struct fetch_result *f)
{
	struct trial *t = env;

	t->fetch = NULL;
	if (f->end == FETCH_ANSWERED && f->status == 200)
		on_list(t, f);
	else
		on_other(t, f);
}

/* --- the request -------------------------------------------------------------------------- */

static void
on_next(struct later *job)
{
	struct trial *t = CONTAINER_OF(job, struct trial, next);
	struct buf url = BUF_INIT(MAX_URL);
	struct list_query list = {
		.base = url_of(t), .type = manager_type_name(MANAGER_CONNECTION), .limit = 1
	};
	struct fetch_request q = {
		.socket_path = list_socket(list.base),
		.token = t->token.text,
		.max_body = LIMIT_PAGE_BYTES,
	};
	int r;

	list_url(&url, t->config, &list);
	q.url = buf_str(&url);
	r = buf_error(&url);
	if (r == 0)
		r = upstream_fetch(t->upstream, &q, on_fetched, t, &t->fetch);
	if (r < 0) {
		say(t, "%s", strerror(-r));
		end(t, r);
	}
	buf_fini(&url);
}

int
trial_run(const struct config *config, const char *token_path,
    void (*say_line)(void *env, const char *line), void *env)
{
	struct trial t = {
		.config = config,
		.token_path = token_path,
		.say = say_line,
		.env = env,
		.next.run = on_next,
		.result = -EIO,
	};
	struct why why = { "" };
	int r = token_load(&t.token, token_path, config->memory.lock, &why);

	if (r < 0)
		say(&t, "not asked: %s", why.text);
	if (r == 0)
		r = loop_new(&t.loop);
	if (r == 0)
		r = upstream_new(&t.upstream, t.loop, config);
	if (r == 0) {
		loop_after_turn(t.loop, &t.next);
		r = loop_run(t.loop);
	}
	t.upstream = upstream_free(t.upstream);
	t.loop = loop_free(t.loop);
	token_free(&t.token);
	return r < 0 ? r : t.result;
}
