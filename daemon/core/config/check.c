/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/config_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/minmax.h"
#include "core/config/value.h"

static int
line_of(const struct reading *rd, const char *section, const char *key)
{
	return rd->at[option_find(section, key) - options];
}

/* An error about one option, wherever it was set. */
#define REFUSE(rd, section, key, ...)                                                              \
	refuse((rd), line_of((rd), (section), (key)), option_find((section), (key)), __VA_ARGS__)

static void
note_loopback(struct reading *rd, const char *url)
{
	note_oddity(rd,
	    "[manager] url = %.128s: plain http on this machine: a program that takes this port "
	    "while the manager is down gets the token and decides what Airflow is given; use url = "
	    "unix:PATH (connd-manager --listen unix:PATH), or https with pin",
	    url);
}

static int
check_urls(struct reading *rd)
{
	struct config_list *url = &rd->c->manager.url;

	if (url->n == 0)
		return REFUSE(rd, "manager", "url", "[manager] url is missing");
	for (size_t i = 0; i < url->n; i++) {
		char good[URL_SIZE], *copy;
		enum value_transport transport = TRANSPORT_TLS;
		const char *wrong = value_url(url->item[i], good, &transport);

		if (wrong && strchr(url->item[i], '@')) /* holds a password; never log it */
			return REFUSE(rd, "manager", "url", "url: %s", wrong);
		if (wrong)
			return REFUSE(
			    rd, "manager", "url", "url \"%.128s\": %s", url->item[i], wrong);
		if (transport == TRANSPORT_PLAIN && !rd->c->manager.insecure_http)
			return REFUSE(rd, "manager", "url",
			    "url \"%.128s\": plain http sends the token and every secret in the "
			    "clear; use https, or set insecure_http = yes",
			    url->item[i]);
		if (transport == TRANSPORT_LOOPBACK)
			note_loopback(rd, good);
		copy = mem_strdup(good);
		if (!copy)
			return no_memory(rd);
		mem_free(url->item[i]);
		url->item[i] = copy;
	}
	return 0;
}

static int
check_manager(struct reading *rd)
{
	const struct config *c = rd->c;

	if (!c->manager.organization)
		return REFUSE(rd, "manager", "organization", "[manager] organization is missing");
	if (!c->manager.deployment && !c->manager.workspace)
		return REFUSE(
		    rd, "manager", "deployment", "[manager] deployment (or workspace) is missing");
	if (c->manager.deployment && c->manager.workspace)
		return REFUSE(rd, "manager", "workspace",
		    "[manager] deployment and workspace are both set; only one of them may be: it "
		    "decides what is replicated");
	if (!c->manager.client_cert != !c->manager.client_key)
		return REFUSE(rd, "manager", c->manager.client_cert ? "client_cert" : "client_key",
		    "[manager] client_cert and client_key must be set together");
	return check_urls(rd);
}

/* Of two options that contradict each other, the one that was set: its line can be named. */
static const char *
set_one(const struct reading *rd, const char *section, const char *key, const char *other)
{
	return line_of(rd, section, key) ? key : other;
}

/* Moves the windows that are not set, so that those that are set keep their order. */
static void
fit_windows(const struct reading *rd, struct windows *w)
{
	bool ttl = line_of(rd, "freshness", "ttl"), stale = line_of(rd, "freshness", "stale");

	if (!line_of(rd, "freshness", "max_stale"))
		w->max_stale_ms =
		    max_i64(w->max_stale_ms, max_i64(ttl ? w->ttl_ms : 0, stale ? w->stale_ms : 0));
	if (!stale)
		w->stale_ms = min_i64(max_i64(w->stale_ms, ttl ? w->ttl_ms : 0), w->max_stale_ms);
	if (!ttl)
		w->ttl_ms = min_i64(w->ttl_ms, w->stale_ms);
}

