/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/token_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/bearer.h"

int
credential_path(char **out, const char *configured)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];

	*out = NULL;
	if (!configured) {
		if (!dir || (size_t)snprintf(path, sizeof path, "%s/token", dir) >= sizeof path)
			return 0;
		if (access(path, F_OK) < 0)
			return 0;
		configured = path;
	}
	*out = mem_strdup(configured);
	return *out ? 0 : -ENOMEM;
}

static bool
is_in_directory(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return n > 0 && strncmp(path, dir, n) == 0 && path[n] == '/';
}

void
credential_advice(char out[static CREDENTIAL_ADVICE_SIZE], const char *path)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (dir && is_in_directory(path, dir))
		(void)snprintf(out, CREDENTIAL_ADVICE_SIZE,
		    "systemd reads the source of %.100s only at a start: put a valid token there, "
		    "then run systemctl restart connd",
		    path);
	else
		(void)snprintf(out, CREDENTIAL_ADVICE_SIZE,
		    "put a valid token into its file: connd reads it for every sync");
}

int
credential_read(const char *path, struct buf *out, struct why *why)
{
	struct why reason = { "" };
	int r = bearer_read(path, out, &reason);

	if (r < 0)
		why_set(why, "the token: %s", *reason.text ? reason.text : strerror(-r));
	return r;
}

void
credential_digest(
    uint8_t out[static REPLICA_IDENTITY_SIZE], const struct config *config, const char *path)
{
	const struct config_list *url = &config->manager.url;
	struct buf token = BUF_INIT(LIMIT_TOKEN);
	struct why why;
	uint8_t hash[HASH_SIZE];

	memset(out, 0, REPLICA_IDENTITY_SIZE);
	if (credential_read(path, &token, &why) == 0) {
		hash_long(hash, NULL, 0, token.data, token.len);
		for (size_t i = 0; i < url->n; i++)
			hash_long(hash, hash, sizeof hash, url->item[i], strlen(url->item[i]));
		memcpy(out, hash, REPLICA_IDENTITY_SIZE);
	}
	buf_fini(&token);
}
