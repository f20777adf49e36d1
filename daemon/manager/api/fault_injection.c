/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/fault_injection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/rnd.h"
#include "manager/api/request.h"
#include "manager/api/throttle.h"

#define MILLION      1000000
#define DELAY_MAX_MS (10 * 60 * 1000)

static const char *const routes[] = { "*", "list", "create", "get", "update", "delete", "exclude",
	"history", "restore", "promote" };

static int
bad_order(struct why *why, const char *what, const char *text, size_t n)
{
	why_set(why, "%s: %.*s", what, (int)(n < 60 ? n : 60), text);
	return -EINVAL;
}

static bool
is(const char *text, size_t n, const char *word)
{
	return strlen(word) == n && !memcmp(text, word, n);
}

/* Whole digits that fill the text. */
static bool
read_number(const char *text, size_t n, int64_t most, int64_t *out)
{
	int64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9' || v > most)
			return false;
		v = v * 10 + (text[i] - '0');
	}
	*out = v;
	return n && v <= most;
}

/* "250ms", "2s", "2": seconds. */
static bool
read_delay(const char *text, size_t n, int64_t *out_ms)
{
	char word[32];

	if (n >= sizeof word)
		return false;
	(void)snprintf(word, sizeof word, "%.*s", (int)n, text);
	return duration_read(word, out_ms) == 0 && *out_ms <= DELAY_MAX_MS;
}

/* "0.25", "1", ".5" */
static bool
read_probability(const char *text, uint32_t *out)
{
	char *end;
	double p = strtod(text, &end);

	if (*end || end == text || !(p >= 0 && p <= 1))
		return false;
	*out = (uint32_t)(p * MILLION + 0.5);
	return true;
}

/* Reads a fault that takes no value. */
static const struct plain_kind {
	const char *word;
	struct injection is;
} plain_kinds[] = {
	{ "500", { .kind = INJECT_STATUS, .value = 500 } },
	{ "503", { .kind = INJECT_STATUS, .value = 503 } },
	{ "reset", { .kind = INJECT_SPOIL, .spoil = HTTP_SPOIL_RESET } },
	{ "truncate", { .kind = INJECT_SPOIL, .spoil = HTTP_SPOIL_TRUNCATE } },
	{ "malformed", { .kind = INJECT_SPOIL, .spoil = HTTP_SPOIL_MALFORMED } },
	{ "drip", { .kind = INJECT_SPOIL, .spoil = HTTP_SPOIL_DRIP } },
	{ "withhold", { .kind = INJECT_WITHHOLD } },
};

static int
read_plain_kind(const char *text, size_t n, struct injection *out, struct why *why)
{
	for (size_t i = 0; i < N_ELEMENTS(plain_kinds); i++) {
		const struct plain_kind *k = &plain_kinds[i];

		if (!is(text, n, k->word))
			continue;
		out->kind = k->is.kind;
		out->value = k->is.value;
		out->spoil = k->is.spoil;
		return 0;
	}
	return bad_order(why,
	    "a fault is delay=TIME, 429[=SECONDS], 500, 503, reset, truncate, malformed, drip or "
	    "withhold, not",
	    text, n);
}

static int
read_kind(const char *text, size_t n, struct injection *out, struct why *why)
{
	const char *eq = memchr(text, '=', n);
	size_t word = eq ? (size_t)(eq - text) : n, rest = eq ? n - word - 1 : 0;

	if (is(text, word, "delay")) {
		out->kind = INJECT_DELAY;
		if (!eq || !read_delay(eq + 1, rest, &out->value))
			return bad_order(why, "delay takes a time up to 10 minutes", text, n);
		return 0;
	}
	if (is(text, word, "429")) {
		out->kind = INJECT_STATUS;
		out->value = 429;
		out->after = 1;
		if (eq && !read_number(eq + 1, rest, 86400, &out->after))
			return bad_order(why, "429 takes seconds to come back in", text, n);
		return 0;
	}
	if (eq)
		return bad_order(why, "this takes no value", text, n);
	return read_plain_kind(text, n, out, why);
}

int
injection_read(const char *text, struct injection *out, struct why *why)
{
	const char *colon = strchr(text, ':'), *at = strrchr(text, '@');
	size_t n;

	*out = (struct injection){ .per_million = MILLION };
	if (!colon)
		return bad_order(
		    why, "a fault is ROUTE:KIND[=VALUE][@PROBABILITY], not", text, strlen(text));
	n = (size_t)(colon - text);
	for (size_t i = 0; i < N_ELEMENTS(routes); i++)
		if (is(text, n, routes[i]))
			memcpy(out->route, text, n);
	if (!out->route[0])
		return bad_order(why,
		    "a route is *, list, create, get, update, delete, exclude, history, restore or "
		    "promote, not",
		    text, n);
	if (at && at < colon)
		at = NULL;
	if (at && !read_probability(at + 1, &out->per_million))
		return bad_order(
		    why, "a probability is a number from 0 to 1, not", at + 1, strlen(at + 1));
	n = at ? (size_t)(at - colon - 1) : strlen(colon + 1);
	return read_kind(colon + 1, n, out, why);
}

void
injection_draw(const struct injection *all, size_t n, const char *route,
    uint32_t (*draw)(void *arg), void *arg, struct injected *out)
{
	*out = (struct injected){ 0 };
	for (size_t i = 0; i < n; i++) {
		const struct injection *o = &all[i];

		if (strcmp(o->route, "*") != 0 && (!route || strcmp(o->route, route) != 0))
			continue;
		if (draw(arg) >= o->per_million)
			continue;
		switch (o->kind) {
		case INJECT_DELAY:
			if (!out->delay_ms)
				out->delay_ms = o->value;
			break;
		case INJECT_STATUS:
			if (!out->status) {
				out->status = (int)o->value;
				out->retry_after = o->after;
			}
			break;
		case INJECT_SPOIL:
			if (out->spoil == HTTP_SPOIL_NONE)
				out->spoil = o->spoil;
			break;
		case INJECT_WITHHOLD:
			out->withhold = true;
			break;
		}
	}
}

/* --- before a handler ----------------------------------------------------------------- */

static uint32_t
draw_million(void *arg)
{
	(void)arg;
	return rnd_below(MILLION);
}

static void
refuse_as_ordered(struct request *rq)
{
	if (rq->fault_status == 429)
		respond_too_often(rq->conn, rq->fault_after);
	else
		respond_error(rq->conn, rq->fault_status, "This fault was injected by --fault");
}

void
inject(struct request *rq, void (*serve)(struct request *rq))
{
	const struct api *api = rq->api;
	struct injected what;
	void (*go)(struct request *);

	injection_draw(
	    api->injections, api->n_injections, rq->route_name, draw_million, NULL, &what);
	rq->fault_status = what.status;
	rq->fault_after = what.retry_after;
	rq->withhold = what.withhold;
	http_conn_spoil(rq->conn, what.spoil);
	go = what.status ? refuse_as_ordered : serve;
	if (!what.delay_ms || throttle_delay(api->throttle, rq, what.delay_ms, go) < 0)
		go(rq);
}
