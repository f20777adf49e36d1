/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edge/socket/listener, passed and socket_file: sockets passed by the service manager (in a child,
 * which can set descriptors 3 and up), sockets that connd makes, with their lock, a socket file
 * that is removed, and a process without free descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "edge/socket/listener.h"
#include "edge/socket/socket_file.h"
#include "tests/unit/check.h"

struct world {
	char dir[TEST_DIR_SIZE], path[TEST_DIR_SIZE + 16];
	struct config config;
	struct loop *loop;
	struct listener *listener;
	int accepted[8], n;
	struct why why;
	struct why trouble; /* the last sentence; "": none, or the problem is over */
	int troubles;       /* number of sentences */
};

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	test_dir_make(w->dir, "listener");
	(void)snprintf(w->path, sizeof w->path, "%s/sock", w->dir);
	w->config.socket.path = w->path;
	w->config.socket.mode = 0660;
	*state = w;
	return loop_new(&w->loop);
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	listener_free(w->listener);
	for (int i = 0; i < w->n; i++)
		close(w->accepted[i]);
	loop_free(w->loop);
	test_dir_remove(w->dir);
	free(w);
	assert_int_equal(mem_live(), 0);
	return 0;
}

static int
begin(struct world *w)
{
	struct passed p;
	int r = passed_take(&p, &w->why);

	if (r == 0)
		r = listener_new(&w->listener, w->loop, &w->config, &p, &w->why);
	if (r == 0 && (p.socket >= 0 || p.lock >= 0))
		fail_msg("the listener took what was passed, and left it");
	return r;
}

static struct sockaddr_un
address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	return a;
}

