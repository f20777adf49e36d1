/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes the bytes of one file and hands on what is searched: the file itself, or what is in it if
 * it is a tar archive, compressed with gzip, or both, several deep, as container images are.
 */
#pragma once

#include "base/attr.h"
#include "base/span.h"

struct unpack_ops {
	/* A stream begins: the file, or one in it ("image.tar:layer.tar:etc/app.env"). */
	void (*begin)(void *env, const char *name);
	void (*bytes)(void *env, struct span bytes);
	void (*end)(void *env);
	/* What could not be searched, and why. damaged: the file is at fault. */
	void (*skipped)(void *env, const char *name, const char *why, bool damaged);
};

struct unpack;

/* 0 or -ENOMEM. ops and env are borrowed; name is copied. */
MUST_CHECK int unpack_new(
    struct unpack **out, const struct unpack_ops *ops, void *env, const char *name);
void unpack_feed(struct unpack *u, struct span bytes);
/* The end of the file: frees u. */
void unpack_end(struct unpack *u);
