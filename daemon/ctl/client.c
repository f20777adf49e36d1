/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/client.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json/scan.h"
#include "base/limits.h"
#include "ctl/output.h"
#include "proto/envelope.h"
#include "proto/frame.h"

#define READ_SIZE ((size_t)64 * 1024)
/* a full accept queue empties within one turn of the daemon's loop */
#define BACKLOG_RETRY_MS 10

int
client_bad_reply(const struct ctl_options *o)
{
	return ctl_fail(CTL_UNAVAILABLE, "Is it connd that listens there, and of this version?",
	    "what answers at %s does not speak io.connd.secrets", o->socket);
}

static int
timed_out(const struct ctl_options *o)
{
	return ctl_fail(CTL_UNAVAILABLE, "Its log may say why; --timeout waits longer.",
	    "connd at %s gave no answer in time", o->socket);
}

/* Of a file or directory the kernel says what it says of a socket at which nobody listens. */
static bool
is_no_socket(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISSOCK(st.st_mode);
}

static int
unreachable(const struct ctl_options *o, int error)
{
	if (error == EACCES || error == EPERM)
		return ctl_fail(CTL_DENIED,
		    "The socket's group may open it (see [socket] in connd.conf).",
		    "this user may not open %s: %s", o->socket, strerror(error));
	return ctl_fail(CTL_UNAVAILABLE,
	    "Is connd running (systemctl status connd)? --socket or CONND_SOCKET names another "
	    "socket.",
	    "cannot reach connd at %s: %s", o->socket,
	    is_no_socket(o->socket) ? "it is not a socket" : strerror(error));
}

/* Waits until the socket is ready for events. 0, -ETIMEDOUT or -errno. */
static int
wait_for(int fd, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left = deadline_ms - clock_boot_ms();
		int n;

		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, left < OUTPUT_WAIT_MS ? (int)left : OUTPUT_WAIT_MS);
		if (n == 0)
			output_waiting("waiting for connd");
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

/* A connected socket, or -errno. */
static int
dial(const char *path, int64_t deadline_ms)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof to.sun_path)
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	while (connect(fd, (const struct sockaddr *)&to, sizeof to) < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			r = -errno;
			goto fail;
		}
		if (clock_boot_ms() >= deadline_ms) {
			r = -ETIMEDOUT;
			goto fail;
		}
		(void)poll(NULL, 0, BACKLOG_RETRY_MS);
	}
	return fd;
fail:
	(void)close(fd);
	return r;
}

