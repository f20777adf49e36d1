/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_journal.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/json/write.h"
#include "base/utf8.h"

#define RECORD_BYTES ((size_t)16 * 1024)
#define TEXT_BYTES   512 /* of one field; the rest is cut */

static _Atomic int journal_fd = -1;
static const char *socket_path = LOG_JOURNAL_SOCKET;

void
log_journal_use(const char *path)
{
	socket_path = path;
}

/* "NAME\n", the length in eight bytes, little-endian, and the text: it may hold anything. */
static void
put_text(struct buf *out, const char *prefix, const char *name, struct span text)
{
	size_t n = utf8_cut(text, TEXT_BYTES);

	if (!utf8_is_valid(text))
		n = text.n < TEXT_BYTES ? text.n : TEXT_BYTES;
	buf_adds(out, prefix);
	for (; *name; name++)
		buf_addc(out, *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name);
	buf_addc(out, '\n');
	for (size_t i = 0; i < 8; i++)
		buf_addc(out, (char)(n >> 8 * i & 0xff));
	buf_add(out, text.p, n);
	buf_addc(out, '\n');
}

static void
put_field(struct buf *out, const struct log_field *f)
{
	char room[32];
	struct buf number = { .data = room, .cap = sizeof room - 1, .max = sizeof room - 1 };

	if (!f->text)
		jtext_int(&number, f->number);
	put_text(out, "CONND_", f->name, f->text ? span_of(f->text) : span_of_buf(&number));
}

static void
put_record(struct buf *out, const struct log_journal_record *r)
{
	buf_addf(out, "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nMESSAGE=", r->priority,
	    program_invocation_short_name);
	buf_add(out, r->message.p, r->message.n);
	buf_addc(out, '\n');
	put_text(out, "CONND_", "EVENT", span_of(r->event));
	for (const struct log_field *f = r->field; f && f->name; f++)
		put_field(out, f);
}

/* The socket, made once. Two threads that race for it leave one descriptor unused. */
static int
open_socket(void)
{
	int fd = atomic_load(&journal_fd);

	if (fd >= 0)
		return fd;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	atomic_store(&journal_fd, fd);
	return fd;
}

int
log_journal_send(const struct log_journal_record *r)
{
	char room[RECORD_BYTES + 1];
	struct buf record = { .data = room, .cap = RECORD_BYTES, .max = RECORD_BYTES };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = open_socket();

	if (fd < 0)
		return fd;
	if (strlen(socket_path) >= sizeof to.sun_path)
		return -ENAMETOOLONG;
	memcpy(to.sun_path, socket_path, strlen(socket_path));
	put_record(&record, r);
	if (buf_error(&record))
		return -EMSGSIZE;
	if (sendto(fd, record.data, record.len, MSG_NOSIGNAL | MSG_DONTWAIT,
		(const struct sockaddr *)&to, sizeof to) >= 0)
		return 0;
	return errno == ENOBUFS ? -EAGAIN : -errno;
}
