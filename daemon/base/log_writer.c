/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define QUEUE_BYTES (256 * 1024) /* about 1,500 lines */

struct log_writer {
	int fd;
	log_writer_note *note;
	pthread_t thread;

	pthread_mutex_t lock; /* protects all members below */
	pthread_cond_t wake;  /* signalled when the thread has work */
	pthread_cond_t over;  /* signalled when the thread has ended */
	bool ending, ended;
	uint64_t dropped; /* lines, in total */
	uint64_t unsaid;  /* dropped lines that no note has counted; while > 0, lines are dropped */
	bool note_due;    /* lines were dropped since the last attempt to write a note */
	size_t first, used; /* offset and number of the queued bytes */
	char queue[QUEUE_BYTES];
};

/* --- the queue; the caller holds the lock ----------------------------------------------------- */

static void
drop(struct log_writer *w, uint64_t n)
{
	w->dropped += n;
	w->unsaid += n;
}

static void
append(struct log_writer *w, const char *line, size_t n)
{
	size_t at = (w->first + w->used) % QUEUE_BYTES, to_end = QUEUE_BYTES - at;
	size_t head = n < to_end ? n : to_end;

	memcpy(w->queue + at, line, head);
	memcpy(w->queue, line + head, n - head);
	w->used += n;
}

/* Moves whole lines out of the queue and wipes them there. Returns the number of bytes. */
static size_t
take(struct log_writer *w, char to[static LOG_LINE_MAX])
{
	size_t n = w->used < LOG_LINE_MAX ? w->used : LOG_LINE_MAX;
	size_t to_end = QUEUE_BYTES - w->first, head;

	head = n < to_end ? n : to_end;
	memcpy(to, w->queue + w->first, head);
	memcpy(to + head, w->queue, n - head);
	while (to[n - 1] != '\n')
		n--;
	head = n < to_end ? n : to_end;
	mem_wipe(w->queue + w->first, head);
	mem_wipe(w->queue, n - head);
	w->first = (w->first + n) % QUEUE_BYTES;
	w->used -= n;
	return n;
}

/* --- the thread ------------------------------------------------------------------------------ */

/* Blocks until all is written. False on a write error. */
static bool
write_all(int fd, const char *p, size_t n)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	ssize_t done;

	while (n > 0) {
		done = write(fd, p, n);
		if (done < 0 && errno == EAGAIN) /* another process made it non-blocking */
			(void)poll(&ready, 1, -1);
		else if (done < 0 && errno != EINTR)
			return false;
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
	return true;
}

static uint64_t
lines_in(const char *p, size_t n)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += p[i] == '\n';
	return lines;
}

/* The caller holds the lock; it is released during the write. */
static void
write_some(struct log_writer *w, char room[static LOG_LINE_MAX])
{
	size_t n = take(w, room);
	bool written;

	(void)pthread_mutex_unlock(&w->lock);
	written = write_all(w->fd, room, n);
	(void)pthread_mutex_lock(&w->lock);
	if (!written)
		drop(w, lines_in(room, n));
	mem_wipe(room, n);
}

/* As above. Lines dropped during the write are counted in the next note. */
static void
write_note(struct log_writer *w, char room[static LOG_LINE_MAX])
{
	uint64_t n = w->unsaid;
	bool written;

	w->note_due = false;
	(void)pthread_mutex_unlock(&w->lock);
	written = write_all(w->fd, room, w->note(room, n));
	(void)pthread_mutex_lock(&w->lock);
	if (written)
		w->unsaid -= n;
}

static void *
run(void *arg)
{
	struct log_writer *w = arg;
	char room[LOG_LINE_MAX];

	(void)pthread_mutex_lock(&w->lock);
	for (;;) {
		if (w->used > 0)
			write_some(w, room);
		else if (w->unsaid > 0 && w->note_due)
			write_note(w, room);
		else if (w->ending)
			break;
		else
			(void)pthread_cond_wait(&w->wake, &w->lock);
	}
	w->ended = true;
	(void)pthread_cond_signal(&w->over);
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Blocks all signals in the new thread: signals are handled by the thread that called us. */
static int
start(struct log_writer *w)
{
	sigset_t all, old;
	int err;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&w->thread, NULL, run, w);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}

/* --- the interface ---------------------------------------------------------------------------- */

static void
dispose(struct log_writer *w)
{
	(void)pthread_cond_destroy(&w->over);
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_mutex_destroy(&w->lock);
	mem_free(w);
}

int
log_writer_new(struct log_writer **out, int fd, log_writer_note *note)
{
	struct log_writer *w = mem_zalloc(sizeof *w);
	pthread_condattr_t monotonic;
	int r;

	if (!w)
		return -ENOMEM;
	w->fd = fd;
	w->note = note;
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&w->wake, NULL);
	(void)pthread_cond_init(&w->over, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	r = start(w);
	if (r < 0)
		dispose(w);
	else
		*out = w;
	return r;
}

void
log_writer_put(struct log_writer *w, const char *line, size_t n)
{
	(void)pthread_mutex_lock(&w->lock);
	if (w->unsaid > 0 || n > QUEUE_BYTES - w->used) {
		drop(w, 1);
		w->note_due = true;
	} else {
		append(w, line, n);
	}
	(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
}

uint64_t
log_writer_dropped(struct log_writer *w)
{
	uint64_t n;

	(void)pthread_mutex_lock(&w->lock);
	n = w->dropped;
	(void)pthread_mutex_unlock(&w->lock);
	return n;
}

/* Returns the CLOCK_MONOTONIC time ms from now. */
static struct timespec
moment_in(int ms)
{
	int64_t us = clock_monotonic_us() + (int64_t)ms * 1000;

	return (struct timespec){ .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
}

/* The caller holds the lock; it is released while waiting. True if the thread ended within ms. */
static bool
await_end(struct log_writer *w, int ms)
{
	struct timespec until = moment_in(ms);
	int err = 0;

	while (!w->ended && err == 0)
		err = pthread_cond_timedwait(&w->over, &w->lock, &until);
	return w->ended;
}

static bool
takes_more(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) > 0;
}

struct log_writer *
log_writer_free(struct log_writer *w, int ms)
{
	bool ended;

	if (!w)
		return NULL;
	(void)pthread_mutex_lock(&w->lock);
	w->ending = true;
	(void)pthread_cond_signal(&w->wake);
	ended = await_end(w, ms) || (takes_more(w->fd) && await_end(w, 2 * ms));
	(void)pthread_mutex_unlock(&w->lock);
	if (!ended) {
		(void)pthread_detach(w->thread);
		return NULL;
	}
	(void)pthread_join(w->thread, NULL);
	dispose(w);
	return NULL;
}
