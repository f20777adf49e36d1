/* SPDX-License-Identifier: Apache-2.0 */
/* edge/upstream on a real loop and the real libcurl, whose names are looked up here. */
#include <netdb.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "edge/upstream/fetch.h"
#include "edge/upstream/libcurl.h"

static atomic_int n_lookups, n_that_hear_signals;

/* Exported: libcurl's calls come here too. */
__attribute__((visibility("default"))) int
getaddrinfo(const char *restrict name, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
	static const int ours[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR2 };
	sigset_t held;

	(void)name;
	(void)service;
	(void)hints;
	(void)out;
	(void)pthread_sigmask(SIG_SETMASK, NULL, &held);
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (!sigismember(&held, ours[i])) {
			n_that_hear_signals++;
			break;
		}
	n_lookups++;
	return EAI_NONAME;
}

static void
on_fetched(void *env, const struct fetch_result *result)
{
	assert_int_equal(result->end, FETCH_UNREACHABLE);
	loop_stop(env);
}

/* A signal that one of its threads took at the end of a program would end the next one, too. */
static void
a_thread_of_the_resolver_hears_no_signal(void **state)
{
	struct upstream_options o = { .timeout_ms = 10000 };
	struct fetch_request q = { .url = "http://name.example/", .max_body = 4096 };
	char why[LIBCURL_WHY_SIZE];
	struct upstream *u = NULL;
	struct loop *loop = NULL;
	struct fetch *f = NULL;
	sigset_t held;

	(void)state;
	assert_int_equal(libcurl_load(why), 0);
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(upstream_new(&u, loop, &o), 0);
	assert_int_equal(upstream_fetch(u, &q, on_fetched, loop, &f), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_true(n_lookups > 0);
	assert_int_equal(n_that_hear_signals, 0);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &held);
	assert_false(sigismember(&held, SIGTERM));
	u = upstream_free(u);
	loop = loop_free(loop);
	libcurl_end();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_of_the_resolver_hears_no_signal),
	};

	if (base_init() < 0)
		return 1;
	loop_global_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
