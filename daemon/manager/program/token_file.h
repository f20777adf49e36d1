/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `--token-out FILE`: the token of `init` and `token create` goes into a file of mode 0600 instead
 * of stdout. The file is begun before the token is made, so that a token is not lost to a
 * directory that cannot be written, and has its name when it is whole.
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
 * path may be NULL: the others do nothing then. -EEXIST: the file is there. 0 or -errno with
 * `why`.
 */
MUST_CHECK int token_file_open(struct token_file *t, const char *path, struct why *why);
/*
 * Moves the member "token" of the JSON object in out to the file, and names the file in its place
 * ("tokenFile"). 0, or -errno with `why`, which names the token's id: it is made and lost.
 */
MUST_CHECK int token_file_take(struct token_file *t, struct buf *out, struct why *why);
void token_file_close(struct token_file *t); /* removes a file that was not finished */
