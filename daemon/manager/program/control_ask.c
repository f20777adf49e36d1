/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/program/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json/scan.h"
#include "base/json/write.h"
#include "manager/program/control_internal.h"

int
control_address(const char *dir, int *dir_fd, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dir_fd < 0)
		return -errno;
	if (snprintf(out->sun_path, sizeof out->sun_path, "%s/" CONTROL_NAME, dir) >=
	    (int)sizeof out->sun_path)
		snprintf(
		    out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/" CONTROL_NAME, *dir_fd);
	return 0;
}

/* patient: without a deadline; if the server ends, the read ends all the same. */
static int
connect_socket(const char *dir, bool patient, int *out)
{
	const struct timeval wait = { .tv_sec = patient ? 0 : CONTROL_WAIT_S };
	struct sockaddr_un a;
	int dir_fd, fd, r = control_address(dir, &dir_fd, &a);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = fd < 0 ? -errno : 0;
	if (r == 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0 ||
			  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) < 0 ||
			  connect(fd, (struct sockaddr *)&a, sizeof a) < 0)) {
		r = -errno;
		(void)close(fd); /* r tells */
	}
	(void)close(dir_fd); /* O_PATH */
	if (r == 0)
		*out = fd;
	return r;
}

static int
send_request(int fd, size_t n, char *const *argv)
{
	struct buf line = BUF_INIT(CONTROL_REQUEST);
	char cwd[4096];
	int r;

	if (!getcwd(cwd, sizeof cwd))
		return -errno;
	buf_addc(&line, '[');
	jtext_string(&line, span_of(cwd));
	for (size_t i = 0; i < n; i++) {
		buf_addc(&line, ',');
		jtext_string(&line, span_of(argv[i]));
	}
	buf_adds(&line, "]\n");
	r = buf_error(&line);
	for (size_t at = 0; r == 0 && at < line.len;) {
		ssize_t done = send(fd, line.data + at, line.len - at, MSG_NOSIGNAL);

		if (done < 0 && errno != EINTR)
			r = -errno;
		else if (done > 0)
			at += (size_t)done;
	}
	buf_fini(&line);
	return r;
}

/* Keeps the descriptor that came with a piece of the reply in *file; -1: none came. */
static void
take_file(struct msghdr *m, int *file)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		if (*file >= 0)
			(void)close(*file); /* only the first one is used */
		memcpy(file, CMSG_DATA(c), sizeof *file);
	}
}

static int
read_reply(int fd, struct buf *in, int *file)
{
	for (;;) {
		union {
			struct cmsghdr align;
			char room[CMSG_SPACE(sizeof(int))];
		} control;
		struct iovec piece = { buf_room(in, 4096), 4096 };
		struct msghdr m = { .msg_iov = &piece,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof control };
		ssize_t n = piece.iov_base ? recvmsg(fd, &m, MSG_CMSG_CLOEXEC) : 0;

		if (!piece.iov_base)
			return buf_error(in);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		take_file(&m, file);
		if (n == 0)
			return in->len ? 0 : -ECONNRESET;
		buf_grown(in, (size_t)n);
	}
}

/* Sets *out to the text of a member. False: it is not there. */
static bool
take_text(struct span doc, const char *name, struct why *out)
{
	struct buf text = BUF_INIT(WHY_SIZE - 1);
	struct span value;
	bool found = scan_find(doc, name, &value) == 0 && value.p &&
		     scan_type(value) == SCAN_STRING && scan_string(value, &text) == 0;

	if (found)
		why_set(out, "%s", buf_str(&text));
	buf_fini(&text);
	return found;
}

/* Reads a reply: 0 with the output appended, 1 with why, or -EBADMSG. */
static int
take_reply(const struct buf *in, struct buf *out, struct why *why)
{
	struct why warning;
	struct span doc, value;

	if (scan_check(span_of_buf(in), SCAN_STRICT, &doc, NULL) != 0 ||
	    scan_type(doc) != SCAN_OBJECT)
		return -EBADMSG;
	if (take_text(doc, "warning", &warning))
		command_warn(warning.text);
	if (scan_find(doc, "ok", &value) == 0 && value.p) {
		buf_add(out, value.p, value.n);
		return buf_error(out);
	}
	return take_text(doc, "error", why) ? 1 : -EBADMSG;
}

static int
ask(const char *dir, size_t n, char *const *argv, struct buf *out, int *file, struct why *why,
    bool patient)
{
	struct buf in = BUF_INIT(CONTROL_REPLY);
	int fd = -1, r = connect_socket(dir, patient, &fd);

	if (r < 0) {
		why_set(why, "%.300s/" CONTROL_NAME ": %s", dir, strerror(-r));
		return r;
	}
	r = send_request(fd, n, argv);
	if (r == 0)
		r = read_reply(fd, &in, file);
	if (r == 0)
		r = take_reply(&in, out, why);
	if (r < 0) {
		why_set(why, "the running server did not respond: %s", strerror(-r));
		r = -EIO; /* the server may have done it, so the caller must not do it itself */
	}
	(void)close(fd); /* all was read */
	buf_fini(&in);
	return r;
}

int
control_ask(const char *dir, size_t n, char *const *argv, struct buf *out, struct why *why)
{
	int file = -1, r = ask(dir, n, argv, out, &file, why, false);

	if (file >= 0)
		(void)close(file); /* it was not asked for */
	return r;
}

int
control_ask_file(const char *dir, size_t n, char *const *argv, int *file, struct why *why)
{
	struct buf out = BUF_INIT(4096);
	int r;

	*file = -1;
	r = ask(dir, n, argv, &out, file, why, true);
	buf_fini(&out);
	if (r == 0 && *file < 0) {
		why_set(why, "the running server did not send a file");
		r = -EIO;
	}
	if (r != 0 && *file >= 0)
		(void)close(*file); /* r tells */
	return r;
}
