/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/why.h"
#include "tests/unit/store_places.h"

#define PATIENCE_MS 10000

static const struct store_actor nobody;
static const uint8_t kek[SEAL_KEY_SIZE] = { 7 };

void
api_token(
    struct api_fixture *f, enum scope scope, const struct id *id, enum role role, struct buf *out)
{
	struct token_request q = {
		.name = SPAN_LITERAL("test"), .scope = scope, .scope_id = *id, .role = role
	};
	struct id token;

	assert_int_equal(token_issue(f->a, &q, clock_wall_ms(), &nobody, &token, out), 0);
}

static void
make_places(struct api_fixture *f)
{
	static const struct id none = { "" };
	const struct store_entity_set project = { .name = SPAN_LITERAL("pro"),
		.deployment = &f->dep[0] };

	f->org = test_place(f->s, SCOPE_ORGANIZATION, &none, "org");
	f->ws = test_place(f->s, SCOPE_WORKSPACE, &f->org, "ws");
	f->dep[0] = test_place(f->s, SCOPE_DEPLOYMENT, &f->ws, "one");
	f->dep[1] = test_place(f->s, SCOPE_DEPLOYMENT, &f->ws, "two");
	assert_int_equal(
	    store_entity_create(f->s, SCOPE_PROJECT, &f->ws, &project, &nobody, &f->project), 0);
	assert_int_equal(store_organization_set_secrets(f->s, &f->org, true, &nobody), 0);
}

int
api_set_up(void **state)
{
	struct api_fixture *f = mem_zalloc(sizeof *f);
	struct http_options o = { .max_connections = 64 };
	struct http_handler handler;
	struct why why, store_why;

	assert_non_null(f);
	test_dir_make(f->dir, "test_api");
	f->keys = keys_from_bytes(kek);
	assert_int_equal(store_create(&f->s, f->dir, f->keys, &store_why), 0);
	assert_int_equal(token_authority_new(&f->a, f->s), 0);
	make_places(f);
	buf_init(&f->owner, 4096);
	api_token(f, SCOPE_ORGANIZATION, &f->org, ROLE_OWNER, &f->owner);
	f->base = event_base_new();
	assert_non_null(f->base);
	assert_int_equal(api_new(&f->api, f->base, f->s, f->a), 0);
	handler = api_handler(f->api);
	assert_int_equal(http_server_new(&f->http, f->base, &o, &handler), 0);
	assert_int_equal(http_server_listen(f->http, "127.0.0.1:0", &why), 0);
	*state = f;
	return 0;
}

int
api_tear_down(void **state)
{
	struct api_fixture *f = *state;

	http_server_free(f->http);
	api_free(f->api);
	event_base_free(f->base);
	token_authority_free(f->a);
	store_close(f->s);
	keys_free(f->keys);
	buf_fini(&f->owner);
	test_dir_remove(f->dir);
	mem_free(f);
	return 0;
}

static int
dial(struct api_fixture *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)http_server_port(f->http)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

/* The buffers here do not use base/mem, because a test may make that fail. */
static char request[4 << 20], response[8 << 20];

/* Appends text to the request, and replaces $o and so on by ids. */
static size_t
write_text(struct api_fixture *f, size_t at, const char *text)
{
	const struct id *const ids[256] = { ['o'] = &f->org,
		['w'] = &f->ws,
		['d'] = &f->dep[0],
		['e'] = &f->dep[1],
		['p'] = &f->project };

	for (; *text; text++) {
		const struct id *id = *text == '$' ? ids[(unsigned char)text[1]] : NULL;

		assert_true(at + ID_LENGTH + 1 < sizeof request);
		if (id) {
			memcpy(request + at, id->s, ID_LENGTH);
			at += ID_LENGTH;
			text++;
		} else {
			request[at++] = *text;
		}
	}
	return at;
}

static size_t
write_request(
    struct api_fixture *f, const char *method, const char *path, const struct api_ask *ask)
{
	char length[64];
	size_t n = write_text(f, 0, ask->body ? ask->body : "");

	(void)snprintf(length, sizeof length, "Content-Length: %zu\r\n", n);
	n = write_text(f, 0, method);
	n = write_text(f, n, " ");
	n = write_text(f, n, path);
	n = write_text(f, n, " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n");
	if (!ask->token || *ask->token) {
		n = write_text(f, n, "Authorization: Bearer ");
		n = write_text(f, n, ask->token ? ask->token : buf_str(&f->owner));
		n = write_text(f, n, "\r\n");
	}
	n = write_text(f, n, ask->fields ? ask->fields : "");
	n = write_text(f, n, ask->body ? length : "");
	n = write_text(f, n, "\r\n");
	return write_text(f, n, ask->body ? ask->body : "");
}

