/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manager's whole API in process: sends the requests in the input over a socket to a new
 * manager with a few objects. Each must get one response with a documented status and a JSON body;
 * never a
 * 500. Requests without a token are refused, and the token of one Deployment never reads objects of
 * another.
 *
 * An input is a list of requests, separated by 0x1e: a letter for the method (see verb()), one for
 * the token (o: OWNER, m: MEMBER, n: none), the target, and after a line feed the body. `$o` and
 * the like in target and body stand for ids, see expand().
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/json/scan.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/why.h"
#include "manager/api/api.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/check.h"
#include "tests/unit/store_places.h"

#define MAX_REQUESTS 8
#define ROOM         (8 << 20)
#define FOREIGN      "only-for-the-second-deployment"

struct world {
	char dir[TEST_DIR_SIZE];
	struct event_base *base;
	struct keys *keys;
	struct store *store;
	struct token_authority *tokens;
	struct api *api;
	struct http_server *server;
	struct id org, workspace, deployment[2], project, object[3];
	struct id made; /* the id in the last response that had one */
	/* tokens of an OWNER of the organization and of a MEMBER of the first Deployment */
	struct buf token[2];
	struct sockaddr_un address;
	socklen_t address_n;
};

static void
issue(struct world *w, size_t i, enum scope scope, struct id at, enum role role)
{
	static const struct store_actor nobody;
	struct token_request request = { SPAN_LITERAL("t"), scope, at, role, 0 };
	struct id id;

	buf_init(&w->token[i], LIMIT_TOKEN);
	must(token_issue(w->tokens, &request, clock_wall_ms(), &nobody, &id, &w->token[i]) == 0);
}

static void
listen_on(struct world *w)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	w->address.sun_family = AF_UNIX;
	must(fd >= 0);
	/* The kernel chooses an abstract name. */
	must(bind(fd, (struct sockaddr *)&w->address, sizeof w->address.sun_family) == 0);
	w->address_n = sizeof w->address;
	must(getsockname(fd, (struct sockaddr *)&w->address, &w->address_n) == 0);
	must(listen(fd, 8) == 0);
	must(http_server_adopt(w->server, fd) == 0);
}

static void
close_world(struct world *w)
{
	(void)http_server_free(w->server);
	(void)api_free(w->api);
	(void)token_authority_free(w->tokens);
	(void)store_close(w->store);
	(void)keys_free(w->keys);
	event_base_free(w->base);
	buf_fini(&w->token[0]);
	buf_fini(&w->token[1]);
	test_dir_remove(w->dir);
}

static void
open_world(struct world *w)
{
	static const uint8_t key[SEAL_KEY_SIZE] = { 7 };
	static const struct id none = { "" };
	struct http_options options = { 0 };
	struct http_handler handler;
	struct why why;

	*w = (struct world){ 0 };
	test_dir_make(w->dir, "fuzz_api");
	w->base = event_base_new();
	w->keys = keys_from_bytes(key);
	must(w->base && w->keys);
	must(store_create(&w->store, w->dir, w->keys, &why) == 0);
	w->org = test_place(w->store, SCOPE_ORGANIZATION, &none, "o");
	w->workspace = test_place(w->store, SCOPE_WORKSPACE, &w->org, "w");
	w->deployment[0] = test_place(w->store, SCOPE_DEPLOYMENT, &w->workspace, "d");
	w->deployment[1] = test_place(w->store, SCOPE_DEPLOYMENT, &w->workspace, "e");
	w->project = test_place(w->store, SCOPE_PROJECT, &w->workspace, "p");
	must(token_authority_new(&w->tokens, w->store) == 0);
	issue(w, 0, SCOPE_ORGANIZATION, w->org, ROLE_OWNER);
	issue(w, 1, SCOPE_DEPLOYMENT, w->deployment[0], ROLE_MEMBER);
	must(api_new(&w->api, w->base, w->store, w->tokens) == 0);
	handler = api_handler(w->api);
	must(http_server_new(&w->server, w->base, &options, &handler) == 0);
	listen_on(w);
}

/*
 * $o organization, $w Workspace, $d $e Deployments, $p project, $1 $2 $3 objects, $m the last one
 * created.
 */
