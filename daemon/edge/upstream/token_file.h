/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token for the manager. It is read from its file for each sync and wiped after it: a new token
 * is used as soon as it is there, and none lives in memory between.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/file.h"
#include "core/config/config.h"
#include "core/replica.h"

/*
 * Where the token is: `configured`, or $CREDENTIALS_DIRECTORY/token when that is there; else NULL.
 * 0 or -ENOMEM.
 */
MUST_CHECK int credential_path(char **out, const char *configured);

#define CREDENTIAL_ADVICE_SIZE 256

/*
 * What a person does about a token that is refused, or ends. It depends on where the file is:
 * systemd copies a credential when it starts a service, and never again. path: of credential_path().
 */
void credential_advice(char out[static CREDENTIAL_ADVICE_SIZE], const char *path);

/*
 * Appends the token to out (whose max must allow LIMIT_TOKEN), without the white space around it.
 * 0, or -errno with a sentence in why; -EINVAL: empty, or it holds what no header may.
 */
MUST_CHECK int credential_read(const char *path, struct buf *out, char why[static FILE_WHY_SIZE]);

/*
 * A digest of the manager's URLs and the token, as the next request would use them; all zero when
 * the token cannot be read.
 */
void credential_digest(
    uint8_t out[static REPLICA_IDENTITY_SIZE], const struct config *config, const char *path);
