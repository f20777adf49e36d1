/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edge/socket/serve, lookup, list, status: the responses to each caller by the access rules, on a
 * real replica. Readiness is faked; requests of the replica to the manager are counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/why.h"
#include "edge/socket/serve.h"
#include "tests/unit/check.h"

#define MAX_REPLY ((size_t)1 << 20)
#define N_PROBES  8

static const struct config_require *lacking;

bool
ready_now(const struct ready *r, const struct config_require **lacks)
{
	(void)r;
	*lacks = lacking;
	return !lacking;
}

/* --- a replica, two callers ---------------------------------------------------------------- */

struct world {
	struct replica *replica;
	struct acl *acl;
	struct service service;
	struct caller alice, bob, ghost; /* the ghost's groups cannot be read */
	struct serve_progress progress;
	struct report report;
	int n_refreshes, n_ready, n_waits, n_released, n_pieces;
	size_t budget; /* bytes of a piece */
	struct buf reply;
	char probed[N_PROBES][64];
	size_t n_probed;
};

static void
start_sync(void *env)
{
	(void)env;
}

static void
start_probe(void *env, enum record_kind kind, struct span key)
{
	struct world *w = env;

	assert_true(w->n_probed < N_PROBES);
	(void)snprintf(w->probed[w->n_probed++], sizeof w->probed[0], "%s%.*s", kind_prefix(kind),
	    (int)key.n, key.p);
}

static void
wake(void *env)
{
	(void)env;
}

static void
note(void *env, const char *event, const char *detail)
{
	(void)env;
	(void)event;
	(void)detail;
}

static int64_t
jitter(void *env, int64_t low, int64_t high)
{
	(void)env;
	(void)high;
	return low;
}

static const struct replica_ops ops = {
	.start_sync = start_sync,
	.start_probe = start_probe,
	.wake = wake,
	.published = wake,
	.note = note,
	.jitter = jitter,
};

static void
release(void *env, struct generation *g)
{
	((struct world *)env)->n_released++;
	generation_unref(g);
}

static void
report(void *env, struct report *out)
{
	*out = ((struct world *)env)->report;
}

static void
refresh(void *env)
{
	((struct world *)env)->n_refreshes++;
}

static void
wait_began(void *env)
{
	((struct world *)env)->n_waits++;
}

static void
on_ready(void *arg)
{
	((struct world *)arg)->n_ready++;
}

static int
no_user(const char *name, uid_t *uid)
{
	(void)name;
	(void)uid;
	return -ENOENT;
}

static int
no_group(const char *name, gid_t *gid)
{
	(void)name;
	(void)gid;
	return -ENOENT;
}

static int
set_up(void **state)
{
	static const struct replica_config config = {
		.windows = { 60000, 120000, 600000, 300000 },
		.refresh_ms = 30000,
		.cold_wait_ms = 2000,
		.deletion_guard_percent = 50,
		.probe_ms = 1,
		.lock = ARENA_LOCK_OFF,
		.max_bytes = 1 << 20,
	};
	struct world *w = mem_zalloc(sizeof *w);

	assert_non_null(w);
	assert_int_equal(replica_new(&w->replica, &config, &ops, w, 7), 0);
	assert_int_equal(acl_new(&w->acl), 0);
	w->service = (struct service){ .replica = w->replica,
		.acl = w->acl,
		.organization = "org",
		.deployment = "dep",
		.wait_began = wait_began,
		.refresh = refresh,
		.report = report,
		.release = release,
		.env = w };
	w->alice = (struct caller){ .fd = -1, .uid = 1000, .gid = 1000, .groups_known = true };
	w->bob = (struct caller){ .fd = -1, .uid = 1001, .gid = 1001, .groups_known = true };
	w->ghost = (struct caller){ .fd = -1, .uid = 1000, .gid = 1000 };
	w->progress.ready = on_ready;
	w->progress.arg = w;
	buf_init(&w->reply, MAX_REPLY);
	w->budget = 1000;
	(void)replica_turn(w->replica, clock_boot_ms());
	*state = w;
	return 0;
}

static void
end_sync(struct world *w, struct generation_builder *b)
{
	struct sync_result result = { .outcome = SYNC_FAILED, .reason = "it failed" };
	struct sync_basis basis;

	replica_basis(w->replica, clock_boot_ms(), &basis);
	if (b)
		sync_list_finish(&result, b, &basis);
	(void)replica_sync_done(w->replica, clock_boot_ms(), &result);
}