static void
expand(struct world *w, struct span text, struct buf *out)
{
	const struct {
		char letter;
		const struct id *id;
	} names[] = { { 'o', &w->org }, { 'w', &w->workspace }, { 'd', &w->deployment[0] },
		{ 'e', &w->deployment[1] }, { 'p', &w->project }, { '1', &w->object[0] },
		{ '2', &w->object[1] }, { '3', &w->object[2] }, { 'm', &w->made } };

	for (size_t i = 0; i < text.n; i++) {
		const struct id *id = NULL;

		for (size_t k = 0; text.p[i] == '$' && i + 1 < text.n && k < N_ELEMENTS(names); k++)
			if (names[k].letter == text.p[i + 1])
				id = names[k].id;
		if (id) {
			buf_adds(out, id->s);
			i++;
		} else {
			buf_addc(out, text.p[i]);
		}
	}
}

struct response {
	int status;
	struct span body;
};

static void
exchange(struct world *w, const struct buf *request, struct buf *reply)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	size_t sent = 0;
	ssize_t n;

	must(fd >= 0);
	must(connect(fd, (struct sockaddr *)&w->address, w->address_n) == 0);
	for (;;) {
		if (sent < request->len) {
			n = send(fd, request->data + sent, request->len - sent, MSG_NOSIGNAL);
			if (n > 0)
				sent += (size_t)n;
			else if (errno != EAGAIN)
				/* the manager has closed the connection after a refusal */
				sent = request->len;
		}
		(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
		must(buf_room(reply, 65536) != NULL);
		n = recv(fd, reply->data + reply->len, 65536, 0);
		if (n > 0)
			buf_grown(reply, (size_t)n);
		else if (n == 0 || errno != EAGAIN)
			break;
	}
	(void)close(fd);
	(void)event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static void
unchunk(struct span text, struct buf *out)
{
	while (text.n) {
		char *end;
		size_t size = strtoul(text.p, &end, 16), head = (size_t)(end - text.p) + 2;

		must(head > 2 && text.n >= head + size + 2);
		if (size == 0)
			return;
		buf_add(out, text.p + head, size);
		text.p += head + size + 2;
		text.n -= head + size + 2;
	}
	must(false); /* no last chunk */
}

/* Checks for exactly one response. Returns its body; decoded in out if chunked. head: of a HEAD. */
static struct response
read_response(struct buf *reply, bool head, struct buf *out)
{
	const char *text = buf_str(reply), *end = strstr(text, "\r\n\r\n"), *field;
	struct response r;

	must(end && sscanf(text, "HTTP/1.1 %3d ", &r.status) == 1);
	r.body = (struct span){ end + 4, reply->len - (size_t)(end + 4 - text) };
	field = strstr(text, "\r\nTransfer-Encoding: chunked\r\n");
	if (head) { /* the method of an unreadable request is unknown */
		must(r.body.n == 0 || r.status == 400);
		return r;
	}
	if (field && field < end) {
		unchunk(r.body, out);
		must(buf_error(out) == 0);
		r.body = span_of_buf(out);
	} else {
		field = strstr(text, "\r\nContent-Length: ");
		if (field && field < end)
			must(strtoul(field + 18, NULL, 10) == r.body.n);
		else
			must(r.body.n == 0);
	}
	field = strstr(text, "\r\nContent-Type: application/json\r\n");
	if (field && field < end) {
		struct span doc;

		must(scan_check(r.body, SCAN_STRICT, &doc, NULL) == 0);
	}
	return r;
}

static void
note_id(struct world *w, const struct response *r)
{
	struct span doc, id;

	if (r->status == 200 && scan_check(r->body, SCAN_STRICT, &doc, NULL) == 0 &&
	    scan_type(doc) == SCAN_OBJECT && scan_find(doc, "id", &id) == 0 && id.n > 2)
		(void)id_from((struct span){ id.p + 1, id.n - 2 }, &w->made);
}

static const char *
verb(char letter)
{
	switch (letter) {
	case 'p':
		return "POST";
	case 'd':
		return "DELETE";
	case 'c':
		return "PATCH";
	case 'h':
		return "HEAD";
	case 'u':
		return "PUT";
	}
	return "GET";
}

static int
ask(struct world *w, char method, char who, struct span target, struct span body)
{
	static const int known[] = { 200, 202, 204, 302, 304, 400, 401, 403, 404, 405, 409, 412,
		413, 414, 417, 429, 431, 501, 503, 505 };
	struct buf text = BUF_INIT(ROOM), request = BUF_INIT(ROOM), reply = BUF_INIT(ROOM),
		   whole = BUF_INIT(ROOM);
	struct response r;
	bool is_known = false;

	expand(w, body, &text);
	buf_addf(&request, "%s ", verb(method));
	expand(w, target, &request);
	buf_addf(&request, " HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %zu\r\n",
	    text.len);
	if (who != 'n')
		buf_addf(&request, "Authorization: Bearer %s\r\n", buf_str(&w->token[who == 'm']));
	buf_adds(&request, "\r\n");
	buf_add(&request, text.data, text.len);
	must(buf_error(&request) == 0);
	exchange(w, &request, &reply);
	r = read_response(&reply, method == 'h', &whole);
	for (size_t i = 0; i < N_ELEMENTS(known); i++)
		is_known = is_known || r.status == known[i];
	must(is_known);
	if (who == 'm')
		must(!memmem(r.body.p, r.body.n, FOREIGN, strlen(FOREIGN)));
	if (who == 'n')
		must(!memmem(r.body.p, r.body.n, w->org.s, ID_LENGTH));
	note_id(w, &r);
	buf_fini(&text);
	buf_fini(&request);
	buf_fini(&reply);
	buf_fini(&whole);
	return r.status;
}

static void
fill(struct world *w)
{
	static const char shared[] =
	    "{\"objectKey\":\"a\",\"objectType\":\"CONNECTION\",\"scope\":\"WORKSPACE\","
	    "\"scopeEntityId\":\"$w\",\"connection\":{\"type\":\"postgres\",\"host\":\"h\","
	    "\"password\":\"shared\",\"extra\":{\"a\":1}},\"links\":[{\"scope\":\"DEPLOYMENT\","
	    "\"scopeEntityId\":\"$d\",\"overrides\":{\"connection\":{\"login\":\"l\"}}}]}";
	static const char foreign[] =
	    "{\"objectKey\":\"b\",\"objectType\":\"CONNECTION\",\"scope\":\"DEPLOYMENT\","
	    "\"scopeEntityId\":\"$e\",\"connection\":{\"type\":\"postgres\","
	    "\"host\":\"" FOREIGN "\",\"password\":\"" FOREIGN "\"}}";
	static const char variable[] =
	    "{\"objectKey\":\"c\",\"objectType\":\"AIRFLOW_VARIABLE\",\"scope\":\"DEPLOYMENT\","
	    "\"scopeEntityId\":\"$d\",\"airflowVariable\":{\"value\":\"v\",\"isSecret\":true}}";
	static const char *const bodies[] = { shared, foreign, variable };

	for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
		must(ask(w, 'p', 'o', SPAN_LITERAL("/v1/organizations/$o/environment-objects"),
			 span_of(bodies[i])) == 200);
		w->object[i] = w->made;
	}
}

