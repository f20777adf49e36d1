/* SPDX-License-Identifier: Apache-2.0 */
/* edge/peer and edge/peers: real sockets and events, turns that the test takes, and a service that
 * answers what a frame says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "edge/socket/peer.h"

#define BIG       100000
#define MAX_FRAME 1024

/* --- the loop: a turn when the test says so ------------------------------------------------ */

static struct event_base *base;
static struct later *put_off;
static int64_t ahead_ms; /* of the real clock */

struct event_base *
loop_base(struct loop *l)
{
	(void)l;
	return base;
}

void
loop_after_turn(struct loop *l, struct later *job)
{
	(void)l;
	if (job->queued)
		return;
	job->queued = true;
	job->next = put_off;
	put_off = job;
}

void
loop_forget(struct loop *l, struct later *job)
{
	(void)l;
	for (struct later **at = &put_off; *at; at = &(*at)->next)
		if (*at == job) {
			*at = job->next;
			job->queued = false;
			return;
		}
}

int64_t
clock_boot_ms(void)
{
	return clock_monotonic_us() / 1000 + ahead_ms;
}

int64_t
clock_monotonic_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t
clock_wall_ms(void)
{
	return 0;
}

void
clock_rfc3339(int64_t wall_ms, char out[static CLOCK_RFC3339_SIZE])
{
	(void)wall_ms;
	strcpy(out, "1970-01-01T00:00:00Z");
}

static void
turn(void)
{
	struct later *jobs;

	assert_true(event_base_loop(base, EVLOOP_NONBLOCK) >= 0);
	jobs = put_off;
	put_off = NULL;
	while (jobs) {
		struct later *job = jobs;

		jobs = job->next;
		job->queued = false;
		job->run(job);
	}
}

/* Until nothing moves any more. */
static void
turns(void)
{
	for (int still = 0; still < 4; still++) {
		turn();
		if (put_off)
			still = 0;
	}
}

/* --- the service ------------------------------------------------------------------------------ */

struct waiting {
	struct pending pending;
};
struct pieces {
	struct stream stream;
	int left;
};

static struct waiting *waiting;
static int n_calls, n_forgotten;

static void
waiting_write(struct pending *p, struct buf *out)
{
	(void)p;
	buf_add(out, "waited", sizeof "waited");
}

static void
waiting_drop(struct pending *p)
{
	n_forgotten++;
	waiting = NULL;
	mem_free(p);
}

static bool
pieces_fill(struct stream *s, struct buf *out)
{
	buf_add(out, "piece", sizeof "piece");
	return --((struct pieces *)s)->left == 0;
}

static void
pieces_drop(struct stream *s)
{
	mem_free(s);
}

enum serve_outcome
serve_call(struct service *s, struct caller *caller, char *frame, size_t len, struct buf *out,
    struct serve_progress *progress)
{
	struct pieces *pieces;

	(void)s;
	assert_int_equal(caller->uid, getuid());
	assert_int_equal(frame[len], '\0');
	n_calls++;
	if (strcmp(frame, "bad") == 0)
		return SERVE_CLOSE;
	if (strcmp(frame, "oneway") == 0)
		return SERVE_DONE;
	if (strcmp(frame, "wait") == 0) {
		waiting = mem_zalloc(sizeof *waiting);
		waiting->pending = (struct pending){ .write = waiting_write,
			.drop = waiting_drop,
			.ready = progress->ready,
			.arg = progress->arg };
		progress->pending = &waiting->pending;
		return SERVE_PENDING;
	}
	if (strcmp(frame, "list") == 0) {
		pieces = mem_zalloc(sizeof *pieces);
		*pieces = (struct pieces){ .stream = { pieces_fill, pieces_drop }, .left = 3 };
		progress->stream = &pieces->stream;
		return SERVE_STREAMING;
	}
	if (strcmp(frame, "big") == 0) {
		memset(buf_room(out, BIG), 'x', BIG);
		buf_grown(out, BIG);
	}
	buf_add(out, frame, len + 1);
	return SERVE_DONE;
}

/* --- one world per test ------------------------------------------------------------------ */

#define N_CLIENTS 4

struct world {
	struct service service;
	struct peers *peers;
	int client[N_CLIENTS];
	size_t n;
	int n_drained;
};

static int
set_up(void **state)
{
	static const struct peers_limits limits = {
		.max_frame = MAX_FRAME, .max_connections = 3, .max_connections_per_uid = 3
	};
	struct world *w = calloc(1, sizeof *w);

	put_off = NULL;
	waiting = NULL;
	n_calls = n_forgotten = 0;
	ahead_ms = 0;
	base = event_base_new();
	*state = w;
	return base && w ? peers_new(&w->peers, NULL, &w->service, &limits) : -1;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	peers_free(w->peers);
	turns();
	for (size_t i = 0; i < w->n; i++)
		if (w->client[i] >= 0)
			close(w->client[i]);
	event_base_free(base);
	free(w);
	assert_int_equal(mem_live(), 0);
	return 0;
}

