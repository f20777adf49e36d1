/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edge/socket/peer and peers: real sockets and events, a loop driven by the test, and a fake
 * service that does what the request says.
 */
#include <errno.h>
#include <limits.h>
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
#define ROOM      ((size_t)10 * BIG) /* for unread responses of all */

/* --- a loop driven by the test ------------------------------------------------------------- */

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
clock_boot_us(void)
{
	return clock_monotonic_us() + ahead_ms * 1000;
}

int64_t
clock_boot_ms(void)
{
	return clock_boot_us() / 1000;
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

	assert_true(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK) >= 0);
	jobs = put_off;
	put_off = NULL;
	while (jobs) {
		struct later *job = jobs;

		jobs = job->next;
		job->queued = false;
		job->run(job);
	}
}

/* Runs turns until nothing happens any more. */
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
	bool watches; /* it is idle after each piece */
	int left;
	size_t cost;
};

static struct waiting *waiting;
static int n_calls, n_forgotten, n_pieces;

/* What is served, and how many generations there are. */
static char generations[8];
static const void *served = &generations[0];
static size_t live = 1;

struct generation *
replica_current(struct replica *r)
{
	(void)r;
	return (struct generation *)served;
}

size_t
generation_live(void)
{
	return live;
}

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
pieces_fill(struct stream *s, struct buf *out, size_t *budget)
{
	struct pieces *pieces = (struct pieces *)s;

	*budget -= pieces->cost < *budget ? pieces->cost : *budget;
	n_pieces++;
	buf_add(out, "piece", sizeof "piece");
	s->idle = pieces->watches;
	return --pieces->left == 0;
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
	if (strcmp(frame, "list") == 0 || strcmp(frame, "long list") == 0 ||
	    strcmp(frame, "watch") == 0) {
		pieces = mem_zalloc(sizeof *pieces);
		*pieces = (struct pieces){
			.stream = { .fill = pieces_fill,
			    .drop = pieces_drop,
			    .generation = replica_current(s->replica) },
			.left = frame[1] == 'i' ? 3 : INT_MAX,
			.cost = frame[1] == 'i' ? 1 : 15000,
			.watches = frame[0] == 'w',
		};
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
		.max_frame = MAX_FRAME,
		.max_buffered = ROOM,
		.max_connections = 3,
		.max_connections_per_uid = 3,
	};
	struct world *w = calloc(1, sizeof *w);

	put_off = NULL;
	waiting = NULL;
	n_calls = n_forgotten = n_pieces = 0;
	served = &generations[0];
	live = 1;
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

/* The client's end of a connection. */
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

/* Checks that exactly these bytes have arrived since. */
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

/* Reads until nothing more comes. */
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

/* Room for so many bytes of unread responses, in all. */
static void
set_room(struct world *w, size_t bytes)
{
	const struct peers_limits limits = {
		.max_frame = MAX_FRAME,
		.max_buffered = bytes,
		.max_connections = 3,
		.max_connections_per_uid = 3,
	};

	peers_limit(w->peers, &limits);
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
	assert_int_equal(peers_count(w->peers), 3); /* a sweep has run, too early */
	SAY(half, "ame\0");
	HEAR(half, "half a frame\0");
	ahead_ms = 31000;
	wait_for_the_sweep(w, 2);
	SAY(idle, "idle is fine\0");
	HEAR(idle, "idle is fine\0");
	SAY(half, "so is whoever finished\0");
	HEAR(half, "so is whoever finished\0");
}

/* --- streams ------------------------------------------------------------------------------ */

/* Reads what is there now; an endless stream never ends. */
static size_t
n_pieces_at(int fd)
{
	char got[4096];
	ssize_t r = recv(fd, got, sizeof got, MSG_DONTWAIT);

	return r > 0 ? (size_t)r / sizeof "piece" : 0;
}

static void
all_streams_share_one_budget_a_turn_and_take_turns(void **state)
{
	struct world *w = *state;
	int one = connected(w), two = connected(w), asks = connected(w);

	SAY(one, "long list\0");
	SAY(two, "long list\0");
	turn();
	for (int i = 0; i < 6; i++) {
		int before = n_pieces;

		SAY(asks, "lookup\0");
		turn();
		assert_in_range(n_pieces - before, 1, 2); /* 20 000 hold one of 15 000, and a bit */
	}
	assert_true(n_pieces_at(one) >= 3);
	assert_true(n_pieces_at(two) >= 3);
	assert_int_equal(n_calls, 8);
}

static void
next_generation(struct world *w, int number)
{
	served = &generations[number];
	live++;
	peers_generation_changed(w->peers);
}

static void
a_list_may_read_a_replaced_generation_for_ten_seconds(void **state)
{
	struct world *w = *state;
	int old = connected(w), new = connected(w);

	SAY(old, "long list\0");
	turn();
	next_generation(w, 1);
	SAY(new, "long list\0");
	turn();
	ahead_ms = 5000;
	for (int64_t until_us = clock_monotonic_us() + 1200000; clock_monotonic_us() < until_us;)
		turn();
	assert_int_equal(peers_count(w->peers), 2); /* a sweep has run, too early */
	ahead_ms = 11000;
	wait_for_the_sweep(w, 1);
	while (n_pieces_at(old) > 0)
		;
	hear_the_end(old);
	turns();
	assert_true(n_pieces_at(new) > 0);
}

static void
lists_may_not_pin_more_than_three_generations(void **state)
{
	struct world *w = *state;
	int oldest = connected(w), middle = connected(w), newest = connected(w);
	int fd[] = { oldest, middle, newest };

	for (int i = 0; i < 3; i++) {
		SAY(fd[i], "long list\0");
		turn();
		ahead_ms += 10;
		next_generation(w, i + 1);
	}
	assert_int_equal(live, 4);
	assert_int_equal(peers_count(w->peers), 3);
	next_generation(w, 4); /* a fifth one, held by something else */
	assert_int_equal(peers_count(w->peers), 2);
	live--;
	next_generation(w, 5);
	assert_int_equal(peers_count(w->peers), 1);
	while (n_pieces_at(newest) > 0)
		;
	turns();
	assert_true(n_pieces_at(newest) > 0);
}

/* --- caps, drain --------------------------------------------------------------------------- */

static struct peers_stats
stats(const struct world *w)
{
	struct peers_stats st;

	peers_stats(w->peers, &st);
	return st;
}

static void
an_idle_stream_writes_when_the_generation_changes(void **state)
{
	struct world *w = *state;
	int fd = connected(w);

	SAY(fd, "watch\0");
	turns();
	turns();
	assert_int_equal(n_pieces_at(fd), 1);
	next_generation(w, 1);
	turns();
	assert_int_equal(n_pieces_at(fd), 1);
	assert_int_equal(n_pieces, 2);
}

static void
an_idle_stream_ends_with_its_client_or_its_input(void **state)
{
	struct world *w = *state;
	int gone = connected(w), half = connected(w), talks = connected(w);

	SAY(gone, "watch\0");
	SAY(half, "watch\0");
	SAY(talks, "watch\0");
	turns();
	close(gone);
	w->client[0] = -1;
	turns();
	assert_int_equal(peers_count(w->peers), 2);
	assert_int_equal(n_pieces_at(half), 1);
	assert_int_equal(shutdown(half, SHUT_WR), 0);
	assert_int_equal(n_pieces_at(talks), 1);
	SAY(talks, "lookup\0");
	turns();
	hear_the_end(half);
	assert_int_equal(peers_count(w->peers), 0);
}

static void
a_new_one_takes_the_place_of_the_longest_idle(void **state)
{
	struct world *w = *state;
	int first = connected(w), second = connected(w), third = connected(w), fourth;

	SAY(first, "first\0");
	HEAR(first, "first\0");
	fourth = connected(w);
	hear_the_end(second);
	SAY(fourth, "there is room\0");
	HEAR(fourth, "there is room\0");
	SAY(first, "still here\0");
	HEAR(first, "still here\0");
	SAY(third, "here, too\0");
	HEAR(third, "here, too\0");
	assert_int_equal(stats(w).evicted, 1);
	assert_int_equal(stats(w).refused, 0);
}

static void
a_request_on_its_way_is_not_idle(void **state)
{
	struct world *w = *state;
	int first = connected(w), second = connected(w), fourth;

	(void)connected(w);
	SAY(first, "not yet read\0");
	fourth = connected(w);
	hear_the_end(second);
	HEAR(first, "not yet read\0");
	SAY(fourth, "in\0");
	HEAR(fourth, "in\0");
}

static void
busy_ones_stay_and_a_new_one_is_refused(void **state)
{
	struct world *w = *state;
	int fourth;

	for (int i = 0; i < 3; i++)
		SAY(connected(w), "wait\0");
	turns();
	fourth = connected(w);
	hear_the_end(fourth);
	assert_int_equal(peers_count(w->peers), 3);
	assert_int_equal(stats(w).refused, 1);
	assert_int_equal(stats(w).evicted, 0);
}

static void
one_that_is_stuck_gives_way_when_none_is_idle(void **state)
{
	struct world *w = *state;
	int half = connected(w), fourth;

	SAY(half, "half a fr");
	SAY(connected(w), "wait\0");
	SAY(connected(w), "wait\0");
	turns();
	fourth = connected(w);
	hear_the_end(half);
	SAY(fourth, "in\0");
	HEAR(fourth, "in\0");
}

static void
a_user_has_three_quarters_of_the_connections_unless_it_is_configured(void **state)
{
	struct world *w = *state;
	struct peers_limits limits = {
		.max_frame = MAX_FRAME, .max_buffered = ROOM, .max_connections = 3
	};
	int first;

	peers_limit(w->peers, &limits); /* 3 of 3: rounded up */
	first = connected(w);
	(void)connected(w);
	(void)connected(w);
	assert_int_equal(peers_count(w->peers), 3);
	limits.max_connections = 4;
	peers_limit(w->peers, &limits);
	(void)connected(w);
	hear_the_end(first);
	assert_int_equal(peers_count(w->peers), 3);
}

/* --- unread responses ------------------------------------------------------------------------- */

static void
a_response_without_room_among_the_unread_is_overloaded(void **state)
{
	struct world *w = *state;
	int deaf = connected(w), deaf2 = connected(w), fd = connected(w);
	char got[512];
	ssize_t n;

	for (int i = 0; i < 4; i++)
		SAY(deaf, "big\0big\0");
	for (int i = 0; i < 4; i++)
		SAY(deaf2, "big\0big\0");
	turns();
	assert_true(stats(w).buffered_bytes > ROOM / 4);
	set_room(w, stats(w).buffered_bytes); /* all bytes have been sent */
	SAY(fd, "big\0");
	turns();
	n = recv(fd, got, sizeof got, MSG_DONTWAIT);
	assert_true(n > 0);
	assert_string_equal(
	    got, "{\"error\":\"io.connd.secrets.Overloaded\",\"parameters\":{\"retry_ms\":1000}}");
	assert_int_equal(stats(w).overloaded, 1);
	(void)drain_client(deaf);
	(void)drain_client(deaf2);
	SAY(fd, "big\0");
	assert_int_equal(drain_client(fd), BIG + sizeof "big");
	assert_true(stats(w).buffered_bytes < ROOM / 4);
}

static void
half_a_request_without_room_is_closed(void **state)
{
	struct world *w = *state;
	int deaf = connected(w), half = connected(w);

	SAY(deaf, "big\0");
	turns();
	set_room(w, stats(w).buffered_bytes);
	SAY(half, "half a fr");
	hear_the_end(half);
	assert_int_equal(peers_count(w->peers), 1);
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
	HEAR(waits, "waited\0"); /* it has its one response, of any kind */
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
a_drain_ends_idle_streams(void **state)
{
	struct world *w = *state;
	int fd = connected(w);

	SAY(fd, "watch\0");
	turns();
	assert_int_equal(n_pieces_at(fd), 1);
	peers_drain(w->peers, on_drained, w);
	turns();
	hear_the_end(fd);
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
		TEST(all_streams_share_one_budget_a_turn_and_take_turns),
		TEST(a_list_may_read_a_replaced_generation_for_ten_seconds),
		TEST(lists_may_not_pin_more_than_three_generations),
		TEST(an_idle_stream_writes_when_the_generation_changes),
		TEST(an_idle_stream_ends_with_its_client_or_its_input),
		TEST(a_drain_ends_idle_streams),
		TEST(a_new_one_takes_the_place_of_the_longest_idle),
		TEST(a_request_on_its_way_is_not_idle),
		TEST(busy_ones_stay_and_a_new_one_is_refused),
		TEST(one_that_is_stuck_gives_way_when_none_is_idle),
		TEST(a_user_has_three_quarters_of_the_connections_unless_it_is_configured),
		TEST(a_response_without_room_among_the_unread_is_overloaded),
		TEST(half_a_request_without_room_is_closed),
		TEST(a_drain_finishes_what_was_begun),
		TEST(a_drain_gives_who_has_not_asked_yet_a_moment),
		TEST(a_drain_of_nobody_is_over_at_once),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
