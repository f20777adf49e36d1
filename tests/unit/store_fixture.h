/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store with an organization, two Workspaces and four Deployments, and short forms of the calls
 * that tests make. A function fails the test if its step fails, unless it returns the store's
 * result.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "manager/store/history.h"
#include "manager/store/store.h"
#include "tests/unit/check.h"
#include "tests/unit/store_places.h"

#define CONN MANAGER_CONNECTION
#define VAR  MANAGER_AIRFLOW_VARIABLE

#define NAMED(name_) (&(const struct store_entity_set){ .name = SPAN_LITERAL(name_) })

extern const struct store_actor nobody;
extern const uint8_t test_kek[SEAL_KEY_SIZE];

struct fixture {
	char dir[TEST_DIR_SIZE];
	const char *where; /* dir, or the URL of a database */
	struct keys *keys;
	struct store *s;
	struct id org, ws, ws2, dep[3], far; /* far: in the second Workspace */
	struct id project;                   /* created by the tests that need one */
	struct store_holder *h;
	struct store_event events[64];
	size_t n_events;
	int64_t numbers[9]; /* at the last call of moved() */
};

/* For cmocka: of the group, of each test. */
int store_start(void **state);
int store_set_up(void **state);
int store_tear_down(void **state);
/* Runs the tests on SQLite, then on PostgreSQL. 0: all have passed, both times. */
int store_run(const struct CMUnitTest *tests, size_t n);
extern bool store_on_postgres;
void edit_closed(struct fixture *f, const char *sql); /* changes rows of a closed store */
/* Closes the store, changes rows, and opens it again. */
void edit(struct fixture *f, const char *sql);
/* The one number that a statement returns, past the store. */
int64_t number(struct fixture *f, const char *sql);
#define STORE_TEST(fn) cmocka_unit_test_setup_teardown(fn, store_set_up, store_tear_down)

void reopen(struct fixture *f);
/* For store_watch(): appends to f->events. */
void on_event(void *arg, const struct store_event *e);

/* Tests leave out members of requests on purpose. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct given {
	enum manager_type type;
	const char *key, *value, *description;
	enum scope scope;
	const struct id *at;
	bool auto_link;
	const struct id *link[3]; /* with .override below */
	const char *override[3];  /* NULL: not given; "": given and empty */
	const struct id *exclude[3];
	bool auto_link_projects;
};

/* Creates or updates. expect: the expected state for an update, or NULL. */
int ask(struct fixture *f, const struct given *g, struct id *id, bool update,
    const struct store_version *expect, struct store_fault *fault);
#define CREATE(f, id, ...)                                                                         \
	ask((f), &(struct given){ __VA_ARGS__ }, (id), false, NULL, &(struct store_fault){ 0 })
#define UPDATE(f, id, ...)                                                                         \
	ask((f), &(struct given){ __VA_ARGS__ }, (id), true, NULL, &(struct store_fault){ 0 })
void get(struct fixture *f, const struct id *id, struct store_object *o);

/* Returns the rows of a query as "key=value key=value ..."; '>' marks a linked row. */
void assert_list(
    struct fixture *f, const struct store_query *q, int64_t want_total, const char *want);
#define VIEW(d)                                                                                    \
	((struct store_query){ SCOPE_DEPLOYMENT, (d), true, .types = STORE_ALL_TYPES, .limit = -1 })
#define V(x) "{\"value\":\"" x "\",\"isSecret\":false}"

struct store_version version_of(
    struct fixture *f, enum scope scope, struct id id, unsigned types, bool whole_workspace);
int64_t number_of(
    struct fixture *f, enum scope scope, struct id id, unsigned types, bool whole_workspace);
/*
 * Returns the views whose numbers have changed since the last call, as letters: O organization, W
 * its first Workspace, w that with its Deployments, abc variables of dep[0..2], A connections of
 * dep[0], X the second Workspace, f far.
 */
const char *moved(struct fixture *f);

/* Returns the audit log, newest first: "ACTION key version[+ if restorable] fields actor; ...". */
void assert_audit(struct fixture *f, const struct id *subject, const char *want);
int note_audit(void *arg, const struct store_audit *a); /* one such line; arg is a struct buf */