static void
load(struct world *w)
{
	struct generation_builder *b = builder(ARENA_LOCK_OFF);

	add(b, KIND_CONNECTION, RECORD_VALUE, "open", "\"o\"");
	add(b, KIND_CONNECTION, RECORD_VALUE, "shut", "\"s\"");
	add(b, KIND_CONNECTION, RECORD_VALUE, "red___open", "\"red o\"");
	add(b, KIND_VARIABLE, RECORD_VALUE, "config/x", "\"cx\"");
	add(b, KIND_VARIABLE, RECORD_VALUE, "open", "\"v\"");
	end_sync(w, b);
}

static void
drop_progress(struct world *w)
{
	if (w->progress.pending)
		w->progress.pending->drop(w->progress.pending);
	if (w->progress.stream)
		w->progress.stream->drop(w->progress.stream);
	w->progress.pending = NULL;
	w->progress.stream = NULL;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	drop_progress(w);
	replica_free(w->replica);
	acl_free(w->acl);
	buf_fini(&w->reply);
	mem_free(w);
	assert_int_equal(mem_live(), 0);
	return 0;
}

static void
allow(struct world *w, bool yes, const char *rule)
{
	static const struct acl_lookup lookup = { no_user, no_group };
	struct why why;

	assert_int_equal(acl_add(w->acl, yes, rule, &lookup, &why), 0);
}

/* --- calls ------------------------------------------------------------------------------------ */

static enum serve_outcome
call(struct world *w, struct caller *c, const char *method, const char *parameters)
{
	char frame[512];
	int n = snprintf(frame, sizeof frame,
	    "{\"method\":\"io.connd.secrets.%s\",\"parameters\":{%s}}", method, parameters);

	assert_true(n > 0 && (size_t)n < sizeof frame);
	buf_reset(&w->reply);
	w->service.now_ms = clock_boot_ms();
	return serve_call(&w->service, c, frame, (size_t)n, &w->reply, &w->progress);
}

/* Returns the reply of a call that ends at once, or of a stream read to its end. */
static const char *
reply_to(struct world *w, struct caller *c, const char *method, const char *parameters)
{
	size_t budget = w->budget;

	w->n_pieces = 0;
	if (call(w, c, method, parameters) == SERVE_STREAMING)
		while (!w->progress.stream->fill(w->progress.stream, &w->reply, &budget)) {
			w->n_pieces++;
			budget = w->budget;
		}
	drop_progress(w);
	return buf_str(&w->reply);
}

static void
check_reply(struct world *w, struct caller *c, const char *method, const char *parameters,
    const char *holds, int line)
{
	const char *got = reply_to(w, c, method, parameters);

	if (strstr(got, holds))
		return;
	print_error("%s does not hold %s\n", got, holds);
	_fail(__FILE__, line);
}
#define REPLY(c, method, parameters, holds)                                                        \
	check_reply(w, &w->c, method, parameters, holds, __LINE__)

#define DENIED     "{\"error\":\"org.varlink.service.PermissionDenied\"}"
#define OVERLOADED "io.connd.secrets.Overloaded"
#define NOT_FOUND  "io.connd.secrets.NotFound"

/* Runs one probe: the replica allows one per millisecond. */
static void
probe(struct world *w)
{
	int64_t began_ms = clock_boot_ms();
	size_t before = w->n_probed;

	while (w->n_probed == before && clock_boot_ms() < began_ms + 5)
		(void)replica_turn(w->replica, clock_boot_ms());
	if (w->n_probed > before)
		replica_probe_done(w->replica, clock_boot_ms(), false);
}

/* --- tests --------------------------------------------------------------------------------- */

static void
without_rules_every_method_answers(void **state)
{
	struct world *w = *state;

	load(w);
	REPLY(ghost, "GetConnection", "\"conn_id\":\"open\"", "{\"parameters\":{\"value\":\"o\"");
	REPLY(ghost, "GetVariable", "\"key\":\"open\"", "\"value\":\"v\"");
	REPLY(ghost, "GetConfig", "\"key\":\"x\"", "\"value\":\"cx\"");
	REPLY(ghost, "GetConnection", "\"conn_id\":\"open\",\"team\":\"red\"", "\"red o\"");
	REPLY(ghost, "List", "", "[\"open\",\"red___open\",\"shut\"]");
	REPLY(ghost, "Status", "", "\"connections\":3");
}

