/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of an administrative verb: which manager and organization, with which token, and the
 * requests. Every function that returns an exit code has said what is wrong when it is not CTL_YES.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/cli/cli.h"
#include "ctl/ctl.h"
#include "ctl/http.h"
#include "ctl/json.h"
#include "ctl/token.h"

struct session {
	const struct ctl_options *o;
	const struct cli_line *line;
	struct json *contexts; /* owns the strings below that come from a context */
	const char *url, *ca_file, *workspace /* NULL: none is set */;
	bool insecure_http;
	struct buf token;
	char organization[TOKEN_ID_SIZE];
	struct http *http;
	struct buf answer;
	struct http_head head;    /* of the last response */
	const char *refused_hint; /* what to do when the token is refused; NULL: log in again */
	bool in_workspace;        /* the verb's objects are a Workspace's: no --deployment */
};

/*
 * Settles manager, token and organization: options first, then --context, then ASTRO_API_TOKEN
 * (with ASTRO_DOMAIN), then the current context. Sends nothing but, when the organization is not
 * known otherwise, the list of organizations.
 */
MUST_CHECK int session_open(struct session *s, const struct ctl_options *o);
/* The same, but --token-file may be "-", and a token that is not known is asked for. */
MUST_CHECK int session_open_asking(struct session *s, const struct ctl_options *o);
/* Reads the token of --token-file ("-": standard input), or asks for it on the terminal. */
MUST_CHECK int session_ask_token(struct session *s);
/* Do the options, the environment or a context name a manager? Sends nothing. */
bool session_is_named(const struct ctl_options *o);
/* The same as session_open() with a manager, token and options given by the caller. */
MUST_CHECK int session_connect(struct session *s);
void session_close(struct session *s);

/* "/v1/organizations/ID" and the rest; query values are added with session_query(). */
void session_path(const struct session *s, struct buf *out, const char *fmt, ...) PRINTF(3, 4);
void session_query(struct buf *path, const char *name, const char *value);

/* GET. *out is the body's object. Free it with json_free(). */
MUST_CHECK int session_get(struct session *s, const struct buf *path, struct json **out);
/*
 * POST or DELETE, with a body and an If-Match unless NULL. *out (may be NULL) is the response's
 * object, NULL when it has no body. A 412 is CTL_NO: somebody else changed it meanwhile, and
 * nothing was changed here.
 */
MUST_CHECK int session_send(struct session *s, const char *method, const struct buf *path,
    const struct json *body, const char *if_match, struct json **out);
/* Every row of a paged list: the member of each page, one after the other, in one array. */
MUST_CHECK int session_list(
    struct session *s, const struct buf *path, const char *member, struct json **out);

/* A text member; "" when it is absent or something else. */
const char *json_text(const struct json *object, const char *name);
int session_no_memory(void);
