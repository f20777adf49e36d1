/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/admin/context.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/span.h"
#include "ctl/admin/private_file.h"
#include "ctl/ctl.h"

#define CONTEXTS_SIZE ((size_t)256 * 1024)

/* Appends DIRECTORY/NAME. Without HOME it is a file of the working directory that is not there. */
static void
path_write(struct buf *out, const char *name, const char *suffix)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (xdg && xdg[0] == '/')
		buf_addf(out, "%s/connctl/%s%s", xdg, name, suffix);
	else
		buf_addf(out, "%s/.config/connctl/%s%s", home ? home : "", name, suffix);
}

void
context_token_path(struct buf *out, const char *name)
{
	path_write(out, name, ".token");
}

bool
context_name_is_valid(const char *name)
{
	size_t n =
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	return n > 0 && !name[n] && n <= CONTEXT_NAME_MAX && name[0] != '.';
}

static int
empty(struct json **out)
{
	struct json *all = json_new_object();

	if (all && json_take(all, "contexts", json_new_object()) == 0) {
		*out = all;
		return CTL_YES;
	}
	json_free(all);
	return ctl_fail(CTL_UNAVAILABLE, NULL, "out of memory");
}

int
context_load(struct json **out)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(4096), text = BUF_INIT(CONTEXTS_SIZE);
	struct why why;
	const struct json *contexts;
	int r;

	*out = NULL;
	path_write(&path, "contexts", ".json");
	r = file_read(buf_str(&path), &text, &why);
	if (r == -ENOENT || r == -ENOTDIR)
		return empty(out);
	if (r < 0)
		return ctl_fail(CTL_USAGE, NULL, "%s", why.text);
	r = json_parse(out, span_of_buf(&text), NULL);
	contexts = r == 0 && json_type(*out) == SCAN_OBJECT ? json_get(*out, "contexts") : NULL;
	if (contexts && json_type(contexts) == SCAN_OBJECT)
		return CTL_YES;
	if (r == 0)
		*out = json_free(*out);
	return ctl_fail(CTL_USAGE, "Mend or remove it, then run \"connctl login\".",
	    "%s: not a list of contexts", buf_str(&path));
}

int
context_save(const struct json *all)
{
	CLEANUP(buf_fini) struct buf path = BUF_INIT(4096), text = BUF_INIT(CONTEXTS_SIZE);

	path_write(&path, "contexts", ".json");
	json_write(all, &text);
	buf_addc(&text, '\n');
	return private_file_write(buf_str(&path), &text);
}

const char *
context_current(const struct json *all)
{
	return json_string(json_get(all, "current"));
}

const struct json *
context_find(const struct json *all, const char *name)
{
	const struct json *c;

	if (!name)
		name = context_current(all);
	c = name ? json_get(json_get(all, "contexts"), name) : NULL;
	return c && json_type(c) == SCAN_OBJECT ? c : NULL;
}