static void
environment_variables_are_served_and_listed(void **state)
{
	struct world *w = *state;
	struct generation_builder *b = builder(ARENA_LOCK_OFF);

	add(b, KIND_VARIABLE, RECORD_VALUE, "MODE", "\"variable\"");
	add(b, KIND_ENV, RECORD_VALUE, "MODE", "\"environment\"");
	add(b, KIND_ENV, RECORD_VALUE, "SHUT", "\"s\"");
	end_sync(w, b);
	REPLY(ghost, "GetEnvironmentVariable", "\"key\":\"MODE\"", "\"value\":\"environment\"");
	REPLY(ghost, "GetEnvironmentVariable", "\"key\":\"NONE\"",
	    "\"kind\":\"environment-variable\",\"key\":\"NONE\"");
	REPLY(ghost, "List", "",
	    "\"variables\":[\"MODE\"],\"environment_variables\":[\"MODE\",\"SHUT\"],\"state\"");
	allow(w, true, "uid:1000 env:M*");
	REPLY(alice, "List", "", "\"variables\":[],\"environment_variables\":[\"MODE\"]");
	assert_string_equal(
	    reply_to(w, &w->alice, "GetEnvironmentVariable", "\"key\":\"SHUT\""), DENIED);
	assert_string_equal(reply_to(w, &w->alice, "GetVariable", "\"key\":\"MODE\""), DENIED);
}

static void
a_denial_is_the_same_whether_the_key_exists_or_not(void **state)
{
	struct world *w = *state;

	load(w);
	allow(w, true, "uid:1000 conn:open");
	REPLY(alice, "GetConnection", "\"conn_id\":\"open\"", "\"value\":\"o\"");
	assert_string_equal(
	    reply_to(w, &w->alice, "GetConnection", "\"conn_id\":\"shut\""), DENIED);
	assert_string_equal(
	    reply_to(w, &w->alice, "GetConnection", "\"conn_id\":\"none\""), DENIED);
	assert_string_equal(reply_to(w, &w->alice, "GetVariable", "\"key\":\"open\""), DENIED);
	assert_string_equal(reply_to(w, &w->alice, "GetConfig", "\"key\":\"x\""), DENIED);
	assert_string_equal(reply_to(w, &w->bob, "GetConnection", "\"conn_id\":\"open\""), DENIED);
	probe(w);
	assert_int_equal(w->n_probed, 0);
}

static void
list_and_status_are_for_callers_who_may_read_any_key(void **state)
{
	struct world *w = *state;

	load(w);
	allow(w, true, "uid:1000 conn:s*");
	REPLY(alice, "List", "", "{\"connections\":[\"shut\"],\"variables\":[]");
	REPLY(alice, "Status", "", "\"state\":\"fresh\"");
	assert_string_equal(reply_to(w, &w->bob, "List", ""), DENIED);
	assert_string_equal(reply_to(w, &w->bob, "Status", ""), DENIED);
}

#define COUNTS(connections, variables, env, withheld, invalid)                                     \
	"\"connections\":" #connections ",\"variables\":" #variables                               \
	",\"environment_variables\":" #env ",\"withheld\":" #withheld ",\"invalid\":" #invalid

static void
status_counts_what_the_caller_may_read(void **state)
{
	struct world *w = *state;
	struct generation_builder *b = builder(ARENA_LOCK_OFF);

	add(b, KIND_CONNECTION, RECORD_VALUE, "mine", "\"1\"");
	add(b, KIND_CONNECTION, RECORD_WITHHELD, "mine2", "[\"password\"]");
	add(b, KIND_CONNECTION, RECORD_WITHHELD, "other", "[\"password\"]");
	add(b, KIND_CONNECTION, RECORD_INVALID, "other2", "port");
	add(b, KIND_VARIABLE, RECORD_VALUE, "other", "\"1\"");
	add(b, KIND_ENV, RECORD_INVALID, "MINE", "value");
	end_sync(w, b);
	REPLY(alice, "Status", "", COUNTS(4, 1, 1, 2, 2));
	allow(w, true, "uid:1000 conn:mine* env:MINE");
	w->budget = 10; /* a record in a turn */
	REPLY(alice, "Status", "", COUNTS(2, 0, 1, 1, 1));
	assert_in_range(w->n_pieces, 4, 20);
	assert_int_equal(w->n_released, 1);
	w->bob.uid = 0;
	REPLY(bob, "Status", "", COUNTS(4, 1, 1, 2, 2));
}

static void
status_names_a_missing_key_only_to_those_who_may_read_it(void **state)
{
	struct world *w = *state;

	load(w);
	lacking = &(struct config_require){ KIND_CONNECTION, (char[]){ "secret" } };
	REPLY(alice, "Status", "", "\"ready\":false,\"lacks\":\"conn:secret\"");
	allow(w, true, "uid:1000 conn:open");
	allow(w, true, "uid:1001 conn:secret");
	REPLY(alice, "Status", "", "\"ready\":false,\"syncing\"");
	REPLY(bob, "Status", "", "\"lacks\":\"conn:secret\"");
	lacking = NULL;
}

