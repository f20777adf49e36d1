/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties of the PostgreSQL engine: several managers on one database know each other's changes;
 * what the database does not answer is an error; sessions are bounded; no password is in a message.
 */
#include "tests/unit/store_fixture.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/mem.h"
#include "manager/store/history.h"
#include "manager/store/postgres/postgres.h"
#include "manager/store/transfer.h"
#include "tests/unit/postgres.h"

static void
join(struct fixture *f, struct fixture *other)
{
	struct why why = { "" };

	*other = *f;
	other->n_events = 0;
	other->keys = keys_from_bytes(test_kek);
	if (store_open(&other->s, f->where, other->keys, &why) != 0)
		fail_msg("%s", why.text);
	assert_int_equal(store_watch(other->s, on_event, other), 0);
	store_turn(other->s); /* connects, and listens */
}

static void
leave(struct fixture *other)
{
	store_close(other->s);
	keys_free(other->keys);
}

/* Waits for a notification, as a server does, and takes its turn. */
static void
hear(struct fixture *other)
{
	struct pollfd p = { .fd = store_notify_fd(other->s), .events = POLLIN };

	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, 10000), 1);
	store_turn(other->s);
}

static void
another_manager_hears_of_a_change(void **state)
{
	struct fixture *f = *state, other;
	struct store_version before, mine;
	struct id id;

	join(f, &other);
	before = version_of(&other, SCOPE_DEPLOYMENT, f->dep[0], STORE_ALL_TYPES, false);
	assert_int_equal(CREATE(f, &id, VAR, "k", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	hear(&other);
	assert_true(other.n_events > 0);
	for (size_t i = 0; i < other.n_events; i++)
		assert_int_equal(other.events[i].kind, STORE_EVENT_VIEW);
	mine = version_of(f, SCOPE_DEPLOYMENT, f->dep[0], STORE_ALL_TYPES, false);
	assert_true(mine.number > before.number);
	assert_true(store_version_equal(&mine,
	    &(struct store_version[]){
		version_of(&other, SCOPE_DEPLOYMENT, f->dep[0], STORE_ALL_TYPES, false) }[0]));
	assert_list(&other, &VIEW(f->dep[0]), 1, "k=1");
	leave(&other);
}

/* What was notified while the connection was lost is read when there is one again. */
static void
a_lost_notification_loses_nothing(void **state)
{
	struct fixture *f = *state, other;
	struct id id;

	join(f, &other);
	pg_drop(&postgres_of(other.s)->listener.db);
	assert_int_equal(CREATE(f, &id, VAR, "k", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(other.n_events, 0);
	store_turn(other.s);
	assert_true(other.n_events > 0);
	leave(&other);
}

static struct store_version
version_at(struct fixture *f)
{
	return version_of(f, SCOPE_DEPLOYMENT, f->dep[0], STORE_ALL_TYPES, false);
}

/* A new primary may lack the last changes; the next ones get their numbers. */
static void
changes_that_a_new_primary_lacks_are_forgotten(void **state)
{
	struct fixture *f = *state, other;
	struct store_version kept, lost, now;
	struct id id;

	join(f, &other);
	assert_int_equal(CREATE(f, &id, VAR, "k", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	hear(&other);
	kept = version_at(&other);
	(void)test_postgres_run("CREATE TABLE was AS TABLE change");
	assert_int_equal(CREATE(f, &id, VAR, "l", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	hear(&other);
	lost = version_at(&other);
	(void)test_postgres_run("DELETE FROM change");
	(void)test_postgres_run("INSERT INTO change TABLE was");
	(void)test_postgres_run("DELETE FROM object WHERE key = 'l'");
	(void)test_postgres_run("UPDATE state SET change_number = change_number - 1");
	other.n_events = 0;
	pg_drop(&postgres_of(other.s)->listener.db);
	store_turn(other.s);
	assert_int_equal(other.n_events, 1);
	assert_int_equal(other.events[0].kind, STORE_EVENT_ALL);
	now = version_at(&other);
	assert_true(store_version_equal(&now, &kept));
	assert_list(&other, &VIEW(f->dep[0]), 1, "k=1");
	assert_int_equal(CREATE(f, &id, VAR, "m", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	hear(&other);
	now = version_at(&other);
	assert_int_equal(now.number, lost.number);
	assert_false(store_version_equal(&now, &lost));
	assert_list(&other, &VIEW(f->dep[0]), 2, "k=1 m=1");
	leave(&other);
}

static void
another_manager_hears_of_revocations_and_switches(void **state)
{
	struct fixture *f = *state, other;
	struct store_token t = { .name = SPAN_LITERAL("jo"),
		.subject = { .organization = f->org,
		    .scope = SCOPE_WORKSPACE,
		    .scope_id = f->ws,
		    .role = ROLE_MEMBER },
		.workspace = f->ws };
	struct store_entity e;
	uint64_t rights;

	store_new_id(&t.id);
	t.family.id = t.id;
	assert_int_equal(
	    store_token_create(f->s, &t, (const uint8_t[STORE_JTI_HASH_SIZE]){ 1 }, &nobody), 0);
	join(f, &other);
	assert_int_equal(store_entity_get(other.s, SCOPE_ORGANIZATION, &f->org, &e), 0);
	assert_true(e.secrets_fetching);
	rights = store_rights(other.s);
	assert_int_equal(store_token_revoke(f->s, &t.id, 1000, &nobody), 0);
	hear(&other);
	assert_true(store_rights(other.s) > rights);
	assert_int_equal(other.n_events, 1);
	assert_int_equal(other.events[0].kind, STORE_EVENT_TOKEN);
	assert_true(id_equal(&other.events[0].id, &t.id));
	other.n_events = 0;
	assert_int_equal(store_organization_set_secrets(f->s, &f->org, false, &nobody), 0);
	hear(&other);
	assert_int_equal(other.n_events, 1);
	assert_int_equal(other.events[0].kind, STORE_EVENT_ORGANIZATION);
	assert_int_equal(store_entity_get(other.s, SCOPE_ORGANIZATION, &f->org, &e), 0);
	assert_false(e.secrets_fetching);
	leave(&other);
}

/* A manager that has not reached the database for a second refuses, and recovers by itself. */
static void
who_hears_nothing_trusts_nothing(void **state)
{
	struct fixture *f = *state;
	struct postgres_store *p = postgres_of(f->s);
	struct store_entity e;

	store_turn(f->s);
	assert_int_equal(store_entity_get(f->s, SCOPE_WORKSPACE, &f->ws, &e), 0);
	(void)store_session_end(f->s);
	p->heard_ms -= 1000;
	assert_int_equal(store_entity_get(f->s, SCOPE_WORKSPACE, &f->ws, &e), -ENOTCONN);
	assert_int_equal(
	    store_entity_create(f->s, SCOPE_WORKSPACE, &f->org, NAMED("new"), &nobody, &f->project),
	    -ENOTCONN);
	(void)store_session_end(f->s);
	p->look_ms = 0;
	store_turn(f->s);
	assert_int_equal(store_entity_get(f->s, SCOPE_WORKSPACE, &f->ws, &e), 0);
}

/* The server ends every connection. What was not committed is not there; the next call connects. */
static void
a_lost_connection_is_made_again(void **state)
{
	struct fixture *f = *state;
	struct store_entity e;
	struct id id;

	assert_int_equal(tx_begin(f->s), 0);
	(void)test_postgres_number("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
				   "WHERE datname = 'store' AND pid <> pg_backend_pid()");
	assert_int_equal(tx_end(f->s, tx_touch_object(f->s, 1)), -ENOTCONN);
	assert_false(store_in_transaction(f->s));
	(void)store_session_end(f->s);
	assert_int_equal(store_entity_get(f->s, SCOPE_WORKSPACE, &f->ws, &e), 0);
	assert_int_equal(
	    store_entity_create(f->s, SCOPE_WORKSPACE, &f->org, NAMED("new"), &nobody, &id), 0);
}

/* A read-only server takes no change, and says which kind of error it is. */
static void
a_read_only_database_takes_no_change(void **state)
{
	struct fixture *f = *state;
	struct id id;

	struct why why = { "" };

	(void)store_session_end(f->s);
	assert_int_equal(pg_exec(&postgres_of(f->s)->sessions[0].db,
			     "SET default_transaction_read_only = on", NULL),
	    0);
	assert_int_equal(
	    pg_check_primary(&postgres_of(f->s)->sessions[0].db, &(int64_t){ 0 }, &why), -ENOTCONN);
	assert_non_null(strstr(why.text, "read-only"));
	assert_int_equal(
	    store_entity_create(f->s, SCOPE_WORKSPACE, &f->org, NAMED("new"), &nobody, &id),
	    -ENOTCONN);
	assert_false(store_in_transaction(f->s));
}

static int
no_session_comes_free(void *arg, int fd, short events, int timeout_ms)
{
	unsigned *asked = arg;

	assert_int_equal(fd, -1);
	assert_int_equal(events, 0);
	assert_true(timeout_ms > 0);
	++*asked;
	return 0;
}

static void
sessions_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct postgres_store *p = postgres_of(f->s);
	struct store_entity e;
	unsigned asked = 0;

	(void)store_session_end(f->s);
	assert_int_equal(store_set_options(f->s, &(struct store_options){ .connections = 2 }), 0);
	p->sessions[0].is_taken = p->sessions[1].is_taken = true;
	store_set_wait(f->s, no_session_comes_free, &asked);
	assert_int_equal(store_entity_get(f->s, SCOPE_WORKSPACE, &f->ws, &e), -EBUSY);
	assert_int_equal(asked, 1);
	(void)store_session_end(f->s);
	store_set_wait(f->s, NULL, NULL);
	p->sessions[0].is_taken = p->sessions[1].is_taken = false;
	assert_int_equal(store_entity_get(f->s, SCOPE_WORKSPACE, &f->ws, &e), 0);
	assert_int_equal(store_session_end(f->s), 1);
	assert_int_equal(store_session_end(f->s), 0);
}

/* A list of more rows than one batch, and a change in its middle. */
static void
a_long_list_is_of_one_instant(void **state)
{
	struct fixture *f = *state;
	struct store_query q = VIEW(f->dep[0]);
	struct store_version version;
	struct store_cursor *c;
	struct store_object o;
	struct id id;
	char key[16];
	int n = 0, r;

	for (int i = 0; i < 150; i++) {
		(void)snprintf(key, sizeof key, "k%03d", i);
		assert_int_equal(
		    CREATE(f, &id, VAR, key, V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	}
	assert_int_equal(store_list(f->s, &q, &c, &version), 0);
	assert_int_equal(store_list_total(c), 150);
	while ((r = store_list_next(c, &o)) == 1) {
		(void)snprintf(key, sizeof key, "k%03d", n++);
		assert_true(span_is(o.key, key));
		assert_span(o.value, V("1"));
		(void)store_session_end(f->s); /* the cursor keeps its own */
		if (n == 10)                   /* the last of them */
			assert_int_equal(UPDATE(f, &id, VAR, NULL, V("2"), NULL), 0);
	}
	assert_int_equal(r, 0);
	assert_int_equal(n, 150);
	store_list_close(c);
	q.offset = 100;
	q.limit = 70;
	assert_int_equal(store_list(f->s, &q, &c, &version), 0);
	for (n = 100; (r = store_list_next(c, &o)) == 1; n++)
		;
	assert_int_equal(n, 150);
	assert_span(o.value, V("2"));
	store_list_close(c);
}

static void
a_text_that_is_not_utf8_finds_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_query q = VIEW(f->dep[0]);
	struct store_version version;
	struct store_cursor *c;
	struct store_object o;

	q.key = SPAN_LITERAL("a\0b\377");
	assert_int_equal(store_list(f->s, &q, &c, &version), 0);
	assert_int_equal(store_list_next(c, &o), 0);
	store_list_close(c);
}

static void
a_url_that_leads_nowhere_says_so_without_its_password(void **state)
{
	static const char *const urls[] = {
		"postgresql://jo:sekrit@127.0.0.1:1/x?connect_timeout=2",
		"postgresql://jo:sekrit@/x?host=/nonexistent",
		"postgresql://jo:sekrit@[/x",
		"postgresql://jo@/x?password=sekrit&nosuch=1",
	};
	struct keys *keys = keys_from_bytes(test_kek);
	struct store *s;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(urls); i++) {
		struct why why = { "" };

		assert_true(store_open(&s, urls[i], keys, &why) < 0);
		assert_null(s);
		assert_true(strlen(why.text) > 20);
		assert_null(strstr(why.text, "sekrit"));
	}
	keys_free(keys);
}

/* What libpq 14 to 17 say, with PQERRORS_VERBOSE. */
#define AT(host) "connection to server at \"" host "\", port 5432 failed: "
static void
what_a_person_has_to_mend_is_told_from_what_passes(void **state)
{
	static const struct {
		const char *text, *step; /* NULL: it may pass */
	} cases[] = {
		{ AT("a") "FATAL:  28P01: password authentication failed for user \"x\"\n"
			  "LOCATION:  auth_failed, auth.c:326\n",
		    "password" },
		{ AT("a") "FATAL:  28000: no pg_hba.conf entry for host\nLOCATION:  x, y.c:1\n",
		    "pg_hba.conf" },
		{ AT("a") "FATAL:  3D000: database \"x\" does not exist\n", "createdb" },
		{ AT("a") "FATAL:  42501: permission denied for database \"x\"\n", "GRANT" },
		{ "invalid sslmode value: \"nonsense\"\n", "parameters" },
		{ AT("a") "Connection refused\n\tIs the server running on that host?\n", NULL },
		{ AT("a") "FATAL:  57P03: the database system is starting up\n", NULL },
		{ AT("a") "FATAL:  53300: sorry, too many clients already\n", NULL },
		{ AT("a") "session is read-only\n", NULL },
		{ "could not translate host name \"a\" to address: Name or service not known\n",
		    NULL },
		{ AT("a") "FATAL:  08P01: server login has been failing\n", NULL },
		/* The one that is away may accept what the other one refuses. */
		{ AT("a") "Connection refused\n" AT("b") "FATAL:  28P01: password failed\n", NULL },
		{ AT("a") "FATAL:  28000: no entry, SSL encryption\n" AT(
		      "a") "FATAL:  28000: no entry, no encryption\n",
		    "pg_hba.conf" },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
		const char *step = pg_refusal(cases[i].text);

		assert_int_equal(step != NULL, cases[i].step != NULL);
		if (step)
			assert_non_null(strstr(step, cases[i].step));
	}
}

static void
one_database_has_one_store(void **state)
{
	struct fixture *f = *state;
	const uint8_t other[SEAL_KEY_SIZE] = { 9 };
	struct keys *wrong = keys_from_bytes(other);
	struct why why = { "" };
	struct store *s;

	assert_int_equal(store_create(&s, f->where, f->keys, &why), -EEXIST);
	assert_int_equal(store_open(&s, f->where, wrong, &why), -EKEYREJECTED);
	assert_int_equal(store_backup(f->s, "/nonexistent", &why), -EOPNOTSUPP);
	(void)test_postgres_fresh();
	assert_int_equal(store_open(&s, f->where, f->keys, &why), -ENOENT);
	keys_free(wrong);
}

/* A newer program's schema serves this one as long as the database says so. */
static void
a_newer_schema_serves_the_programs_it_names(void **state)
{
	struct fixture *f = *state;
	struct why why = { "" };
	struct {
		char dir[TEST_DIR_SIZE];
		struct store *s;
		struct store_transfer transfer;
	} copy;
	struct store_entity e;
	struct store *s;
	struct id id;

	store_turn(f->s);
	(void)test_postgres_run("UPDATE program SET schema = 99, version = '9.8.7'");
	assert_int_equal(store_open(&s, f->where, f->keys, &why), 0);
	store_close(s);
	test_dir_make(copy.dir, "test_store_copy");
	assert_int_equal(store_create(&copy.s, copy.dir, f->keys, &why), 0);
	assert_int_equal(store_open(&s, f->where, f->keys, &why), 0);
	assert_int_equal(store_transfer(copy.s, s, &copy.transfer, &why), -EPROTO);
	store_close(s);
	store_close(copy.s);
	test_dir_remove(copy.dir);
	(void)test_postgres_run("UPDATE program SET oldest = 99");
	assert_int_equal(
	    store_entity_create(f->s, SCOPE_WORKSPACE, &f->org, NAMED("new"), &nobody, &id),
	    -ENOTCONN);
	(void)store_session_end(f->s);
	postgres_of(f->s)->look_ms = 0;
	store_turn(f->s);
	assert_int_equal(store_entity_get(f->s, SCOPE_WORKSPACE, &f->ws, &e), -ENOTCONN);
	(void)store_session_end(f->s);
	assert_int_equal(store_open(&s, f->where, f->keys, &why), -EPROTO);
	assert_non_null(strstr(why.text, "use connd-manager 9.8.7 or newer"));
	(void)test_postgres_run("UPDATE program SET oldest = 1");
	postgres_of(f->s)->look_ms = 0;
	store_turn(f->s);
	assert_int_equal(store_entity_get(f->s, SCOPE_WORKSPACE, &f->ws, &e), 0);
}

static void
another_key_opens_all_of_it(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct id id, linked;

	assert_int_equal(CREATE(f, &id, VAR, "k", V("1"), NULL, SCOPE_DEPLOYMENT, &f->dep[0]), 0);
	assert_int_equal(CREATE(f, &linked, VAR, "l", V("1"), NULL, SCOPE_WORKSPACE, &f->ws, false,
			     { &f->dep[0] }, { "{\"value\":\"2\"}" }),
	    0);
	assert_int_equal(store_rewrap(f->s), 0);
	reopen(f);
	get(f, &id, &o);
	assert_span(o.value, V("1"));
	assert_list(f, &VIEW(f->dep[0]), 2, "k=1 >l=2");
	assert_int_equal(store_object_restore(f->s, &id, 1, NULL, &nobody), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(another_manager_hears_of_a_change),
		STORE_TEST(a_lost_notification_loses_nothing),
		STORE_TEST(changes_that_a_new_primary_lacks_are_forgotten),
		STORE_TEST(another_manager_hears_of_revocations_and_switches),
		STORE_TEST(who_hears_nothing_trusts_nothing),
		STORE_TEST(a_lost_connection_is_made_again),
		STORE_TEST(a_read_only_database_takes_no_change),
		STORE_TEST(sessions_are_bounded),
		STORE_TEST(a_long_list_is_of_one_instant),
		STORE_TEST(a_text_that_is_not_utf8_finds_nothing),
		cmocka_unit_test(a_url_that_leads_nowhere_says_so_without_its_password),
		cmocka_unit_test(what_a_person_has_to_mend_is_told_from_what_passes),
		STORE_TEST(one_database_has_one_store),
		STORE_TEST(a_newer_schema_serves_the_programs_it_names),
		STORE_TEST(another_key_opens_all_of_it),
	};

	store_on_postgres = true;
	return cmocka_run_group_tests(tests, store_start, NULL);
}
