/* SPDX-License-Identifier: Apache-2.0 */
#include "connd/running.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/json/scan.h"
#include "base/limits.h"
#include "proto/envelope.h"

#define ANSWER_MS 2000

/* Waits until the socket is ready, or the time is over. 0 or -errno. */
static int
await(int fd, short events, int64_t until_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left_ms = until_ms - clock_boot_ms();

	return left_ms > 0 && poll(&p, 1, (int)left_ms) > 0 ? 0 : -ETIMEDOUT;
}

static int
send_call(int fd, int64_t until_ms)
{
	struct buf call = BUF_INIT(LIMIT_FRAME);
	int r;

	envelope_write_call(&call, "io.connd.secrets.Status", (struct span){ NULL, 0 }, false);
	r = buf_error(&call);
	if (r == 0)
		r = await(fd, POLLOUT, until_ms);
	/* The request is shorter than what an empty socket accepts at once. */
	if (r == 0 && send(fd, call.data, call.len, MSG_NOSIGNAL) != (ssize_t)call.len)
		r = -EIO;
	buf_fini(&call);
	return r;
}

/* Reads up to the NUL that ends the reply; the NUL is not kept. */
static int
read_reply(int fd, int64_t until_ms, struct buf *reply)
{
	char *to, *end;
	ssize_t n;
	int r;

	for (;;) {
		to = buf_room(reply, 4096);
		r = to ? await(fd, POLLIN, until_ms) : buf_error(reply);
		if (r < 0)
			return r;
		n = recv(fd, to, 4096, 0);
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		end = memchr(to, '\0', (size_t)n);
		buf_grown(reply, end ? (size_t)(end - to) : (size_t)n);
		if (end)
			return 0;
	}
}

static void
copy_text(struct span value, char *to, size_t size)
{
	struct buf text = BUF_INIT(size - 1);

	*to = '\0';
	if (value.p && scan_type(value) == SCAN_STRING && scan_string(value, &text) == 0)
		(void)snprintf(to, size, "%s", buf_str(&text));
	buf_fini(&text);
}

static int64_t
number(struct span value)
{
	int64_t n;

	return value.p && scan_int(value, &n) == 0 ? n : 0;
}

static int
understand(const struct buf *frame, struct running *out)
{
	struct reply reply;

	if (envelope_reply(span_of_buf(frame), &reply) < 0 || reply.error.p || !reply.parameters.p)
		return -EPROTO;
	out->pid = (pid_t)number(scan_get(reply.parameters, "pid"));
	out->bytes = number(scan_get(reply.parameters, "bytes"));
	copy_text(scan_get(reply.parameters, "metrics"), out->metrics, sizeof out->metrics);
	return out->pid > 0 ? 0 : -EPROTO;
}

int
running_ask(int fd, struct running *out)
{
	int64_t until_ms = clock_boot_ms() + ANSWER_MS;
	struct buf reply = BUF_INIT(LIMIT_FRAME);
	int r = send_call(fd, until_ms);

	*out = (struct running){ 0 };
	if (r == 0)
		r = read_reply(fd, until_ms, &reply);
	if (r == 0)
		r = understand(&reply, out);
	buf_fini(&reply);
	return r;
}