static void
refresh_is_for_administrators(void **state)
{
	struct world *w = *state;
	static const struct acl_lookup lookup = { no_user, no_group };
	struct why why;

	load(w);
	assert_string_equal(reply_to(w, &w->alice, "Refresh", ""), DENIED);
	assert_int_equal(acl_add(w->acl, ACL_ADMIN, "uid:1000", &lookup, &why), 0);
	allow(w, true, "uid:1001 *");
	assert_string_equal(reply_to(w, &w->alice, "Refresh", ""), "{}");
	assert_string_equal(reply_to(w, &w->bob, "Refresh", ""), DENIED);
	REPLY(ghost, "Refresh", "", OVERLOADED);
	REPLY(alice, "Status", "", COUNTS(0, 0, 0, 0, 0));
	assert_string_equal(reply_to(w, &w->alice, "List", ""), DENIED);
	w->bob.uid = 0;
	w->service.refreshed_ms = 0;
	assert_string_equal(reply_to(w, &w->bob, "Refresh", ""), "{}");
	assert_int_equal(w->n_refreshes, 2);
}

static void
refresh_is_done_once_a_second_at_most(void **state)
{
	struct world *w = *state;
	char oneway[] = "{\"method\":\"io.connd.secrets.Refresh\",\"oneway\":true}";

	w->alice.uid = 0;
	assert_string_equal(reply_to(w, &w->alice, "Refresh", ""), "{}");
	w->service.refreshed_ms += 3600000; /* a moment ago, whatever the clock says */
	REPLY(alice, "Refresh", "", "\"retry_ms\":360");
	assert_int_equal(w->n_refreshes, 1);
	w->service.refreshed_ms -= 2 * 3600000;
	buf_reset(&w->reply);
	assert_int_equal(
	    serve_call(&w->service, &w->alice, oneway, strlen(oneway), &w->reply, &w->progress),
	    SERVE_DONE);
	assert_int_equal(w->reply.len, 0);
	assert_int_equal(w->n_refreshes, 2);
}

/* Starts another sync: set_up() starts the first. */
static void
sync_again(struct world *w)
{
	replica_sync_now(w->replica, clock_boot_ms());
	(void)replica_turn(w->replica, clock_boot_ms());
}

/* Calls Watch with `more`; the stream stays in w->progress. */
static enum serve_outcome
watch(struct world *w, struct caller *c)
{
	char frame[] = "{\"method\":\"io.connd.secrets.Watch\",\"more\":true}";

	buf_reset(&w->reply);
	return serve_call(&w->service, c, frame, strlen(frame), &w->reply, &w->progress);
}

/* What the stream writes until it is idle. */
static const char *
watched(struct world *w)
{
	struct stream *s = w->progress.stream;
	size_t budget = w->budget;

	buf_reset(&w->reply);
	for (s->idle = false; !s->idle; budget = w->budget) {
		assert_false(s->fill(s, &w->reply, &budget));
		if (w->reply.len)
			w->reply.data[w->reply.len - 1] = '\n';
	}
	return buf_str(&w->reply);
}

static void
watch_names_what_a_generation_added_changed_and_removed(void **state)
{
	struct world *w = *state;
	struct generation_builder *b = builder(ARENA_LOCK_OFF);

	allow(w, true, "uid:1000 *");
	load(w);
	assert_string_equal(reply_to(w, &w->bob, "Watch", ""), DENIED);
	REPLY(alice, "Watch", "", "org.varlink.service.ExpectedMore");
	assert_int_equal(watch(w, &w->alice), SERVE_STREAMING);
	assert_non_null(strstr(watched(w), "{\"parameters\":{\"changes\":[],\"generation\":"));
	assert_string_equal(watched(w), "");
	sync_again(w);
	add(b, KIND_CONNECTION, RECORD_VALUE, "new", "\"n\"");
	add(b, KIND_CONNECTION, RECORD_VALUE, "open", "\"o\"");
	add(b, KIND_CONNECTION, RECORD_WITHHELD, "shut", "[\"password\"]");
	add(b, KIND_VARIABLE, RECORD_VALUE, "config/x", "\"another\"");
	add(b, KIND_ENV, RECORD_VALUE, "E", "\"e\"");
	end_sync(w, b);
	assert_non_null(strstr(watched(w),
	    "{\"changes\":["
	    "{\"kind\":\"connection\",\"key\":\"new\",\"change\":\"added\"},"
	    "{\"kind\":\"connection\",\"key\":\"red___open\",\"change\":\"removed\"},"
	    "{\"kind\":\"connection\",\"key\":\"shut\",\"change\":\"changed\"},"
	    "{\"kind\":\"variable\",\"key\":\"config/x\",\"change\":\"changed\"},"
	    "{\"kind\":\"variable\",\"key\":\"open\",\"change\":\"removed\"},"
	    "{\"kind\":\"environment-variable\",\"key\":\"E\",\"change\":\"added\"}],"));
	assert_null(strstr(buf_str(&w->reply), "another"));
	assert_string_equal(watched(w), "");
}

