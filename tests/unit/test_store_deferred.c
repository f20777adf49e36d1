/* SPDX-License-Identifier: Apache-2.0 */
/* Revocations and the switch when the disk is full, and the space reserved for them. */
#include "tests/unit/store_fixture.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manager/store/sqlite/sqlite.h"

#define NOW INT64_C(1700000000000)

/* Runs a pragma that limits the size of the database, which acts like a full disk. */
static void
set_disk(struct fixture *f, const char *pragma)
{
	assert_int_equal(sqlite3_exec(sqlite_of(f->s)->db.h, pragma, NULL, NULL, NULL), SQLITE_OK);
}

static struct id
make_token(struct fixture *f)
{
	static uint8_t serial;
	uint8_t hash[STORE_JTI_HASH_SIZE] = { ++serial };
	struct store_token t = { .name = SPAN_LITERAL("worker"),
		.subject = { .organization = f->org,
		    .scope = SCOPE_WORKSPACE,
		    .scope_id = f->ws,
		    .role = ROLE_MEMBER },
		.workspace = f->ws,
		.created_ms = NOW };

	store_new_id(&t.id);
	t.family = (struct store_family){ t.id, NOW, 0 };
	assert_int_equal(store_token_create(f->s, &t, hash, &nobody), 0);
	return t.id;
}

static bool
is_revoked(struct fixture *f, const struct id *id)
{
	struct store_token t;

	assert_int_equal(store_token_get(f->s, id, &t), 0);
	return t.revoked_ms;
}

static bool
fetches_secrets(struct fixture *f)
{
	struct store_entity e;

	assert_int_equal(store_entity_get(f->s, SCOPE_ORGANIZATION, &f->org, &e), 0);
	return e.secrets_fetching;
}

static uint64_t
in_memory(struct fixture *f)
{
	struct store_stats stats;

	assert_int_equal(store_stats(f->s, &stats), 0);
	return stats.in_memory;
}

static void
without_a_server_a_failed_revocation_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct id id = make_token(f);

	set_disk(f, "PRAGMA query_only = ON");
	assert_int_equal(store_token_revoke(f->s, &id, NOW, &nobody), -EROFS);
	assert_int_equal(store_organization_set_secrets(f->s, &f->org, false, &nobody), -EROFS);
	assert_false(is_revoked(f, &id));
	assert_true(fetches_secrets(f));
}

static void
a_revocation_that_cannot_be_written_is_in_effect(void **state)
{
	struct fixture *f = *state;
	struct store_actor jo = { .name = SPAN_LITERAL("jo") };
	struct id id = make_token(f), other = make_token(f), nothing;
	uint64_t rights;

	store_keep_reserve(f->s);
	set_disk(f, "PRAGMA query_only = ON");
	assert_int_equal(store_watch(f->s, on_event, f), 0);
	rights = store_rights(f->s);
	assert_int_equal(store_token_revoke(f->s, &id, NOW, &jo), STORE_NOT_DURABLE);
	assert_int_equal(store_token_revoke(f->s, &id, NOW, &jo), STORE_NOT_DURABLE);
	store_new_id(&nothing);
	assert_int_equal(store_token_revoke(f->s, &nothing, NOW, &jo), STORE_NOT_FOUND);
	assert_true(is_revoked(f, &id));
	assert_false(is_revoked(f, &other));
	assert_true(store_rights(f->s) != rights);
	assert_int_equal(f->events[0].kind, STORE_EVENT_TOKEN);
	assert_true(id_equal(&f->events[0].id, &id));
	assert_int_equal(in_memory(f), 1);
	/* Housekeeping tries again, and writes the change with its original time. */
	store_tidy(f->s);
	assert_int_equal(in_memory(f), 1);
	set_disk(f, "PRAGMA query_only = OFF");
	store_tidy(f->s);
	assert_int_equal(in_memory(f), 0);
	assert_audit(f, &id,
	    "REVOKE_TOKEN worker 0 [] jo; CREATE_TOKEN worker 0 "
	    "[\"name\",\"scope\",\"role\",\"expiry\"] ");
	reopen(f);
	assert_true(is_revoked(f, &id));
	assert_false(is_revoked(f, &other));
}

static void
the_switch_that_cannot_be_written_is_off(void **state)
{
	struct fixture *f = *state;
	const struct store_entity_set both = { .name = SPAN_LITERAL("x"), .has_secrets = true };

	store_keep_reserve(f->s);
	assert_true(fetches_secrets(f));
	set_disk(f, "PRAGMA query_only = ON");
	/* Only changes that must not fail succeed. */
	assert_int_equal(
	    store_entity_update(f->s, SCOPE_ORGANIZATION, &f->org, &both, &nobody), -EROFS);
	assert_true(fetches_secrets(f));
	assert_int_equal(
	    store_organization_set_secrets(f->s, &f->org, false, &nobody), STORE_NOT_DURABLE);
	assert_false(fetches_secrets(f));
	assert_int_equal(store_organization_set_secrets(f->s, &f->org, true, &nobody), -EROFS);
	assert_false(fetches_secrets(f));
	set_disk(f, "PRAGMA query_only = OFF");
	store_tidy(f->s);
	assert_int_equal(in_memory(f), 0);
	reopen(f);
	assert_false(fetches_secrets(f));
	assert_audit(f, &f->org,
	    "UPDATE_ENTITY acme 0 [\"environmentSecretsFetching\"] ; "
	    "CREATE_ENTITY acme 0 [\"name\"] ");
}

