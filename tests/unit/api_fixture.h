/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manager's API in process: a real store in its own directory, a real server on a loopback
 * port, and a client that sends complete requests. For the tests of the API's handlers.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "manager/api/api.h"
#include "manager/model/policy.h"
#include "tests/unit/check.h"

/* One organization with a Workspace, two Deployments and a project in it. */
struct api_fixture {
	char dir[TEST_DIR_SIZE];
	struct event_base *base;
	struct keys *keys;
	struct store *s;
	struct token_authority *a;
	struct api *api;
	struct http_server *http;
	struct id org, ws, dep[2], project;
	/* A token of an OWNER of the organization, sent by default. */
	struct buf owner;
	/* The client closes a connection that is silent for this long; 0: the test fails. */
	int64_t give_up_ms;
	int status;              /* of the last response */
	const char *head, *body; /* of the response, with a NUL each; head: the field lines */
};

/* For cmocka's setup and teardown. */
int api_set_up(void **state);
int api_tear_down(void **state);

/* Creates a token with this role for a place. Appends its text to out. */
void api_token(
    struct api_fixture *f, enum scope scope, const struct id *id, enum role role, struct buf *out);

/* The differences from a request of the OWNER without a body. */
struct api_ask {
	const char *token;  /* NULL: the owner's; "": none is sent */
	const char *fields; /* more header fields, each ending with CRLF; NULL: none */
	const char *body;   /* NULL: none */
};
/*
 * Makes one request and waits for its response: f->status, f->head, f->body. path and body may have
 * $o, $w, $d, $e, $p for the organization, Workspace, Deployments and project. Returns the status,
 * or 0 when the connection ended without a response.
 */
int api_call(
    struct api_fixture *f, const char *method, const char *path, const struct api_ask *ask);
#define API(f, method, path, ...) api_call((f), (method), (path), &(struct api_ask){ __VA_ARGS__ })

/* The same in two steps: sends the request on a new connection, which is returned; */
int api_begin(
    struct api_fixture *f, const char *method, const char *path, const struct api_ask *ask);
/* waits for its response, and closes the connection. */
int api_end(struct api_fixture *f, int fd);
#define API_BEGIN(f, method, path, ...)                                                            \
	api_begin((f), (method), (path), &(struct api_ask){ __VA_ARGS__ })
/* Runs the loop n times without waiting. */
void api_turns(struct api_fixture *f, int n);

/* Copies the first string member of this name in the last body to out; "" if there is none. */
void api_string(struct api_fixture *f, const char *name, char *out, size_t size);
/* Returns a header field of the last response (name with its colon), or "". */
const char *api_field(struct api_fixture *f, const char *name);

struct api_row {
	const char *method, *path, *body; /* body: NULL for none */
	const char *fields;               /* as in struct api_ask */
};
/*
 * Makes each request with its 1st, 2nd, ... allocation failing until it succeeds: until then it
 * gets a 5xx or no response.
 */
void api_without_memory(struct api_fixture *f, const struct api_row *row, size_t n_rows);
