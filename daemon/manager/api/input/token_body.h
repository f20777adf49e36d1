/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body that creates a token, in our shape or in the hosted API's, whose clients use this path
 * too:
 *
 *	ours     name, scope, scopeEntityId, role (MEMBER), expiresInSeconds
 *	hosted   name, scope or type, entityId, role (WORKSPACE_MEMBER), tokenExpiryPeriodInDays
 *
 * The two may be mixed, as long as no member contradicts another. Pure.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "manager/api/input/body.h"
#include "manager/model/policy.h"

struct token_body {
	struct span name;
	enum scope scope;
	struct span entity; /* absent: the organization of the path, for its own scope */
	const char *entity_field;
	enum role role;
	int64_t expires_in_s; /* 0: never */
};
/* The members of both shapes; NULL at the end. */
extern const char *const token_body_members[];
/* name_max: characters of a name. 0; -EINVAL with b's fault. */
MUST_CHECK int token_body_read(struct body *b, size_t name_max, struct token_body *out);

/*
 * The role in the hosted API's words: "WORKSPACE_MEMBER"; a Deployment's highest is
 * DEPLOYMENT_ADMIN.
 */
#define TOKEN_ROLE_SIZE 32
void token_role_hosted(enum scope scope, enum role role, char out[static TOKEN_ROLE_SIZE]);
