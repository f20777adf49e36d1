/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: certification SOCKET
 * Serves org.varlink.certification on connd's own socket, frame and envelope code: what stands here
 * takes the place of edge/socket/serve.c alone. Other implementations' certification clients test
 * it.
 *
 * One client at a time: it calls Start, Test01 to Test11 and End in this order, each with what the
 * response before it held.
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/json/scan.h"
#include "base/json/write.h"
#include "base/log.h"
#include "base/mem.h"
#include "edge/process/loop.h"
#include "edge/socket/listener.h"
#include "edge/socket/peer.h"
#include "edge/socket/service.h"
#include "proto/envelope.h"

#define INTERFACE "org.varlink.certification"
#define CLIENT    "one"
#define REPLIES   10

/* The interface as the certification clients expect it. */
static const char description[] =
    "interface " INTERFACE "\n"
    "type Interface (foo: ?[]?[string](foo, bar, baz), anon: (foo: bool, bar: bool))\n"
    "type MyType (object: object, enum: (one, two, three),\n"
    "  struct: (first: int, second: string), array: []string, dictionary: [string]string,\n"
    "  stringset: [string](), nullable: ?string,\n"
    "  nullable_array_struct: ?[](first: int, second: string), interface: Interface)\n"
    "method Start() -> (client_id: string)\n"
    "method Test01(client_id: string) -> (bool: bool)\n"
    "method Test02(client_id: string, bool: bool) -> (int: int)\n"
    "method Test03(client_id: string, int: int) -> (float: float)\n"
    "method Test04(client_id: string, float: float) -> (string: string)\n"
    "method Test05(client_id: string, string: string)\n"
    "  -> (bool: bool, int: int, float: float, string: string)\n"
    "method Test06(client_id: string, bool: bool, int: int, float: float, string: string)\n"
    "  -> (struct: (bool: bool, int: int, float: float, string: string))\n"
    "method Test07(client_id: string, struct: (bool: bool, int: int, float: float, string: "
    "string))\n"
    "  -> (map: [string]string)\n"
    "method Test08(client_id: string, map: [string]string) -> (set: [string]())\n"
    "method Test09(client_id: string, set: [string]()) -> (mytype: MyType)\n"
    "method Test10(client_id: string, mytype: MyType) -> (string: string)\n"
    "method Test11(client_id: string, last_more_replies: []string) -> ()\n"
    "method End(client_id: string) -> (all_ok: bool)\n"
    "error ClientIdError ()\n"
    "error CertificationError (wants: object, got: object)\n";

#define SCALARS                                                                                    \
	"\"bool\":false,\"int\":2,\"float\":3.141592653589793,\"string\":\"a lot of string\""
#define MAP "\"map\":{\"foo\":\"Foo\",\"bar\":\"Bar\"}"
#define SET "{\"one\":{},\"two\":{},\"three\":{}}"
#define MYTYPE                                                                                     \
	"\"mytype\":{\"object\":{\"method\":\"" INTERFACE ".Test09\",\"parameters\":{" MAP "}},"   \
	"\"enum\":\"two\",\"struct\":{\"first\":1,\"second\":\"2\"},"                              \
	"\"array\":[\"one\",\"two\",\"three\"],\"dictionary\":{\"foo\":\"Foo\",\"bar\":\"Bar\"},"  \
	"\"stringset\":" SET ",\"interface\":{\"foo\":[null,{\"foo\":\"foo\",\"bar\":\"bar\"},"    \
	"null,{\"one\":\"foo\",\"two\":\"bar\"}],\"anon\":{\"foo\":true,\"bar\":false}}}"
#define REPLY(n) "\"Reply number " #n "\""
#define ALL_REPLIES                                                                                \
	REPLY(1)                                                                                   \
	"," REPLY(2) "," REPLY(3) "," REPLY(4) "," REPLY(5) "," REPLY(6) "," REPLY(7) "," REPLY(   \
	    8) "," REPLY(9) "," REPLY(10)