static int
send_all(int fd, const char *p, size_t n, int64_t deadline_ms)
{
	while (n) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
		int r;

		if (sent >= 0) {
			p += sent;
			n -= (size_t)sent;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		r = wait_for(fd, POLLOUT, deadline_ms);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Reads until in begins with a whole frame of *len bytes. 0; -EPIPE: closed; -EMSGSIZE; -errno. */
static int
read_frame(int fd, struct buf *in, int64_t deadline_ms, size_t *len)
{
	size_t seen = 0;

	for (;;) {
		char *room;
		ssize_t n;
		int r;

		switch (frame_cut(in->data, in->len, LIMIT_REPLY, &seen, len)) {
		case FRAME_READY:
			return 0;
		case FRAME_TOO_LONG:
			return -EMSGSIZE;
		case FRAME_MORE:
			break;
		}
		r = wait_for(fd, POLLIN, deadline_ms);
		if (r < 0)
			return r;
		room = buf_room(in, READ_SIZE);
		if (!room)
			return buf_error(in);
		n = recv(fd, room, READ_SIZE, 0);
		if (n == 0)
			return -EPIPE;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n > 0)
			buf_grown(in, (size_t)n);
	}
}

/* The named string of an object appended to out; nothing when it is not there. */
static void
add_string(struct buf *out, struct span object, const char *name)
{
	struct span value;

	if (!object.p || scan_find(object, name, &value) < 0 || !value.p)
		return;
	/* A value that is not a string, or a string that cannot be decoded, is shown as it is. */
	if (scan_type(value) != SCAN_STRING || scan_string(value, out) < 0)
		buf_add(out, value.p, value.n);
}

/* An error reply -> a sentence and an exit code. */
static int
refused(const struct client_call *call, const struct reply *reply)
{
	static const struct {
		const char *error, *detail;
		enum ctl_exit code;
		const char *what, *next;
	} known[] = {
		{ "io.connd.secrets.NotFound", "key", CTL_NO, "there is no such key",
		    "\"connctl list\" shows what there is." },
		{ "io.connd.secrets.NotReady", "reason", CTL_UNAVAILABLE, "connd has no data yet",
		    "\"connctl status\" shows what it waits for." },
		{ "io.connd.secrets.Expired", "reason", CTL_UNAVAILABLE,
		    "connd's data is too old to be trusted",
		    "\"connctl status\" shows why the manager could not be asked." },
		{ "io.connd.secrets.Withheld", "fields", CTL_UNAVAILABLE,
		    "the manager withholds secrets of this key",
		    "The token may lack the right to read secrets." },
		{ "io.connd.secrets.Invalid", "field", CTL_UNAVAILABLE,
		    "this key has no usable value in the manager",
		    "Set or correct that member there; what was created without a value has none "
		    "yet." },
		{ "io.connd.secrets.Overloaded", "retry_ms", CTL_UNAVAILABLE, "connd is overloaded",
		    "Try again in a moment." },
		{ "org.varlink.service.PermissionDenied", "key", CTL_DENIED,
		    "this user may not ask for that", "[access] in connd.conf says who may." },
		{ "org.varlink.service.InvalidParameter", "parameter", CTL_USAGE,
		    "connd does not accept this value", NULL },
	};
	CLEANUP(buf_fini) struct buf detail = BUF_INIT(LIMIT_REPLY);

	for (size_t i = 0; i < N_ELEMENTS(known); i++) {
		if (!span_is(reply->error, known[i].error))
			continue;
		add_string(&detail, reply->parameters, known[i].detail);
		return ctl_fail(known[i].code, known[i].next, "%s%s%s%s%.1000s",
		    call->subject ? call->subject : "", call->subject ? ": " : "", known[i].what,
		    detail.len ? ": " : "", buf_str(&detail));
	}
	return ctl_fail(CTL_UNAVAILABLE, "Is connd older than this connctl?", "connd answered %.*s",
	    (int)(reply->error.n < 200 ? reply->error.n : 200), reply->error.p);
}

static int
transport_failed(const struct ctl_options *o, int r)
{
	if (r == -ETIMEDOUT)
		return timed_out(o);
	if (r == -EMSGSIZE)
		return client_bad_reply(o);
	if (r == -EPIPE)
		return ctl_fail(CTL_UNAVAILABLE, "Its log says why.",
		    "connd at %s closed the connection without an answer", o->socket);
	return ctl_fail(
	    CTL_UNAVAILABLE, NULL, "talking to connd at %s: %s", o->socket, strerror(-r));
}

/* One reply's exit code. */
static int
take(const struct client_call *call, const struct reply *reply)
{
	int code = CLIENT_REPORT;

	if (!reply->error.p)
		return call->on_reply(call->arg, reply->parameters);
	if (call->error && span_is(reply->error, call->error))
		return call->on_error(call->arg, reply->parameters);
	if (call->on_refusal)
		code = call->on_refusal(call->arg, reply->error, reply->parameters);
	return code == CLIENT_REPORT ? refused(call, reply) : code;
}

static int
read_replies(struct client *c, const struct client_call *call)
{
	struct reply reply;

	do {
		size_t len;
		int r = read_frame(c->fd, &c->in, c->deadline_ms, &len);

		if (r < 0)
			return transport_failed(c->o, r == -ECONNRESET ? -EPIPE : r);
		if (envelope_reply((struct span){ c->in.data, len }, &reply) < 0)
			return client_bad_reply(c->o);
		r = take(call, &reply);
		if (r != CTL_YES)
			return r;
		buf_consume(&c->in, len + 1);
		if (call->endless)
			c->deadline_ms = INT64_MAX;
	} while (reply.continues);
	return CTL_YES;
}

int
client_open(struct client *c, const struct ctl_options *o)
{
	*c = (struct client){
		.o = o,
		.deadline_ms = clock_boot_ms() + o->timeout_ms,
		.in = BUF_INIT(LIMIT_REPLY + 2 * READ_SIZE),
	};
	c->fd = dial(o->socket, c->deadline_ms);
	if (c->fd >= 0)
		return CTL_YES;
	return c->fd == -ETIMEDOUT ? timed_out(o) : unreachable(o, -c->fd);
}

int
client_ask(struct client *c, const struct client_call *call)
{
	CLEANUP(buf_fini) struct buf out = BUF_INIT(LIMIT_REPLY);
	struct secrets_request request = {
		.method = call->method,
		.key = call->key,
		.team = call->team,
		.after = call->after,
		/* List and Watch send several replies; other methods send one. */
		.more = call->method == SECRETS_LIST || call->method == SECRETS_WATCH,
	};
	int r;

	secrets_write_call(&out, &request);
	if (buf_error(&out) < 0)
		return ctl_fail(CTL_USAGE, NULL, "this key is too long");
	r = send_all(c->fd, out.data, out.len, c->deadline_ms);
	/* A daemon that refuses may have sent its error before it closed: that is read first. */
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		return transport_failed(c->o, r);
	return read_replies(c, call);
}

void
client_close(struct client *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	buf_fini(&c->in);
}

int
client_call(const struct ctl_options *o, const struct client_call *call)
{
	struct client c;
	int code = client_open(&c, o);

	if (code == CTL_YES)
		code = client_ask(&c, call);
	client_close(&c);
	return code;
}