/* Sends one request: method, token, target LF body. True if it may have changed something. */
static bool
ask_as_given(struct world *w, struct span text)
{
	const char *line = memchr(text.p, '\n', text.n);
	size_t n = line ? (size_t)(line - text.p) : text.n;
	struct span target, body = SPAN_LITERAL("");

	if (n < 3 || memchr(text.p, '\r', n)) /* that would be more than a target */
		return false;
	target = (struct span){ text.p + 2, n - 2 };
	if (line)
		body = (struct span){ line + 1, text.n - n - 1 };
	return ask(w, text.p[0], text.p[1], target, body) < 300 && strchr("pdcu", text.p[0]);
}

/* Sends the requests of one input. True if one may have changed something. */
static bool
ask_all(struct world *w, struct span left)
{
	bool changed = false;

	for (int i = 0; i < MAX_REQUESTS && left.n; i++) {
		const char *end = memchr(left.p, 0x1e, left.n);
		size_t length = end ? (size_t)(end - left.p) : left.n;

		changed |= ask_as_given(w, (struct span){ left.p, length });
		left.p += length + (end != NULL);
		left.n -= length + (end != NULL);
	}
	return changed;
}

/*
 * Starting a manager costs more than the requests, so the next input uses the same one unless it
 * was changed.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct world w;
	static int64_t before = -1;
	static int inputs; /* of this manager; 0: none */

	if (before < 0 && !inputs) {
		must(base_init() == 0);
		http_global_init();
		log_setup(LOG_FORMAT_KV, LOG_ERROR);
	}
	if (!inputs) {
		open_world(&w);
		fill(&w);
	}
	if (ask_all(&w, (struct span){ (const char *)data, n }) || ++inputs == 500) {
		close_world(&w);
		inputs = 0;
		if (before < 0)
			before = mem_live(); /* libraries keep memory from their first use */
		must(mem_live() == before);
	}
	return 0;
}