static void
the_switch_goes_on_again_before_it_was_written(void **state)
{
	struct fixture *f = *state;

	store_keep_reserve(f->s);
	set_disk(f, "PRAGMA query_only = ON");
	assert_int_equal(
	    store_organization_set_secrets(f->s, &f->org, false, &nobody), STORE_NOT_DURABLE);
	set_disk(f, "PRAGMA query_only = OFF");
	assert_int_equal(store_organization_set_secrets(f->s, &f->org, true, &nobody), 0);
	assert_true(fetches_secrets(f));
	store_tidy(f->s);
	assert_true(fetches_secrets(f));
	reopen(f);
	assert_true(fetches_secrets(f));
}

static void
what_is_in_memory_is_written_when_the_store_closes(void **state)
{
	struct fixture *f = *state;
	struct id id = make_token(f);

	store_keep_reserve(f->s);
	set_disk(f, "PRAGMA query_only = ON");
	assert_int_equal(store_token_revoke(f->s, &id, NOW, &nobody), STORE_NOT_DURABLE);
	set_disk(f, "PRAGMA query_only = OFF");
	reopen(f);
	assert_true(is_revoked(f, &id));
}

static void
memory_takes_no_more_than_it_can_hold(void **state)
{
	struct fixture *f = *state;
	struct id last = { "" };

	store_keep_reserve(f->s);
	for (size_t i = 0; i < MAX_DEFERRED + 1; i++) {
		struct deferred d = { .kind = STORE_EVENT_TOKEN };
		int want = i < MAX_DEFERRED ? STORE_NOT_DURABLE : -EROFS;

		store_new_id(&d.id);
		last = d.token = d.id;
		set_disk(f, "PRAGMA query_only = ON");
		assert_int_equal(deferred_run(f->s, &d, &nobody), want);
	}
	assert_null(deferred_find(f->s, STORE_EVENT_TOKEN, &last));
	/* Those tokens do not exist (any more), so nothing is left to write. */
	set_disk(f, "PRAGMA query_only = OFF");
	store_tidy(f->s);
	assert_int_equal(in_memory(f), 0);
}

static int64_t
reserve_bytes(struct fixture *f)
{
	char path[TEST_DIR_SIZE + 32];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/manager.reserve", f->dir);
	return stat(path, &st) == 0 ? (int64_t)st.st_blocks * 512 : -1;
}

static void
space_is_kept_and_used_for_what_must_not_fail(void **state)
{
	struct fixture *f = *state;
	struct id id = make_token(f), dep;

	assert_int_equal(reserve_bytes(f), -1);
	store_keep_reserve(f->s);
	assert_true(reserve_bytes(f) >= 4 * 1024 * 1024);
	/* The database has reached its limit: nothing is written, and the reserve is released. */
	set_disk(f, "PRAGMA max_page_count = 1");
	for (int i = 0; i < 300; i++)
		if (store_entity_create(f->s, SCOPE_DEPLOYMENT, &f->ws,
			&(struct store_entity_set){ .name = SPAN_LITERAL("filler") }, &nobody,
			&dep) != 0 ||
		    store_entity_delete(f->s, SCOPE_DEPLOYMENT, &dep, &nobody) != 0)
			break;
	assert_int_equal(
	    store_entity_create(f->s, SCOPE_DEPLOYMENT, &f->ws, NAMED("refused"), &nobody, &dep),
	    -ENOSPC);
	assert_true(reserve_bytes(f) > 0);
	while (reserve_bytes(f) > 0)
		assert_int_not_equal(store_token_revoke(f->s, &id, NOW, &nobody), -ENOSPC);
	assert_true(is_revoked(f, &id));
	/* There is space again: the reserve is made first. */
	set_disk(f, "PRAGMA max_page_count = 100000");
	assert_int_equal(
	    store_entity_create(f->s, SCOPE_DEPLOYMENT, &f->ws, NAMED("taken"), &nobody, &dep), 0);
	assert_true(reserve_bytes(f) >= 4 * 1024 * 1024);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(without_a_server_a_failed_revocation_is_an_error),
		STORE_TEST(a_revocation_that_cannot_be_written_is_in_effect),
		STORE_TEST(the_switch_that_cannot_be_written_is_off),
		STORE_TEST(the_switch_goes_on_again_before_it_was_written),
		STORE_TEST(what_is_in_memory_is_written_when_the_store_closes),
		STORE_TEST(memory_takes_no_more_than_it_can_hold),
		STORE_TEST(space_is_kept_and_used_for_what_must_not_fail),
	};

	return cmocka_run_group_tests(tests, store_start, NULL);
}