static void
turn(struct api_fixture *f)
{
	/* ONCE, too: without memory to read into, libevent would loop. */
	assert_true(event_base_loop(f->base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
}

static void
send_request(struct api_fixture *f, int fd, size_t n)
{
	for (size_t sent = 0; sent < n;) {
		ssize_t r = send(fd, request + sent, n - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (r < 0 && errno != EAGAIN)
			return; /* refused after its head: there may be a response */
		sent += r > 0 ? (size_t)r : 0;
		if (sent < n)
			turn(f);
	}
}

/* Reads until the server closes the connection. Returns the length. */
static size_t
receive(struct api_fixture *f, int fd)
{
	int64_t deadline = clock_boot_ms() + (f->give_up_ms ? f->give_up_ms : PATIENCE_MS);
	size_t n = 0;

	for (;;) {
		ssize_t r = recv(fd, response + n, sizeof response - 1 - n, MSG_DONTWAIT);

		if (r == 0 || (r < 0 && errno != EAGAIN))
			break;
		n += r > 0 ? (size_t)r : 0;
		assert_true(n < sizeof response - 1);
		if (clock_boot_ms() >= deadline) {
			assert_true(f->give_up_ms);
			break;
		}
		turn(f);
	}
	response[n] = '\0';
	return n;
}

/* Joins the chunks of a body in place. */
static void
join_chunks(char *body)
{
	char *to = body, *at = body;
	size_t n;

	while ((n = strtoul(at, &at, 16)) > 0) {
		at += 2;
		memmove(to, at, n);
		to += n;
		at += n + 2;
	}
	*to = '\0';
}

int
api_begin(struct api_fixture *f, const char *method, const char *path, const struct api_ask *ask)
{
	int fd = dial(f);

	send_request(f, fd, write_request(f, method, path, ask));
	return fd;
}

void
api_turns(struct api_fixture *f, int n)
{
	while (n-- > 0)
		turn(f);
}

int
api_end(struct api_fixture *f, int fd)
{
	char *end;

	f->status = 0;
	f->head = f->body = "";
	end = receive(f, fd) ? strstr(response, "\r\n\r\n") : NULL;
	close(fd);
	if (!end)
		return 0;
	end[2] = '\0';
	f->head = response;
	f->body = end + 4;
	if (strstr(f->head, "Transfer-Encoding: chunked"))
		join_chunks(end + 4);
	f->status = atoi(response + sizeof "HTTP/1.1");
	return f->status;
}

int
api_call(struct api_fixture *f, const char *method, const char *path, const struct api_ask *ask)
{
	return api_end(f, api_begin(f, method, path, ask));
}

void
api_string(struct api_fixture *f, const char *name, char *out, size_t size)
{
	char member[64];
	const char *at;

	(void)snprintf(member, sizeof member, "\"%s\":\"", name);
	at = strstr(f->body, member);
	out[0] = '\0';
	if (at) {
		at += strlen(member);
		(void)snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
	}
}

const char *
api_field(struct api_fixture *f, const char *name)
{
	static char value[2048];
	const char *at = strstr(f->head, name);

	value[0] = '\0';
	if (at) {
		at += strlen(name) + 1;
		(void)snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
	}
	return value;
}

void
api_without_memory(struct api_fixture *f, const struct api_row *row, size_t n_rows)
{
	f->give_up_ms = 300; /* a connection without memory may be left without a response */
	for (size_t i = 0; i < n_rows; i++) {
		int served = 0; /* times in a row */

		for (int64_t n = 0; served < 5; n += 1 + n / 16) {
			assert_true(n < 5000);
			mem_fail_after(n);
			(void)api_call(f, row[i].method, row[i].path,
			    &(struct api_ask){ .fields = row[i].fields, .body = row[i].body });
			mem_fail_after(-1);
			served = f->status == 200 ? served + 1 : 0;
			if (f->status && f->status != 200 && f->status < 500)
				fail_msg(
				    "row %zu, allocation %d: %d %s", i, (int)n, f->status, f->body);
		}
	}
}