static void
watch_shows_a_caller_its_own_keys_only(void **state)
{
	struct world *w = *state;
	struct generation_builder *b = builder(ARENA_LOCK_OFF);

	allow(w, true, "uid:1000 conn:open");
	assert_int_equal(watch(w, &w->alice), SERVE_STREAMING); /* before there is any data */
	assert_non_null(strstr(watched(w), "\"changes\":[],\"generation\":0,"));
	load(w);
	assert_non_null(strstr(watched(w),
	    "{\"changes\":["
	    "{\"kind\":\"connection\",\"key\":\"open\",\"change\":\"added\"}],"));
	sync_again(w);
	add(b, KIND_CONNECTION, RECORD_VALUE, "open", "\"o\"");
	add(b, KIND_CONNECTION, RECORD_VALUE, "shut", "\"another\"");
	end_sync(w, b);
	assert_string_equal(watched(w), "");
}

static void
trace_is_for_administrators_and_shows_lookups(void **state)
{
	struct world *w = *state;
	static const struct acl_lookup lookup = { no_user, no_group };
	struct why why;
	char traced[] = "{\"method\":\"io.connd.secrets.GetConnection\",\"parameters\":"
			"{\"conn_id\":\"open\",\"team\":\"red\"},\"io.connd.trace\":\"ab12\"}";

	load(w);
	assert_int_equal(trace_new(&w->service.trace), 0);
	buf_reset(&w->reply);
	w->service.now_ms = clock_boot_ms();
	assert_int_equal(
	    serve_call(&w->service, &w->alice, traced, strlen(traced), &w->reply, &w->progress),
	    SERVE_DONE);
	REPLY(alice, "GetVariable", "\"key\":\"postgres://u:p@h/d\"", NOT_FOUND);
	assert_string_equal(reply_to(w, &w->alice, "Trace", ""), DENIED);
	assert_int_equal(acl_add(w->acl, ACL_ADMIN, "uid:1000", &lookup, &why), 0);
	REPLY(alice, "Trace", "",
	    "\"key\":\"open\",\"team\":\"red\",\"result\":\"value\",\"age_ms\":");
	REPLY(alice, "Trace", "\"after\":0", "\"trace\":\"ab12\"}");
	REPLY(alice, "Trace", "\"after\":1", "\"result\":\"not-found\"");
	assert_null(strstr(buf_str(&w->reply), "u:p@h"));
	REPLY(alice, "Trace", "\"after\":2", "{\"lookups\":[],\"next\":2}");
	REPLY(alice, "Trace", "\"after\":-1", "InvalidParameter");
	REPLY(alice, "Trace", "\"after\":\"1\"", "InvalidParameter");
	REPLY(alice, "Trace", "\"after\":null", "\"next\":2");
	w->service.trace = trace_free(w->service.trace);
}

static void
explain_names_the_rule_that_decides_for_the_caller(void **state)
{
	struct world *w = *state;

	/* Without rules, and without data. */
	REPLY(alice, "Explain", "\"key\":\"conn:open\"", "{\"parameters\":{\"allowed\":true}}");
	allow(w, false, "uid:1001 conn:shut");
	allow(w, true, "uid:1000 conn:open var:*");
	REPLY(alice, "Explain", "\"key\":\"conn:open\"",
	    "{\"allowed\":true,\"rule\":\"allow = uid:1000 conn:open var:*\"}");
	REPLY(alice, "Explain", "\"key\":\"var:config/y\"", "\"allowed\":true,\"rule\":\"allow");
	REPLY(alice, "Explain", "\"key\":\"env:open\"", "{\"allowed\":false}");
	REPLY(bob, "Explain", "\"key\":\"conn:shut\"",
	    "{\"allowed\":false,\"rule\":\"deny = uid:1001 conn:shut\"}");
	REPLY(bob, "Explain", "\"key\":\"conn:open\"", "{\"allowed\":false}");
	REPLY(ghost, "Explain", "\"key\":\"conn:open\"", OVERLOADED);
	REPLY(alice, "Explain", "\"key\":\"open\"", "InvalidParameter");
	REPLY(alice, "Explain", "\"key\":\"conn:\"", "InvalidParameter");
	REPLY(alice, "Explain", "", "InvalidParameter");
}