/* parameters: what must come beside the client's id. response: what goes out. */
static const struct step {
	const char *method, *parameters, *response;
	bool more, oneway;
} steps[] = {
	{ "Start", "{}", "{\"client_id\":\"" CLIENT "\"}", false, false },
	{ "Test01", "{}", "{\"bool\":true}", false, false },
	{ "Test02", "{\"bool\":true}", "{\"int\":1}", false, false },
	{ "Test03", "{\"int\":1}", "{\"float\":1.0}", false, false },
	{ "Test04", "{\"float\":1.0}", "{\"string\":\"ping\"}", false, false },
	{ "Test05", "{\"string\":\"ping\"}", "{" SCALARS "}", false, false },
	{ "Test06", "{" SCALARS "}", "{\"struct\":{" SCALARS "}}", false, false },
	{ "Test07", "{\"struct\":{" SCALARS "}}", "{" MAP "}", false, false },
	{ "Test08", "{" MAP "}", "{\"set\":" SET "}", false, false },
	{ "Test09", "{\"set\":" SET "}", "{" MYTYPE "}", false, false },
	{ "Test10", "{" MYTYPE "}", NULL, true, false },
	{ "Test11", "{\"last_more_replies\":[" ALL_REPLIES "]}", NULL, false, true },
	{ "End", "{}", "{\"all_ok\":true}", false, false },
};
static size_t next_step;

/* --- comparing what came with what must come --- */

static bool same(struct span a, struct span b);

/* The members of a, but the client's id and those that are null, are in b. Counts them. */
static bool
members_are_in(struct span a, struct span b, size_t *n)
{
	struct span name, value, other;
	char text[64];

	while (scan_member(&a, &name, &value)) {
		if (scan_type(value) == SCAN_NULL || scan_name_is(name, "client_id"))
			continue;
		(void)snprintf(text, sizeof text, "%.*s", (int)name.n, name.p);
		other = scan_get(b, text);
		if (!other.p || !same(value, other))
			return false;
		++*n;
	}
	return true;
}

static bool
same_elements(struct span a, struct span b)
{
	struct span x, y;

	while (scan_element(&a, &x))
		if (!scan_element(&b, &y) || !same(x, y))
			return false;
	return !scan_element(&b, &y);
}

static bool
same(struct span a, struct span b)
{
	size_t n = 0, m = 0;

	if (scan_type(a) != scan_type(b))
		return false;
	switch (scan_type(a)) {
	case SCAN_OBJECT:
		return members_are_in(a, b, &n) && members_are_in(b, a, &m) && n == m;
	case SCAN_ARRAY:
		return same_elements(a, b);
	case SCAN_NUMBER: /* 1 and 1.0 are one float */
		return fabs(strtod(a.p, NULL) - strtod(b.p, NULL)) < 1e-15;
	case SCAN_NULL:
	case SCAN_BOOL:
	case SCAN_STRING:
		break;
	}
	return span_equal(a, b);
}

/* --- responses --- */

struct replies {
	struct stream base;
	int sent;
};

/* One of the responses of Test10 a turn. */
static bool
replies_fill(struct stream *s, struct buf *out, size_t *budget)
{
	struct replies *r = (struct replies *)s;
	char text[64];

	*budget = 0;
	(void)snprintf(text, sizeof text, "{\"string\":\"Reply number %d\"}", ++r->sent);
	envelope_write_reply(out, span_of(text), r->sent < REPLIES);
	return r->sent == REPLIES;
}

static void
replies_drop(struct stream *s)
{
	mem_free(s);
}

static enum serve_outcome
stream_replies(struct serve_progress *progress)
{
	struct replies *r = mem_zalloc(sizeof *r);

	if (!r)
		return SERVE_CLOSE;
	r->base.fill = replies_fill;
	r->base.drop = replies_drop;
	progress->stream = &r->base;
	return SERVE_STREAMING;
}

static void
refuse(struct buf *out, const char *wants, struct span got)
{
	struct buf text = BUF_INIT(65536);

	buf_addf(&text, "{\"wants\":{\"method\":\"" INTERFACE ".%s\"},\"got\":", wants);
	buf_add(&text, got.p ? got.p : "{}", got.p ? got.n : 2);
	buf_addc(&text, '}');
	envelope_write_error(out, INTERFACE ".CertificationError", span_of_buf(&text));
	buf_fini(&text);
	next_step = 0;
}

