/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of the token for the manager. connd reads it for each sync and wipes the token
 * afterwards, so that a new token is used at once, and no token stays in memory between syncs.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/why.h"
#include "core/config/config.h"
#include "core/replica.h"

/*
 * Sets *out to the path of the token file: `configured`, or $CREDENTIALS_DIRECTORY/token if that
 * exists, else NULL. The caller frees it. 0 or -ENOMEM.
 */
MUST_CHECK int credential_path(char **out, const char *configured);

#define CREDENTIAL_ADVICE_SIZE 256

/*
 * What a person does about a token that is refused, or ends. It depends on where the file is:
 * systemd copies a credential when it starts a service, and never again. path: of
 * credential_path().
 */
void credential_advice(char out[static CREDENTIAL_ADVICE_SIZE], const char *path);

/*
 * Appends the token, without surrounding white space, to out, whose max must be at least
 * LIMIT_TOKEN. 0, or -errno with a sentence in why; -EINVAL if the file is empty or not a token.
 */
MUST_CHECK int credential_read(const char *path, struct buf *out, struct why *why);

/*
 * Writes a digest of the manager's URLs and the token that the next request would use; all zero if
 * the token cannot be read.
 */
void credential_digest(
    uint8_t out[static REPLICA_IDENTITY_SIZE], const struct config *config, const char *path);