static void
no_memory_to_count_is_overloaded(void **state)
{
	struct world *w = *state;

	load(w);
	allow(w, true, "uid:1000 conn:open");
	(void)buf_room(&w->reply, 1024);
	mem_fail_after(0);
	assert_int_equal(call(w, &w->alice, "Status", ""), SERVE_DONE);
	mem_fail_after(-1);
	assert_non_null(strstr(buf_str(&w->reply), OVERLOADED));
}

#define MANY 2000

/* Keys that the caller may not read, and one in the middle that it may. */
static void
load_many(struct world *w)
{
	struct generation_builder *b = builder(ARENA_LOCK_OFF);
	char key[16];

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(key, sizeof key, "k%04d", i);
		add(b, KIND_CONNECTION, RECORD_VALUE, key, "\"1\"");
	}
	end_sync(w, b);
}

static void
a_list_looks_at_a_bounded_number_of_keys_and_rules_in_a_turn(void **state)
{
	struct world *w = *state;
	size_t budget = 500;

	load_many(w);
	for (int i = 0; i < 40; i++)
		allow(w, true, "uid:1000 conn:nothing");
	allow(w, true, "uid:1000 conn:k1000");
	w->budget = 500; /* ten keys: 41 rules with a pattern each, and the key itself */
	REPLY(alice, "List", "", "{\"parameters\":{\"connections\":[\"k1000\"],\"variables\":[]");
	assert_in_range(w->n_pieces, MANY / 10, MANY);
	assert_int_equal(w->n_released, 1);
	assert_int_equal(call(w, &w->alice, "List", ""), SERVE_STREAMING);
	assert_false(w->progress.stream->fill(w->progress.stream, &w->reply, &budget));
	assert_int_equal(budget, 0);
}

static void
watch_compares_a_bounded_number_of_keys_in_a_turn(void **state)
{
	struct world *w = *state;
	size_t budget = 100, pieces = 0;

	allow(w, true, "uid:1000 *");
	assert_int_equal(watch(w, &w->alice), SERVE_STREAMING);
	(void)watched(w);
	load_many(w);
	w->progress.stream->idle = false;
	for (struct stream *s = w->progress.stream; !s->idle; budget = 100, pieces++) {
		assert_false(s->fill(s, &w->reply, &budget));
		buf_reset(&w->reply);
	}
	assert_in_range(pieces, MANY / 12, MANY);
}

static void
a_list_in_several_replies_has_none_that_is_empty_but_the_last(void **state)
{
	struct world *w = *state;
	size_t budget = 0;
	bool over = false;

	load_many(w);
	allow(w, true, "uid:1000 conn:k1*");
	buf_reset(&w->reply);
	assert_int_equal(serve_call(&w->service, &w->alice,
			     (char[]){ "{\"method\":\"io.connd.secrets.List\",\"more\":true}" },
			     strlen("{\"method\":\"io.connd.secrets.List\",\"more\":true}"),
			     &w->reply, &w->progress),
	    SERVE_STREAMING);
	while (!over) {
		buf_reset(&w->reply);
		budget = w->budget;
		over = w->progress.stream->fill(w->progress.stream, &w->reply, &budget);
		if (w->reply.len && !over)
			assert_non_null(strstr(buf_str(&w->reply), "\"k1"));
	}
	assert_null(strstr(buf_str(&w->reply), "continues"));
}

static void
a_permission_that_cannot_be_told_is_overloaded_for_every_method(void **state)
{
	struct world *w = *state;

	load(w);
	allow(w, true, "*");
	REPLY(ghost, "GetConnection", "\"conn_id\":\"open\"", OVERLOADED);
	REPLY(ghost, "GetConnection", "\"conn_id\":\"open\",\"team\":\"red\"", OVERLOADED);
	REPLY(ghost, "GetConnection", "\"conn_id\":\"none\"", OVERLOADED);
	REPLY(ghost, "GetVariable", "\"key\":\"open\"", OVERLOADED);
	REPLY(ghost, "GetConfig", "\"key\":\"x\"", OVERLOADED);
	REPLY(ghost, "List", "", OVERLOADED);
	REPLY(ghost, "Status", "", OVERLOADED);
	probe(w);
	assert_int_equal(w->n_probed, 0);
}

static void
a_teams_denied_key_is_as_if_it_were_absent(void **state)
{
	struct world *w = *state;

	load(w);
	allow(w, false, "* conn:red___*");
	allow(w, true, "*");
	REPLY(alice, "GetConnection", "\"conn_id\":\"open\",\"team\":\"red\"", "\"value\":\"o\"");
	REPLY(alice, "GetConnection", "\"conn_id\":\"none\",\"team\":\"red\"", NOT_FOUND);
	probe(w);
	assert_int_equal(w->n_probed, 1);
	assert_string_equal(w->probed[0], "conn:none");
}