static void
serve_service(struct buf *out, const char *method)
{
	struct buf text = BUF_INIT(65536);

	if (strcmp(method, "GetInfo") == 0) {
		buf_adds(&text,
		    "{\"vendor\":\"connd\",\"product\":\"certification\",\"version\":\"1\","
		    "\"url\":\"https://varlink.org\",\"interfaces\":[\"org.varlink.service\","
		    "\"" INTERFACE "\"]}");
	} else {
		buf_addc(&text, '{');
		jtext_member_string(&text, "description", SPAN_LITERAL(description));
		buf_addc(&text, '}');
	}
	envelope_write_reply(out, span_of_buf(&text), false);
	buf_fini(&text);
}

static enum serve_outcome
serve_step(
    const struct call *call, const char *method, struct buf *out, struct serve_progress *progress)
{
	struct span given = call->parameters.p ? call->parameters : SPAN_LITERAL("{}");
	const struct step *s = &steps[next_step];

	if (strcmp(method, "Start") == 0)
		s = &steps[next_step = 0];
	if (strcmp(s->method, method) != 0 || call->more != s->more || call->oneway != s->oneway ||
	    !same(given, span_of(s->parameters))) {
		refuse(out, s->method, call->parameters);
		return SERVE_DONE;
	}
	next_step = (next_step + 1) % N_ELEMENTS(steps);
	if (s->oneway)
		return SERVE_DONE;
	if (s->more)
		return stream_replies(progress);
	envelope_write_reply(out, span_of(s->response), false);
	return SERVE_DONE;
}

/* Takes the place of edge/socket/serve.c's. */
enum serve_outcome
serve_call(struct service *service, struct caller *caller, char *frame, size_t len, struct buf *out,
    struct serve_progress *progress)
{
	static const char service_prefix[] = "org.varlink.service.", prefix[] = INTERFACE ".";
	char method[128];
	struct call call;
	const char *why;

	(void)service;
	(void)caller;
	if (envelope_call((struct span){ frame, len }, &call, &why) < 0)
		return SERVE_CLOSE;
	(void)snprintf(method, sizeof method, "%.*s", (int)call.method.n, call.method.p);
	if (strncmp(method, service_prefix, sizeof service_prefix - 1) == 0) {
		serve_service(out, method + sizeof service_prefix - 1);
		return SERVE_DONE;
	}
	if (strncmp(method, prefix, sizeof prefix - 1) == 0)
		return serve_step(&call, method + sizeof prefix - 1, out, progress);
	envelope_write_error(
	    out, "org.varlink.service.InterfaceNotFound", SPAN_LITERAL("{\"interface\":\"\"}"));
	return SERVE_DONE;
}

static void
on_accept(void *peers, int fd)
{
	peers_accept(peers, fd);
}

static void
on_signal(void *loop)
{
	loop_stop(loop);
}

int
main(int argc, char **argv)
{
	struct peers_limits limits = {
		.max_frame = 65536, .max_buffered = 1 << 20, .max_connections = 64
	};
	static const struct listener_calls calls = { .accepted = on_accept };
	struct config config = { .socket = { .mode = 0600 } };
	struct passed passed = { .socket = -1, .lock = -1 };
	struct service service = { 0 };
	struct listener *listener = NULL;
	struct peers *peers = NULL;
	struct loop *loop = NULL;
	struct why why = { "out of memory" };
	bool started;

	if (argc != 2 || base_init() < 0)
		return 2;
	config.socket.path = argv[1];
	loop_global_init();
	started = loop_new(&loop) == 0 && peers_new(&peers, loop, &service, &limits) == 0 &&
		  listener_new(&listener, loop, &config, &passed, &why) == 0 &&
		  listener_start(listener, &calls, peers) == 0 &&
		  loop_on_signal(loop, SIGTERM, on_signal, loop) == 0;
	if (!started)
		(void)fprintf(stderr, "%s: %s\n", argv[1], why.text);
	else
		started = loop_run(loop) == 0;
	(void)listener_free(listener);
	(void)peers_free(peers);
	(void)loop_free(loop);
	return started && mem_live() == 0 ? 0 : 1;
}