/* A client's end. */
static int
connected(struct world *w)
{
	int fd[2], small = 4096;

	assert_true(w->n < N_CLIENTS);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	(void)setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
	peers_accept(w->peers, fd[1]);
	return w->client[w->n++] = fd[0];
}

static void
say(int fd, const char *bytes, size_t n)
{
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}
#define SAY(fd, text) say(fd, text, sizeof(text) - 1)

/* Just these bytes have come since. */
static void
hear(int fd, const char *bytes, size_t n)
{
	char got[512];
	ssize_t r;

	turns();
	r = recv(fd, got, sizeof got, MSG_DONTWAIT);
	if (n == 0) {
		assert_int_equal(r, -1);
		assert_int_equal(errno, EAGAIN);
		return;
	}
	assert_int_equal(r, n);
	assert_memory_equal(got, bytes, n);
}
#define HEAR(fd, text) hear(fd, text, sizeof(text) - 1)

static void
hear_the_end(int fd)
{
	char got;

	turns();
	assert_int_equal(recv(fd, &got, 1, MSG_DONTWAIT), 0);
}

/* --- frames ---------------------------------------------------------------------------------- */

static void
calls_are_answered_in_order_however_they_come(void **state)
{
	int fd = connected(*state);

	SAY(fd, "one\0two\0oneway\0three\0");
	HEAR(fd, "one\0two\0three\0");
	for (const char *p = "byte\0by\0byte"; p < "byte\0by\0byte" + 13; p++) {
		say(fd, p, 1);
		turns();
	}
	HEAR(fd, "byte\0by\0byte\0");
	SAY(fd, "ha");
	HEAR(fd, "");
	SAY(fd, "lf\0and a ha");
	HEAR(fd, "half\0");
	SAY(fd, "lf\0");
	HEAR(fd, "and a half\0");
}

static void
what_is_no_call_ends_that_connection_after_the_answers_before_it(void **state)
{
	struct world *w = *state;
	int fd = connected(w), other = connected(w);

	SAY(fd, "one\0bad\0two\0");
	HEAR(fd, "one\0");
	hear_the_end(fd);
	SAY(other, "still here\0");
	HEAR(other, "still here\0");
	assert_int_equal(peers_count(w->peers), 1);
}

static void
a_frame_may_be_as_long_as_it_may_and_no_longer(void **state)
{
	struct world *w = *state;
	int fd = connected(w), other = connected(w);
	char frame[MAX_FRAME + 1];

	memset(frame, 'a', sizeof frame);
	say(other, frame, MAX_FRAME + 1);
	hear_the_end(other);
	frame[MAX_FRAME - 1] = '\0';
	say(fd, frame, MAX_FRAME);
	turns();
	assert_int_equal(n_calls, 1);
	assert_int_equal(peers_count(w->peers), 1);
}

static void
the_end_of_input_is_not_the_end_of_answers(void **state)
{
	struct world *w = *state;
	int fd = connected(w);

	SAY(fd, "wait\0after\0");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	HEAR(fd, "");
	waiting->pending.ready(waiting->pending.arg);
	HEAR(fd, "waited\0after\0");
	hear_the_end(fd);
	assert_int_equal(peers_count(w->peers), 0);
}

/* --- calls that take longer ---------------------------------------------------------------- */

static void
a_call_that_waits_holds_back_those_behind_it(void **state)
{
	struct world *w = *state;
	int fd = connected(w), other = connected(w);

	SAY(fd, "before\0wait\0after\0");
	HEAR(fd, "before\0");
	SAY(fd, "later\0");
	HEAR(fd, "");
	assert_int_equal(n_calls, 2);
	SAY(other, "meanwhile\0");
	HEAR(other, "meanwhile\0");
	waiting->pending.ready(waiting->pending.arg);
	HEAR(fd, "waited\0after\0later\0");
}

static void
who_goes_while_waiting_is_forgotten(void **state)
{
	struct world *w = *state;
	int fd = connected(w);

	SAY(fd, "wait\0");
	turns();
	assert_non_null(waiting);
	w->peers = peers_free(w->peers);
	turns();
	assert_int_equal(n_forgotten, 1);
	hear_the_end(fd);
}

static void
a_list_comes_in_pieces_and_then_what_is_behind_it(void **state)
{
	int fd = connected(*state);

	SAY(fd, "before\0list\0after\0");
	HEAR(fd, "before\0piece\0piece\0piece\0after\0");
}

/* --- clients that do not read -------------------------------------------------------------- */

/* Reads what there is, until nothing more comes. */
static size_t
drain_client(int fd)
{
	static char got[64 * 1024];
	size_t sum = 0;
	ssize_t r;

	for (int still = 0; still < 3; still++) {
		turns();
		while ((r = recv(fd, got, sizeof got, MSG_DONTWAIT)) > 0) {
			sum += (size_t)r;
			still = 0;
		}
	}
	return sum;
}