static void
a_team_that_may_read_its_own_keys_only(void **state)
{
	struct world *w = *state;

	load(w);
	allow(w, true, "* conn:red___*");
	REPLY(alice, "GetConnection", "\"conn_id\":\"open\",\"team\":\"red\"", "\"red o\"");
	REPLY(alice, "GetConnection", "\"conn_id\":\"shut\",\"team\":\"red\"", DENIED);
	REPLY(alice, "GetConnection", "\"conn_id\":\"none\",\"team\":\"red\"", DENIED);
	REPLY(alice, "GetConnection", "\"conn_id\":\"none\",\"team\":\"blue\"", DENIED);
	probe(w);
	probe(w);
	probe(w);
	assert_int_equal(w->n_probed, 2);
	assert_string_equal(w->probed[0], "conn:red___none");
	assert_string_equal(w->probed[1], "conn:red___shut");
}

static void
hidden_team_keys_are_not_found_and_not_asked_for(void **state)
{
	struct world *w = *state;

	load(w);
	w->service.hide_teams = true;
	REPLY(alice, "GetConnection", "\"conn_id\":\"red___open\"", NOT_FOUND);
	REPLY(alice, "GetConnection", "\"conn_id\":\"open\",\"team\":\"red\"", "\"red o\"");
	probe(w);
	assert_int_equal(w->n_probed, 0);
}

static void
status_shows_the_parts_that_are_known(void **state)
{
	struct world *w = *state;

	load(w);
	REPLY(alice, "Status", "", "\"organization\":\"org\",\"deployment\":\"dep\"}");
	w->report = (struct report){
		.manager = { .url = "https://m", .deployment_name = "prod" },
		.socket = { .path = "/run/s", .passed = true },
		.token = { .expires_s = 86400, .family_ends_s = 2 * 86400 },
		.push = { .state = REPORT_PUSH_POLLING, .why = "it was \"cut\"" },
		.snapshot = { .state = REPORT_SNAPSHOT_FAILING, .why = "no space" },
	};
	REPLY(alice, "Status", "",
	    "\"manager\":\"https://m\",\"organization\":\"org\",\"deployment\":\"dep\","
	    "\"deployment_name\":\"prod\",\"socket\":\"/run/s\",\"socket_passed\":true,"
	    "\"token_expires\":\"1970-01-02T00:00:00Z\","
	    "\"token_family_ends\":\"1970-01-03T00:00:00Z\",\"push\":\"polling\","
	    "\"push_error\":\"it was \\\"cut\\\"\",\"snapshot\":\"failing\","
	    "\"snapshot_error\":\"no space\"}");
}

static uint64_t
counted(const struct world *w, enum record_kind kind, enum lookup_result r)
{
	return w->service.tally.lookups[kind][r];
}

static void
every_lookup_is_counted_once_by_how_it_ended(void **state)
{
	struct world *w = *state;
	struct tally *t = &w->service.tally;
	uint64_t sum = 0;

	load(w);
	allow(w, false, "* conn:shut");
	allow(w, true, "*");
	REPLY(alice, "GetConnection", "\"conn_id\":\"open\"", "\"o\"");
	REPLY(alice, "GetConnection", "\"conn_id\":\"shut\"", DENIED);
	REPLY(ghost, "GetConnection", "\"conn_id\":\"open\"", OVERLOADED);
	REPLY(alice, "GetVariable", "\"key\":\"none\"", NOT_FOUND);
	REPLY(alice, "GetConfig", "\"key\":\"x\"", "\"cx\"");
	REPLY(alice, "Status", "", "fresh");
	assert_int_equal(counted(w, KIND_CONNECTION, LOOKUP_VALUE), 1);
	assert_int_equal(counted(w, KIND_CONNECTION, LOOKUP_DENIED), 1);
	assert_int_equal(counted(w, KIND_CONNECTION, LOOKUP_OVERLOADED), 1);
	assert_int_equal(counted(w, KIND_VARIABLE, LOOKUP_NOT_FOUND), 1);
	assert_int_equal(counted(w, KIND_VARIABLE, LOOKUP_VALUE), 1);
	for (int k = 0; k < N_KINDS; k++)
		for (int r = 0; r < N_LOOKUP_RESULTS; r++)
			sum += t->lookups[k][r];
	assert_int_equal(sum, 5);
	tally_sent(t, 25);
	tally_sent(t, 7);
	assert_int_equal(t->timed[1], 5);
	assert_int_equal(t->sum_us, 125);
}

