/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `--token-out FILE`: the token of `init` and `token create` goes into a file of mode 0600 instead
 * of stdout. The file is created before the token, so that no token is lost because the
 * directory cannot be written. It gets its name when it is complete.
 */
#pragma once

#include "base/attr.h"
#include "base/buf.h"
#include "base/why.h"
#include "manager/program/command.h"

struct token_file {
	const char *path; /* NULL: there is none */
	char part[4096];
	int fd;
};

/*
 * path may be NULL: then the other functions do nothing. 0; -EEXIST if the file exists; or -errno;
 * both with `why`.
 */
MUST_CHECK int token_file_open(struct token_file *t, const char *path, struct why *why);
/*
 * Moves the member "token" of the JSON object in out into the file, and puts "tokenFile" in its
 * place. 0, or -errno with `why`, which names the token's id: the token exists, and its text is
 * lost.
 */
MUST_CHECK int token_file_take(struct token_file *t, struct buf *out, struct why *why);
void token_file_close(struct token_file *t); /* removes a file that was not finished */
