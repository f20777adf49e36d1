/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/local/file_set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "ctl/admin/private_file.h"
#include "ctl/ctl.h"

#define TEXT_SIZE ((size_t)64 * 1024)
#define PATH_ROOM 1100

struct buf *
file_set_add(struct file_set *set, const char *path, bool keep)
{
	set->file[set->n].path = path;
	set->file[set->n].keep = keep;
	set->file[set->n].text = BUF_INIT(TEXT_SIZE);
	return &set->file[set->n++].text;
}

void
file_set_fini(struct file_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		buf_fini(&set->file[i].text);
	set->n = 0;
}

static bool
is_there(const char *path, struct stat *st)
{
	return lstat(path, st) == 0;
}

/* Refuses what may not be replaced, and drops files that stay as they are. */
static int
judge(struct file_set *set, bool replace)
{
	struct stat st;

	for (size_t i = 0; i < set->n; i++) {
		const char *path = set->file[i].path;

		if (buf_error(&set->file[i].text))
			return ctl_fail(
			    CTL_UNAVAILABLE, NULL, "%s: the new text is too long", path);
		if (!is_there(path, &st))
			set->file[i].keep = false;
		else if (!S_ISREG(st.st_mode))
			return ctl_fail(CTL_NO, "Move it out of the way.",
			    "%s is there, and is not a regular file", path);
		else if (!replace)
			return ctl_fail(CTL_NO,
			    "--force replaces the configuration, and keeps the snapshot's key.",
			    "%s is there already; nothing was changed", path);
	}
	return CTL_YES;
}

static void
temporary(char out[static PATH_ROOM], const char *path)
{
	(void)snprintf(out, PATH_ROOM, "%s.%ld.new", path, (long)getpid());
}

static int
write_new(const char *path, const struct buf *text)
{
	char new[PATH_ROOM];
	struct why why;

	private_file_make_directories(path);
	temporary(new, path);
	if (file_create(new, buf_str(text), text->len, &why) < 0)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "%s; nothing was changed", why.text);
	return CTL_YES;
}

static void
remove_new(const struct file_set *set)
{
	char new[PATH_ROOM];

	for (size_t i = 0; i < set->n; i++) {
		temporary(new, set->file[i].path);
		(void)unlink(new);
	}
}

static int
put(const char *path)
{
	char new[PATH_ROOM];

	temporary(new, path);
	if (rename(new, path) < 0)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "%s: %s", path, strerror(errno));
	return CTL_YES;
}

static int
put_all(const struct file_set *set, bool replace)
{
	int code = CTL_YES;
	size_t i;

	for (i = 0; code == CTL_YES && i < set->n; i++)
		if (!set->file[i].keep)
			code = put(set->file[i].path);
	if (code != CTL_YES && !replace)
		while (--i > 0)
			(void)unlink(set->file[i - 1].path);
	for (i = 0; code == CTL_YES && i < set->n; i++)
		if (file_sync_name(set->file[i].path) < 0)
			code = ctl_fail(CTL_UNAVAILABLE, NULL,
			    "%s: written, but may not be on disk yet", set->file[i].path);
	return code;
}

int
file_set_write(struct file_set *set, bool replace)
{
	int code = judge(set, replace);

	for (size_t i = 0; code == CTL_YES && i < set->n; i++)
		if (!set->file[i].keep)
			code = write_new(set->file[i].path, &set->file[i].text);
	if (code == CTL_YES)
		code = put_all(set, replace);
	remove_new(set);
	return code;
}