static void
a_response_that_is_replaced_is_counted_as_overloaded(void **state)
{
	struct world *w = *state;
	struct tally *t = &w->service.tally;

	load(w);
	REPLY(alice, "GetConnection", "\"conn_id\":\"open\"", "\"o\"");
	tally_overload(t);
	tally_overload(t);
	REPLY(alice, "Status", "", "fresh");
	tally_overload(t); /* Status is not a lookup */
	assert_int_equal(counted(w, KIND_CONNECTION, LOOKUP_VALUE), 0);
	assert_int_equal(counted(w, KIND_CONNECTION, LOOKUP_OVERLOADED), 1);
	tally_sent(t, 6000000);
	assert_int_equal(t->timed[TALLY_BOUNDS], 1);
}

static void
a_denied_caller_does_not_wait_for_the_first_data(void **state)
{
	struct world *w = *state;

	allow(w, false, "* conn:shut");
	allow(w, true, "uid:1000");
	REPLY(alice, "GetConnection", "\"conn_id\":\"shut\"", DENIED);
	REPLY(bob, "GetConnection", "\"conn_id\":\"open\"", DENIED);
	REPLY(ghost, "GetConnection", "\"conn_id\":\"open\"", OVERLOADED);
	assert_int_equal(w->n_waits, 0);
	assert_int_equal(
	    call(w, &w->alice, "GetConnection", "\"conn_id\":\"open\""), SERVE_PENDING);
	assert_int_equal(w->n_waits, 1);
}

static void
rules_that_change_while_a_lookup_waits_decide_its_response(void **state)
{
	struct world *w = *state;

	assert_int_equal(
	    call(w, &w->alice, "GetConnection", "\"conn_id\":\"open\""), SERVE_PENDING);
	allow(w, true, "uid:1001");
	load(w);
	assert_int_equal(w->n_ready, 1);
	w->progress.pending->write(w->progress.pending, &w->reply);
	assert_string_equal(buf_str(&w->reply), DENIED);
}

static void
a_waiting_lookup_keeps_its_team_and_key(void **state)
{
	struct world *w = *state;

	assert_int_equal(
	    call(w, &w->alice, "GetConnection", "\"conn_id\":\"open\",\"team\":\"red\""),
	    SERVE_PENDING);
	load(w);
	w->progress.pending->write(w->progress.pending, &w->reply);
	assert_non_null(strstr(buf_str(&w->reply), "\"red o\""));
}

static void
no_memory_to_wait_is_overloaded(void **state)
{
	struct world *w = *state;

	assert_non_null(buf_room(&w->reply, 512));
	mem_fail_after(0);
	assert_int_equal(call(w, &w->alice, "GetConnection", "\"conn_id\":\"open\""), SERVE_DONE);
	mem_fail_after(-1);
	assert_non_null(strstr(buf_str(&w->reply), OVERLOADED));
	assert_int_equal(w->n_waits, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_rules_every_method_answers),
		TEST(environment_variables_are_served_and_listed),
		TEST(a_denial_is_the_same_whether_the_key_exists_or_not),
		TEST(list_and_status_are_for_callers_who_may_read_any_key),
		TEST(status_counts_what_the_caller_may_read),
		TEST(status_names_a_missing_key_only_to_those_who_may_read_it),
		TEST(refresh_is_for_administrators),
		TEST(refresh_is_done_once_a_second_at_most),
		TEST(trace_is_for_administrators_and_shows_lookups),
		TEST(explain_names_the_rule_that_decides_for_the_caller),
		TEST(watch_names_what_a_generation_added_changed_and_removed),
		TEST(watch_shows_a_caller_its_own_keys_only),
		TEST(watch_compares_a_bounded_number_of_keys_in_a_turn),
		TEST(no_memory_to_count_is_overloaded),
		TEST(a_list_looks_at_a_bounded_number_of_keys_and_rules_in_a_turn),
		TEST(a_list_in_several_replies_has_none_that_is_empty_but_the_last),
		TEST(a_permission_that_cannot_be_told_is_overloaded_for_every_method),
		TEST(a_teams_denied_key_is_as_if_it_were_absent),
		TEST(a_team_that_may_read_its_own_keys_only),
		TEST(hidden_team_keys_are_not_found_and_not_asked_for),
		TEST(status_shows_the_parts_that_are_known),
		TEST(every_lookup_is_counted_once_by_how_it_ended),
		TEST(a_response_that_is_replaced_is_counted_as_overloaded),
		TEST(a_denied_caller_does_not_wait_for_the_first_data),
		TEST(rules_that_change_while_a_lookup_waits_decide_its_response),
		TEST(a_waiting_lookup_keeps_its_team_and_key),
		TEST(no_memory_to_wait_is_overloaded),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("serve", tests, NULL, NULL);
}
