/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /ui/session: signing in to the Environment page with a token or a code of login-link, and
 * signing out. The API accepts the session's cookie in place of a bearer token.
 */
#pragma once

#include "base/attr.h"
#include "manager/api/request.h"

/* Whether the connection's request is for /ui/session. */
bool sign_in_is_for(const struct http_conn *conn);
/* Checks such a request's head. True: its body may come; false: it has its response. */
MUST_CHECK bool sign_in_admit(struct http_conn *conn);
void sign_in_serve(struct request *rq);

bool sign_in_has_cookie(const struct request *rq);
/*
 * Sets rq->who to the token of the session's cookie, which is renewed when it is due. False: the
 * cookie is not valid for this request, which has its response.
 */
MUST_CHECK bool sign_in_authenticate(struct request *rq);