static void
who_does_not_read_is_not_read_from_and_loses_nothing(void **state)
{
	struct world *w = *state;
	int fd = connected(w);

	for (int i = 0; i < 20; i++) {
		SAY(fd, "big\0");
		turns();
	}
	assert_in_range(n_calls, 1, 2);
	assert_int_equal(drain_client(fd), 20 * (BIG + sizeof "big"));
	assert_int_equal(n_calls, 20);
	assert_int_equal(peers_count(w->peers), 1);
}

static void
wait_for_the_sweep(struct world *w, uint32_t count)
{
	int64_t until_us = clock_monotonic_us() + 5000000;

	while (peers_count(w->peers) != count && clock_monotonic_us() < until_us)
		turn();
	assert_int_equal(peers_count(w->peers), count);
}

static void
half_a_frame_and_a_full_socket_are_not_kept_for_ever(void **state)
{
	struct world *w = *state;
	int half = connected(w), deaf = connected(w), idle = connected(w);

	SAY(half, "half a fr");
	SAY(deaf, "big\0");
	turns();
	ahead_ms = 25000;
	for (int64_t until_us = clock_monotonic_us() + 1200000; clock_monotonic_us() < until_us;)
		turn();
	assert_int_equal(peers_count(w->peers), 3); /* a sweep has been, too early */
	SAY(half, "ame\0");
	HEAR(half, "half a frame\0");
	ahead_ms = 31000;
	wait_for_the_sweep(w, 2);
	SAY(idle, "idle is fine\0");
	HEAR(idle, "idle is fine\0");
	SAY(half, "so is whoever finished\0");
	HEAR(half, "so is whoever finished\0");
}

/* --- caps, drain --------------------------------------------------------------------------- */

static void
one_too_many_is_closed_and_there_is_room_when_one_goes(void **state)
{
	struct world *w = *state;
	int first = connected(w), fourth;

	(void)connected(w);
	(void)connected(w);
	fourth = connected(w);
	hear_the_end(fourth);
	close(first);
	w->client[0] = -1;
	w->n--; /* the fourth has gone too */
	close(fourth);
	turns();
	assert_int_equal(peers_count(w->peers), 2);
	fourth = connected(w);
	SAY(fourth, "there is room\0");
	HEAR(fourth, "there is room\0");
}

static void
on_drained(void *env)
{
	((struct world *)env)->n_drained++;
}

static void
a_drain_finishes_what_was_begun(void **state)
{
	struct world *w = *state;
	int asked = connected(w), half = connected(w), waits = connected(w);

	SAY(asked, "one\0");
	HEAR(asked, "one\0");
	SAY(half, "half a fr");
	SAY(waits, "wait\0");
	turns();
	peers_drain(w->peers, on_drained, w);
	hear_the_end(asked);
	HEAR(waits, "waited\0"); /* it has its one answer now, whatever that is */
	hear_the_end(waits);
	HEAR(half, "");
	assert_int_equal(w->n_drained, 0);
	SAY(half, "ame\0");
	HEAR(half, "half a frame\0");
	hear_the_end(half);
	assert_int_equal(w->n_drained, 1);
}

static void
a_drain_gives_who_has_not_asked_yet_a_moment(void **state)
{
	struct world *w = *state;
	int quick = connected(w), silent = connected(w);
	int64_t began_us = clock_monotonic_us();

	turns();
	peers_drain(w->peers, on_drained, w);
	SAY(quick, "in time\0");
	HEAR(quick, "in time\0");
	hear_the_end(quick);
	assert_int_equal(peers_count(w->peers), 1);
	wait_for_the_sweep(w, 0);
	assert_true(clock_monotonic_us() - began_us >= 190000);
	hear_the_end(silent);
	assert_int_equal(w->n_drained, 1);
}

static void
a_drain_of_nobody_is_over_at_once(void **state)
{
	struct world *w = *state;

	peers_drain(w->peers, on_drained, w);
	assert_int_equal(w->n_drained, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(calls_are_answered_in_order_however_they_come),
		TEST(what_is_no_call_ends_that_connection_after_the_answers_before_it),
		TEST(a_frame_may_be_as_long_as_it_may_and_no_longer),
		TEST(the_end_of_input_is_not_the_end_of_answers),
		TEST(a_call_that_waits_holds_back_those_behind_it),
		TEST(who_goes_while_waiting_is_forgotten),
		TEST(a_list_comes_in_pieces_and_then_what_is_behind_it),
		TEST(who_does_not_read_is_not_read_from_and_loses_nothing),
		TEST(half_a_frame_and_a_full_socket_are_not_kept_for_ever),
		TEST(one_too_many_is_closed_and_there_is_room_when_one_goes),
		TEST(a_drain_finishes_what_was_begun),
		TEST(a_drain_gives_who_has_not_asked_yet_a_moment),
		TEST(a_drain_of_nobody_is_over_at_once),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