static int
listening_at(const char *path)
{
	struct sockaddr_un a = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static int
connected_to(const char *path)
{
	struct sockaddr_un a = address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

static bool
is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void
on_accepted(void *env, int fd)
{
	struct world *w = env;

	w->accepted[w->n++] = fd;
}

static void
on_trouble(void *env, const char *sentence)
{
	struct world *w = env;

	why_set(&w->trouble, "%s", sentence ? sentence : "");
	w->troubles += sentence != NULL;
}

static const struct listener_calls calls = { .accepted = on_accepted, .trouble = on_trouble };

static void
loop_until(struct world *w, int n)
{
	int64_t until_ms = clock_boot_ms() + 5000;

	while (w->n < n && clock_boot_ms() < until_ms)
		(void)event_base_loop(loop_base(w->loop), EVLOOP_NONBLOCK);
	assert_int_equal(w->n, n);
}

/* --- passed sockets ---------------------------------------------------------------------- */

/* Sets descriptors 3 and up, and the environment variables. Only in a child. */
static void
pass(const int *fd, int n, const char *names, pid_t pid)
{
	char text[32];
	int high[8];

	for (int i = 0; i < n; i++)
		high[i] = fcntl(fd[i], F_DUPFD, 100);
	for (int i = 0; i < n; i++)
		(void)dup2(high[i], 3 + i);
	(void)snprintf(text, sizeof text, "%d", n);
	(void)setenv("LISTEN_FDS", text, 1);
	(void)snprintf(text, sizeof text, "%d", (int)pid);
	(void)setenv("LISTEN_PID", text, 1);
	if (names)
		(void)setenv("LISTEN_FDNAMES", names, 1);
}

/* Runs fn in a child; it returns 0 on success. */
static void
in_child(struct world *w, int (*child)(struct world *w))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(child(w));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define IS_SO(that)                                                                                \
	do {                                                                                       \
		if (!(that)) {                                                                     \
			(void)fprintf(                                                             \
			    stderr, "line %d: not so: %s (%s)\n", __LINE__, #that, w->why.text);   \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static int
child_of_three(struct world *w)
{
	int fds[3] = { open("/dev/null", O_RDONLY), listening_at(w->path), open("/dev/null", 0) };

	pass(fds, 3, "a:varlink:b", getpid());
	IS_SO(begin(w) == 0);
	IS_SO(listener_was_passed(w->listener));
	IS_SO(fcntl(5, F_GETFD) < 0); /* and 3 has become something else */
	IS_SO(fcntl(4, F_GETFD) == FD_CLOEXEC);
	IS_SO(!getenv("LISTEN_FDS") && !getenv("LISTEN_PID") && !getenv("LISTEN_FDNAMES"));
	w->listener = listener_free(w->listener);
	IS_SO(is_there(w->path)); /* it is not ours */
	return 0;
}

static void
of_several_sockets_the_named_one_is_taken(void **state)
{
	in_child(*state, child_of_three);
}

static int
child_of_strangers(struct world *w)
{
	int fds[2] = { listening_at(w->path), open("/dev/null", O_RDONLY) };

	pass(fds, 2, "a:b", getpid());
	IS_SO(begin(w) == -EINVAL);
	IS_SO(strstr(w->why.text, "none is named varlink"));
	fds[0] = open("/dev/null", O_RDONLY);
	pass(fds, 1, NULL, getpid());
	IS_SO(begin(w) == -EINVAL);
	IS_SO(strstr(w->why.text, "not a listening Unix stream socket"));
	return 0;
}

static void
what_is_none_of_ours_is_refused(void **state)
{
	in_child(*state, child_of_strangers);
}

static int
child_of_another(struct world *w)
{
	int fd = open("/dev/null", O_RDONLY);

	pass(&fd, 1, "varlink", getppid());
	IS_SO(begin(w) == 0);
	IS_SO(!listener_was_passed(w->listener) && is_there(w->path));
	IS_SO(fcntl(3, F_GETFD) >= 0);
	return 0;
}

static void
what_was_passed_to_another_process_is_left_alone(void **state)
{
	in_child(*state, child_of_another);
}

static int
child_of_itself(struct world *w)
{
	char names[PASSED_NAMES_SIZE];
	struct passed p;
	int fd[2];

	IS_SO(begin(w) == 0);
	p = listener_give(w->listener);
	w->listener = listener_free(w->listener);
	IS_SO(is_there(w->path)); /* the successor's now */
	passed_names(&p, names);
	fd[0] = p.socket;
	fd[1] = p.lock;
	pass(fd, 2, names, getpid());
	passed_close(&p);
	IS_SO(begin(w) == 0);
	IS_SO(!listener_was_passed(w->listener));
	IS_SO(listener_shows(w->listener).lock == 4);
	IS_SO(socket_file_lock(w->path, &w->why) == -EADDRINUSE);
	w->listener = listener_free(w->listener);
	IS_SO(!is_there(w->path));
	return 0;
}

static void
a_path_that_was_ours_is_still_ours_in_the_next_program(void **state)
{
	in_child(*state, child_of_itself);
}

/* As left by an older connd, which made no lock. */
static int
child_without_lock(struct world *w)
{
	int fd = listening_at(w->path);

	pass(&fd, 1, "varlink-own", getpid());
	IS_SO(begin(w) == 0);
	IS_SO(!listener_was_passed(w->listener));
	IS_SO(socket_file_lock(w->path, &w->why) == -EADDRINUSE);
	return 0;
}

static void
test_a_missing_lock_is_taken_after_an_upgrade(void **state)
{
	in_child(*state, child_without_lock);
}

static int
child_that_keeps(struct world *w)
{
	int fd = listening_at(w->path);

	pass(&fd, 1, "varlink-kept", getpid());
	IS_SO(begin(w) == 0);
	IS_SO(listener_was_passed(w->listener));
	IS_SO(listener_shows(w->listener).lock == -1);
	w->listener = listener_free(w->listener);
	IS_SO(is_there(w->path));
	return 0;
}

static void
test_the_service_managers_socket_stays_its_own_after_an_upgrade(void **state)
{
	in_child(*state, child_that_keeps);
}

static int
child_of_a_lost_path(struct world *w)
{
	int fd = listening_at(w->path);

	pass(&fd, 1, "varlink", getpid());
	IS_SO(loop_new(&w->loop) == 0); /* the old one lived at descriptor 3 */
	IS_SO(begin(w) == 0);
	IS_SO(listener_start(w->listener, &calls, w) == 0);
	listener_look(w->listener);
	IS_SO(w->troubles == 0);
	IS_SO(unlink(w->path) == 0);
	listener_look(w->listener);
	listener_look(w->listener);
	IS_SO(w->troubles == 1 && strstr(w->trouble.text, w->path) &&
	      strstr(w->trouble.text, "restart"));
	IS_SO(!is_there(w->path)); /* not ours to make */
	return 0;
}

static void
test_the_loss_of_a_passed_sockets_file_is_reported_once(void **state)
{
	in_child(*state, child_of_a_lost_path);
}

/* --- sockets of our own ------------------------------------------------------------------ */

static void
a_path_is_bound_with_its_mode_and_removed_at_the_end(void **state)
{
	struct world *w = *state;
	struct sockaddr_un a;
	socklen_t size = sizeof a;
	struct stat st;

	close(listening_at(w->path)); /* a connd that was killed left it */
	assert_int_equal(begin(w), 0);
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	/* Tools such as ss show the socket by the path at which clients find it. */
	assert_int_equal(
	    getsockname(listener_shows(w->listener).socket, (struct sockaddr *)&a, &size), 0);
	assert_string_equal(a.sun_path, w->path);
	w->listener = listener_free(w->listener);
	assert_false(is_there(w->path));
}

static void
somebody_elses_path_is_never_taken(void **state)
{
	struct world *w = *state;
	int fd = listening_at(w->path);
	FILE *f;

	assert_int_equal(begin(w), -EADDRINUSE);
	assert_non_null(strstr(w->why.text, "another process listens at"));
	close(fd);
	assert_int_equal(unlink(w->path), 0);
	f = fopen(w->path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(begin(w), -EEXIST);
	assert_non_null(strstr(w->why.text, "is not a socket"));
	assert_true(is_there(w->path));
}

static void
test_one_lock_has_one_holder(void **state)
{
	struct world *w = *state;
	char lock[sizeof w->path + 8], pid[32];
	int fd;

	(void)snprintf(lock, sizeof lock, "%s/.sock.lock", w->dir);
	(void)snprintf(pid, sizeof pid, "process %ld", (long)getpid());
	assert_int_equal(begin(w), 0);
	assert_int_equal(socket_file_lock(w->path, &w->why), -EADDRINUSE);
	assert_non_null(strstr(w->why.text, w->path));
	assert_non_null(strstr(w->why.text, pid));
	assert_non_null(strstr(w->why.text, lock));
	w->listener = listener_free(w->listener);
	fd = socket_file_lock(w->path, &w->why);
	assert_true(fd >= 0);
	assert_true(socket_file_is_locked(w->path, fd));
	assert_int_equal(unlink(lock), 0); /* as systemd-tmpfiles does with old files */
	assert_false(socket_file_is_locked(w->path, fd));
	close(fd);
}

static void
test_a_lock_that_was_removed_is_taken_again(void **state)
{
	struct world *w = *state;
	char lock[sizeof w->path + 8];

	(void)snprintf(lock, sizeof lock, "%s/.sock.lock", w->dir);
	assert_int_equal(begin(w), 0);
	assert_int_equal(listener_start(w->listener, &calls, w), 0);
	assert_int_equal(unlink(lock), 0);
	listener_look(w->listener);
	assert_int_equal(socket_file_lock(w->path, &w->why), -EADDRINUSE);
	assert_int_equal(w->troubles, 0);
}

/* --- a removed socket file --------------------------------------------------------------- */

static void
test_removed_socket_file_is_made_again(void **state)
{
	struct world *w = *state;
	struct stat st;
	int waiting, late;

	assert_int_equal(begin(w), 0);
	assert_int_equal(listener_start(w->listener, &calls, w), 0);
	waiting = connected_to(w->path);
	assert_int_equal(unlink(w->path), 0);
	listener_look(w->listener);
	assert_int_equal(w->n, 1); /* a client in the queue of the old socket is still served */
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	late = connected_to(w->path);
	loop_until(w, 2);
	assert_int_equal(w->troubles, 0);
	w->listener = listener_free(w->listener);
	assert_false(is_there(w->path));
	close(waiting);
	close(late);
}

static void
test_a_directory_that_has_gone_is_trouble_until_it_is_back(void **state)
{
	struct world *w = *state;
	char lock[sizeof w->path + 8];

	(void)snprintf(lock, sizeof lock, "%s/.sock.lock", w->dir);
	assert_int_equal(begin(w), 0);
	assert_int_equal(listener_start(w->listener, &calls, w), 0);
	assert_int_equal(unlink(w->path), 0);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(rmdir(w->dir), 0);
	listener_look(w->listener);
	listener_look(w->listener);
	assert_int_equal(w->troubles, 1);
	assert_non_null(strstr(w->trouble.text, w->path));
	assert_int_equal(mkdir(w->dir, 0755), 0);
	listener_look(w->listener);
	assert_string_equal(w->trouble.text, "");
	assert_int_equal(socket_file_lock(w->path, &w->why), -EADDRINUSE);
	close(connected_to(w->path));
	loop_until(w, 1);
}

static void
test_the_file_of_another_program_is_trouble(void **state)
{
	struct world *w = *state;
	int other;

	assert_int_equal(begin(w), 0);
	assert_int_equal(listener_start(w->listener, &calls, w), 0);
	assert_int_equal(unlink(w->path), 0);
	other = listening_at(w->path);
	listener_look(w->listener);
	assert_int_equal(w->troubles, 1);
	assert_non_null(strstr(w->trouble.text, "another process listens at"));
	close(other); /* the other connd has ended, and the lock is free: take the path */
	listener_look(w->listener);
	assert_string_equal(w->trouble.text, "");
	close(connected_to(w->path));
	loop_until(w, 1);
}

/* --- groups and paths -------------------------------------------------------------------- */

static void
test_a_group_is_a_name_or_a_number(void **state)
{
	static const struct {
		const char *group;
		int error; /* 0: the socket has group want */
		gid_t want;
		const char *says;
	} rows[] = {
		{ "4711", 0, 4711, NULL },
		{ "gid:4712", 0, 4712, NULL },
		{ "gid:0", 0, 0, NULL },
		{ "root", 0, 0, NULL },
		{ "0", -EINVAL, 0, "root's group; if that is meant, write gid:0" },
		{ "gid:x", -EINVAL, 0, "not a group: expected a name, a number or gid:N" },
		{ "4294967295", -EINVAL, 0, "not a group" },
		{ "no-such-group", -ENOENT, 0,
		    "[socket] group \"no-such-group\": there is no such group" },
	};
	struct world *w = *state;
	struct stat st;

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char group[64];

		(void)snprintf(group, sizeof group, "%s", rows[i].group);
		w->config.socket.group = group;
		assert_int_equal(begin(w), rows[i].error);
		if (rows[i].error == 0) {
			assert_int_equal(stat(w->path, &st), 0);
			assert_int_equal(st.st_gid, rows[i].want);
		} else {
			assert_non_null(strstr(w->why.text, rows[i].says));
			assert_null(strstr(w->why.text, "No such file"));
			assert_false(is_there(w->path));
		}
		w->listener = listener_free(w->listener);
	}
}

static void
test_a_path_may_have_107_bytes(void **state)
{
	struct world *w = *state;
	char path[108];
	size_t n = (size_t)snprintf(path, sizeof path, "%s/", w->dir);

	memset(path + n, 'x', 107 - n);
	path[107] = '\0';
	w->config.socket.path = path;
	assert_int_equal(begin(w), 0);
	close(connected_to(path));
	w->listener = listener_free(w->listener);
	assert_false(is_there(path));
}

static void
a_socket_that_took_our_place_stays(void **state)
{
	struct world *w = *state;
	int other;

	assert_int_equal(begin(w), 0);
	assert_int_equal(unlink(w->path), 0);
	other = listening_at(w->path);
	w->listener = listener_free(w->listener);
	assert_true(is_there(w->path));
	close(other);
}

/* --- accepting --------------------------------------------------------------------------- */

static void
whoever_connects_is_accepted_until_it_stops(void **state)
{
	struct world *w = *state;
	int a, b;

	assert_int_equal(begin(w), 0);
	assert_int_equal(listener_start(w->listener, &calls, w), 0);
	a = connected_to(w->path);
	b = connected_to(w->path);
	loop_until(w, 2);
	assert_true(fcntl(w->accepted[0], F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(w->accepted[0], F_GETFD) & FD_CLOEXEC);
	listener_stop(w->listener);
	close(a);
	a = connected_to(w->path); /* the socket's queue has it */
	for (int i = 0; i < 10; i++)
		(void)event_base_loop(loop_base(w->loop), EVLOOP_NONBLOCK);
	assert_int_equal(w->n, 2);
	close(a);
	close(b);
}

static void
without_descriptors_one_is_refused_and_it_goes_on_when_there_are_some(void **state)
{
	struct world *w = *state;
	struct rlimit all, few;
	struct sockaddr_un a = address(w->path);
	char byte;
	int fd, first, second;

	assert_int_equal(begin(w), 0);
	assert_int_equal(listener_start(w->listener, &calls, w), 0);
	first = connected_to(w->path);
	second = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = all;
	fd = open("/dev/null", O_RDONLY);
	few.rlim_cur = (rlim_t)fd; /* the lowest free one */
	close(fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	(void)event_base_loop(loop_base(w->loop), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	assert_int_equal(w->n, 0);
	assert_int_equal(recv(first, &byte, 1, MSG_DONTWAIT),
	    0); /* its connection is closed, so that it does not hang */
	assert_int_equal(connect(second, (struct sockaddr *)&a, sizeof a), 0);
	loop_until(w, 1); /* after the pause */
	close(first);
	close(second);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(of_several_sockets_the_named_one_is_taken),
		TEST(what_is_none_of_ours_is_refused),
		TEST(what_was_passed_to_another_process_is_left_alone),
		TEST(a_path_that_was_ours_is_still_ours_in_the_next_program),
		TEST(test_a_missing_lock_is_taken_after_an_upgrade),
		TEST(test_the_service_managers_socket_stays_its_own_after_an_upgrade),
		TEST(test_the_loss_of_a_passed_sockets_file_is_reported_once),
		TEST(a_path_is_bound_with_its_mode_and_removed_at_the_end),
		TEST(somebody_elses_path_is_never_taken),
		TEST(a_socket_that_took_our_place_stays),
		TEST(test_one_lock_has_one_holder),
		TEST(test_a_lock_that_was_removed_is_taken_again),
		TEST(test_removed_socket_file_is_made_again),
		TEST(test_a_directory_that_has_gone_is_trouble_until_it_is_back),
		TEST(test_the_file_of_another_program_is_trouble),
		TEST(test_a_group_is_a_name_or_a_number),
		TEST(test_a_path_may_have_107_bytes),
		TEST(whoever_connects_is_accepted_until_it_stops),
		TEST(without_descriptors_one_is_refused_and_it_goes_on_when_there_are_some),
	};

	if (base_init() < 0)
		return 1;
	loop_global_init();
	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
