/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/admin/private_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "ctl/ctl.h"

void
private_file_make_directories(const char *path)
{
	CLEANUP(buf_fini) struct buf part = BUF_INIT(4096);
	const char *slash = path;

	while ((slash = strchr(slash + 1, '/'))) {
		buf_reset(&part);
		buf_add(&part, path, (size_t)(slash - path));
		/* It is there already, or the file's own error says more. */
		(void)mkdir(buf_str(&part), 0700);
	}
}

int
private_file_write(const char *path, const struct buf *text)
{
	CLEANUP(buf_fini) struct buf temporary = BUF_INIT(4096);
	struct why why;

	private_file_make_directories(path);
	buf_addf(&temporary, "%s.%ld.new", path, (long)getpid());
	if (buf_error(&temporary) || buf_error(text))
		return ctl_fail(CTL_UNAVAILABLE, NULL, "%s: too long", path);
	if (file_create(buf_str(&temporary), buf_str(text), text->len, &why) < 0)
		return ctl_fail(CTL_UNAVAILABLE, NULL, "%s", why.text);
	if (rename(buf_str(&temporary), path) < 0) {
		int error = errno;

		(void)unlink(buf_str(&temporary));
		return ctl_fail(
		    CTL_UNAVAILABLE, NULL, "%s: cannot be replaced: %s", path, strerror(error));
	}
	if (file_sync_name(path) < 0)
		return ctl_fail(
		    CTL_UNAVAILABLE, NULL, "%s: written, but may not be on disk yet", path);
	return CTL_YES;
}