static int
check_freshness(struct reading *rd)
{
	struct windows *w = &rd->c->freshness.windows;

	fit_windows(rd, w);
	if (w->ttl_ms > w->stale_ms)
		return REFUSE(rd, "freshness", set_one(rd, "freshness", "ttl", "stale"),
		    "ttl <= stale <= max_stale must hold, but ttl is %" PRId64
		    " ms and stale %" PRId64 " ms",
		    w->ttl_ms, w->stale_ms);
	if (w->stale_ms > w->max_stale_ms)
		return REFUSE(rd, "freshness", set_one(rd, "freshness", "max_stale", "stale"),
		    "ttl <= stale <= max_stale must hold, but stale is %" PRId64
		    " ms and max_stale %" PRId64 " ms",
		    w->stale_ms, w->max_stale_ms);
	if (w->max_stale_unauthorized_ms > w->max_stale_ms)
		w->max_stale_unauthorized_ms = w->max_stale_ms;
	if (w->ttl_ms < 2 * rd->c->manager.refresh_ms)
		note_oddity(rd,
		    "%.100s: ttl is below twice refresh: one late refresh makes every response "
		    "stale",
		    rd->name);
	return 0;
}

static int
check_metrics(struct reading *rd)
{
	const struct config_list *listen = &rd->c->metrics.listen;
	bool loopback;

	if (listen->n == 0)
		return 0;
	for (size_t i = 0; i < listen->n; i++)
		if (!value_listen(listen->item[i], &loopback))
			return REFUSE(rd, "metrics", "listen",
			    "listen \"%.80s\" is not ADDR:PORT, like 127.0.0.1:9464",
			    listen->item[i]);
	if (listen->n > 2 || (listen->n == 2 && strcmp(listen->item[0], listen->item[1]) != 0))
		return REFUSE(rd, "metrics", "listen", "listen takes one ADDR:PORT");
	if (!loopback && listen->n == 1)
		return REFUSE(rd, "metrics", "listen",
		    "listen \"%.80s\" is open to other machines, and the listener asks for no "
		    "password; if that is meant, say it twice: listen = %.80s %.80s",
		    listen->item[0], listen->item[0], listen->item[0]);
	return 0;
}

static int
check_socket(struct reading *rd)
{
	struct config *c = rd->c;
	const char *wrong = NULL;
	int64_t gid;

	c->socket.path_set = line_of(rd, "socket", "path") != 0;
	c->socket.mode_set = line_of(rd, "socket", "mode") != 0;
	if (!c->socket.path)
		return REFUSE(rd, "socket", "path", "[socket] path is empty");
	if (strlen(c->socket.path) > LIMIT_SOCKET_PATH)
		return REFUSE(rd, "socket", "path",
		    "path is too long for a socket: %d bytes at most", LIMIT_SOCKET_PATH);
	if (c->socket.group)
		wrong = value_group(c->socket.group, &gid);
	if (wrong)
		return REFUSE(rd, "socket", "group", "group \"%.64s\": %s", c->socket.group, wrong);
	return 0;
}

/* The file up to its last "/". */
static size_t
directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

static int
check_snapshot(struct reading *rd)
{
	const char *path = rd->c->snapshot.path, *key = rd->c->snapshot.key_file;
	size_t n;

	if (!path || !key)
		return 0;
	n = directory_length(path);
	if (n == directory_length(key) && memcmp(path, key, n) == 0)
		return REFUSE(rd, "snapshot", "key_file",
		    "key_file lies in the directory of the snapshot: a copy of the directory would "
		    "open itself; keep the key elsewhere");
	return 0;
}

int
config_check(struct reading *rd)
{
	int r = check_manager(rd);

	if (r == 0)
		r = check_freshness(rd);
	if (r == 0)
		r = check_metrics(rd);
	if (r == 0)
		r = check_socket(rd);
	if (r == 0)
		r = check_snapshot(rd);
	if (r == 0 && rd->c->access.present && rd->c->access.n_rules == rd->c->access.n_admins)
		note_oddity(rd,
		    "%.100s: [access] holds no allow or deny rule: every client that may open the "
		    "socket may read everything",
		    rd->name);
	return r;
}
