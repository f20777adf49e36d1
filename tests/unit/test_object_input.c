/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/base.h"
#include "base/mem.h"
#include "manager/api/input/object.h"
#include "manager/api/input/query.h"

#define D1         "cdep0000000000000000000a1"
#define D2         "cdep0000000000000000000a2"
#define WS         "\"scope\":\"WORKSPACE\",\"scopeEntityId\":\"cwsp0000000000000000000a1\""
#define CONN       "\"objectKey\":\"db\",\"objectType\":\"CONNECTION\"," WS
#define VAR        "\"objectKey\":\"v\",\"objectType\":\"AIRFLOW_VARIABLE\"," WS
#define TARGET(id) "\"scope\":\"DEPLOYMENT\",\"scopeEntityId\":\"" id "\""

/* The field that the refusal of a body names, or the document of an accepted body. */
static const struct {
	const char *json;
	const char *field; /* NULL: good */
	const char *value;
} creates[] = {
	{ "{" CONN ",\"connection\":{\"type\":\"postgres\"}}", NULL, "{\"type\":\"postgres\"}" },
	{ "{" CONN ",\"connection\":{\"port\":65535,\"type\":\"p\",\"host\":\"\",\"login\":null,"
	  "\"unknown\":1}}",
	    NULL, "{\"type\":\"p\",\"host\":\"\",\"port\":65535}" },
	{ "{" CONN
	  ",\"connection\":{\"type\":\"p\",\"extra\":{ \"n\" : 9007199254740993, \"x\":null,"
	  "\"d\":{\"e\":[1.50, {}]}}},\"airflowVariable\":null}",
	    NULL,
	    "{\"type\":\"p\",\"extra\":{\"n\":9007199254740993,\"x\":null,\"d\":{\"e\":[1.50,{}]}}"
	    "}" },
	{ "{" VAR ",\"airflowVariable\":{\"value\":\"x\"}}", NULL,
	    "{\"value\":\"x\",\"isSecret\":false}" },
	{ "{" VAR ",\"airflowVariable\":{\"isSecret\":true,\"value\":\"\"}}", NULL,
	    "{\"value\":\"\",\"isSecret\":true}" },
	{ "{\"objectKey\":\"m\",\"objectType\":\"METRICS_EXPORT\"," WS
	  ",\"metricsExport\":{\"endpoint\":\"e\",\"exporterType\":\"PROMETHEUS\",\"headers\":{"
	  "\"a\":\"b\"}}}",
	    NULL,
	    "{\"endpoint\":\"e\",\"exporterType\":\"PROMETHEUS\",\"headers\":{\"a\":\"b\"}}" },
	{ "", "body", NULL },
	{ "[]", "body", NULL },
	{ "{", "body", NULL },
	{ "{\"objectKey\":\"a\",\"objectKey\":\"a\"}", "body", NULL },
	{ "{\"objectKey\":\"a\",\"\\u006fbjectKey\":\"a\"}", "body", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\",\"extra\":{\"a\":{\"b\":1,\"b\":2}}}}", "body",
	    NULL },
	{ "{\"x\\u0000\":1}", "body", NULL },
	{ "{}", "objectKey", NULL },
	{ "{\"objectKey\":null}", "objectKey", NULL },
	{ "{\"objectKey\":1}", "objectKey", NULL },
	{ "{\"objectKey\":\"a\"}", "objectType", NULL },
	{ "{\"objectKey\":\"a\",\"objectType\":\"connection\"}", "objectType", NULL },
	{ "{\"objectKey\":\"a b\",\"objectType\":\"CONNECTION\"}", "objectKey", NULL },
	{ "{\"objectKey\":\"\",\"objectType\":\"CONNECTION\"}", "objectKey", NULL },
	{ "{\"objectKey\":\"a\\u0000\",\"objectType\":\"CONNECTION\"}", "objectKey", NULL },
	{ "{\"objectKey\":\"a\",\"objectType\":\"CONNECTION\"}", "scope", NULL },
	{ "{\"objectKey\":\"a\",\"objectType\":\"CONNECTION\",\"scope\":\"ORGANIZATION\"}", "scope",
	    NULL },
	{ "{\"objectKey\":\"a\",\"objectType\":\"CONNECTION\",\"scope\":\"WORKSPACE\"}",
	    "scopeEntityId", NULL },
	{ "{\"objectKey\":\"a\",\"objectType\":\"CONNECTION\",\"scope\":\"WORKSPACE\","
	  "\"scopeEntityId\":\"x\"}",
	    "scopeEntityId", NULL },
	/* the typed body may come later */
	{ "{" CONN "}", NULL, VALUE_NONE },
	{ "{" CONN ",\"connection\":null}", NULL, VALUE_NONE },
	{ "{" VAR "}", NULL, VALUE_NONE },
	{ "{" CONN ",\"airflowVariable\":{\"value\":\"\"}}", "airflowVariable", NULL },
	{ "{" CONN ",\"links\":[{" TARGET(D1) "}]}", NULL, VALUE_NONE },
	{ "{" CONN ",\"links\":[{" TARGET(D1) ",\"overrides\":{}}]}", "links[0].overrides", NULL },
	/* an unknown auth type is kept; one of the catalogue must fit the connection type */
	{ "{" CONN ",\"connection\":{\"type\":\"p\",\"authTypeId\":\"snowflake-password\"}}", NULL,
	    "{\"type\":\"p\",\"authTypeId\":\"snowflake-password\"}" },
	{ "{" CONN ",\"connection\":{\"type\":\"p\",\"authTypeId\":\"\"}}", NULL,
	    "{\"type\":\"p\"}" },
	{ "{" CONN ",\"connection\":{\"type\":\"p\",\"authTypeId\":1}}", "connection.authTypeId",
	    NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\",\"authTypeId\":\"cauthmysql000000000000000\"}}",
	    "connection.authTypeId", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"m\\u0079sql\","
	  "\"authTypeId\":\"cauthmysql000000000000000\"}}",
	    NULL, "{\"type\":\"m\\u0079sql\",\"authTypeId\":\"cauthmysql000000000000000\"}" },
	{ "{" CONN ",\"connection\":[]}", "connection", NULL },
	{ "{" CONN ",\"connection\":{}}", "connection.type", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"\"}}", "connection.type", NULL },
	{ "{" CONN ",\"connection\":{\"type\":1}}", "connection.type", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\"},\"airflowVariable\":{\"value\":\"\"}}",
	    "airflowVariable", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\",\"port\":0}}", "connection.port", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\",\"port\":65536}}", "connection.port", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\",\"port\":\"1\"}}", "connection.port", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\",\"port\":1.0}}", "connection.port", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\",\"extra\":\"{}\"}}", "connection.extra", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\",\"extra\":{\"a\":\"\\ud800\"}}}",
	    "connection.extra", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\",\"host\":\"a\\u0000\"}}", "connection.host",
	    NULL },
	{ "{" VAR ",\"airflowVariable\":{}}", "airflowVariable.value", NULL },
	{ "{" VAR ",\"airflowVariable\":{\"value\":\"\",\"isSecret\":1}}",
	    "airflowVariable.isSecret", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\"},\"description\":1}", "description", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\"},\"autoLinkDeployments\":\"yes\"}",
	    "autoLinkDeployments", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\"},\"links\":{}}", "links", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\"},\"links\":[1]}", "links[0]", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\"},\"links\":[{}]}", "links[0].scope", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\"},\"links\":[{\"scope\":\"WORKSPACE\"}]}",
	    "links[0].scope", NULL },
	{ "{" CONN
	  ",\"connection\":{\"type\":\"p\"},\"links\":[{" TARGET(D1) "},{" TARGET("x") "}]}",
	    "links[1].scopeEntityId", NULL },
	{ "{" CONN
	  ",\"connection\":{\"type\":\"p\"},\"links\":[{" TARGET(D1) "},{" TARGET(D1) "}]}",
	    "links[1].scopeEntityId", NULL },
	{ "{" CONN ",\"connection\":{\"type\":\"p\"},\"links\":[{" TARGET(
	      D1) "}],\"excludeLinks\":[{" TARGET(D2) "},{" TARGET(D1) "}]}",
	    "excludeLinks[1].scopeEntityId", NULL },
	{ "{" CONN
	  ",\"connection\":{\"type\":\"p\"},\"excludeLinks\":[{" TARGET(D1) "},{" TARGET(D1) "}]}",
	    "excludeLinks[1].scopeEntityId", NULL },
#define LINKED(o)                                                                                  \
	"{" CONN ",\"connection\":{\"type\":\"p\"},\"links\":[{" TARGET(D1) ",\"overrides\":" o    \
									    "}]}"
	{ LINKED("1"), "links[0].overrides", NULL },
	{ LINKED("{\"airflowVariable\":{}}"), "links[0].overrides.airflowVariable", NULL },
	{ LINKED("{\"connection\":1}"), "links[0].overrides.connection", NULL },
	{ LINKED("{\"connection\":{\"authTypeId\":\"x\"}}"),
	    "links[0].overrides.connection.authTypeId", NULL },
	{ LINKED("{\"connection\":{\"port\":0}}"), "links[0].overrides.connection.port", NULL },
	{ LINKED("{\"unsetFields\":1}"), "links[0].overrides.unsetFields", NULL },
	{ LINKED("{\"unsetFields\":[1]}"), "links[0].overrides.unsetFields", NULL },
	{ LINKED("{\"unsetFields\":[\"nosuch\"]}"), "links[0].overrides.unsetFields", NULL },
	{ LINKED("{\"unsetFields\":[\"host.x\"]}"), "links[0].overrides.unsetFields", NULL },
	{ LINKED("{\"unsetFields\":[\"extra.\"]}"), "links[0].overrides.unsetFields", NULL },
	{ LINKED("{\"connection\":{\"host\":\"h\"},\"unsetFields\":[\"host\"]}"),
	    "links[0].overrides.unsetFields", NULL },
	{ LINKED("{\"connection\":{\"extra\":{\"a.b\":1}},\"unsetFields\":[\"extra.a.b\"]}"),
	    "links[0].overrides.unsetFields", NULL },
	{ LINKED("{\"connection\":{\"extra\":{\"a\":1}},\"unsetFields\":[\"extra.b\"]}"), NULL,
	    "{\"type\":\"p\"}" },
#define DEP "\"objectKey\":\"db\",\"objectType\":\"CONNECTION\"," TARGET(D1)
	{ "{" DEP ",\"connection\":{\"type\":\"p\"},\"links\":[],\"excludeLinks\":[],"
	  "\"autoLinkDeployments\":false}",
	    NULL, "{\"type\":\"p\"}" },
	{ "{" DEP ",\"connection\":{\"type\":\"p\"},\"links\":[{" TARGET(D1) "}]}", "links", NULL },
	{ "{" DEP ",\"connection\":{\"type\":\"p\"},\"excludeLinks\":[{" TARGET(D1) "}]}",
	    "excludeLinks", NULL },
	{ "{" DEP ",\"connection\":{\"type\":\"p\"},\"autoLinkDeployments\":true}",
	    "autoLinkDeployments", NULL },
};

static void
each_body_is_taken_or_its_field_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(creates); i++) {
		struct object_body *b = NULL;
		struct fault f;
		int r = object_body_create(&b, span_of(creates[i].json), &f);

		if (creates[i].field) {
			if (r != -EINVAL || strcmp(f.field, creates[i].field))
				fail_msg("row %zu: %d %s", i, r, r == -EINVAL ? f.field : "");
			assert_non_null(strstr(f.message, f.field));
			continue;
		}
		if (r != 0)
			fail_msg("row %zu: %d %s", i, r, r == -EINVAL ? f.message : "");
		if (!span_is(object_body_request(b)->value, creates[i].value))
			fail_msg("row %zu: %.*s", i, (int)object_body_request(b)->value.n,
			    object_body_request(b)->value.p);
		object_body_free(b);
		assert_int_equal(mem_live(), 0);
	}
}

static void
links_carry_their_overrides(void **state)
{
	static const char json[] =
	    "{" CONN ",\"connection\":{\"type\":\"p\"},\"description\":\"\","
	    "\"autoLinkDeployments\":true,\"links\":["
	    "{" TARGET(D1) ",\"overrides\":{\"connection\":{\"host\":\"\\u0041\"},"
			   "\"unsetFields\":[\"password\",\"extra.\\u0061.b\"]}},"
			   "{" TARGET(
			       D2) ",\"overrides\":{}},"
				   "{" TARGET(
				       "cdep0000000000000000000a3") ",\"overrides\":null},"
								    "{" TARGET(
									"cdep000000000000000000"
									"0a4") ",\"overrides\":"
									       "{\"connection\""
									       ":{}}}]}";
	struct object_body *b = NULL;
	const struct store_object_request *q;
	struct fault f;

	(void)state;
	assert_int_equal(object_body_create(&b, span_of(json), &f), 0);
	q = object_body_request(b);
	assert_true(q->auto_link && q->description.p && q->description.n == 0);
	assert_int_equal(q->n_links, 4);
	assert_string_equal(q->links[0].entity.s, D1);
	assert_true(q->links[0].override.given);
	assert_true(span_is(q->links[0].override.fields, "{\"host\":\"\\u0041\"}") ||
		    span_is(q->links[0].override.fields, "{\"host\":\"A\"}"));
	assert_int_equal(q->links[0].override.n_unset, 2);
	assert_true(span_is(q->links[0].override.unset[0], "password"));
	assert_true(span_is(q->links[0].override.unset[1], "extra.a.b"));
	assert_true(q->links[1].override.given && !q->links[1].override.fields.p);
	assert_false(q->links[2].override.given);
	assert_true(q->links[3].override.given && span_is(q->links[3].override.fields, "{}"));
	object_body_free(b);
}

static void
an_update_knows_what_cannot_change(void **state)
{
	static const struct {
		const char *json;
		enum manager_type type;
		bool secret;
		const char *field;
	} table[] = {
		{ "{\"connection\":{\"type\":\"p\"}}", MANAGER_CONNECTION, false, NULL },
		{ "{\"connection\":{\"host\":\"p\"}}", MANAGER_CONNECTION, false,
		    "connection.type" },
		{ "{\"description\":\"x\"}", MANAGER_CONNECTION, false, "connection" },
		{ "{\"connection\":{\"type\":\"p\"},\"objectKey\":\"db\"}", MANAGER_CONNECTION,
		    false, "objectKey" },
		{ "{\"connection\":{\"type\":\"p\"},\"objectKey\":null}", MANAGER_CONNECTION, false,
		    NULL },
		{ "{\"connection\":{\"type\":\"p\"},\"objectType\":\"AIRFLOW_VARIABLE\"}",
		    MANAGER_CONNECTION, false, "objectType" },
		{ "{\"connection\":{\"type\":\"p\"},\"scope\":\"DEPLOYMENT\"}", MANAGER_CONNECTION,
		    false, "scope" },
		{ "{\"connection\":{\"type\":\"p\"},\"scope\":1}", MANAGER_CONNECTION, false,
		    "scope" },
		{ "{\"connection\":{\"type\":\"p\"},\"objectKey\":\"warehouse\",\"objectType\":"
		  "\"CONNECTION\",\"scope\":\"WORKSPACE\",\"scopeEntityId\":\"" D1 "\"}",
		    MANAGER_CONNECTION, false, NULL },
		{ "{\"connection\":{\"type\":\"p\"},\"scopeEntityId\":\"x\"}", MANAGER_CONNECTION,
		    false, "scopeEntityId" },
		{ "{\"airflowVariable\":{\"value\":\"\",\"isSecret\":true}}",
		    MANAGER_AIRFLOW_VARIABLE, true, NULL },
		{ "{\"airflowVariable\":{\"value\":\"\",\"isSecret\":false}}",
		    MANAGER_AIRFLOW_VARIABLE, true, "airflowVariable.isSecret" },
		{ "{\"airflowVariable\":{\"value\":\"\",\"isSecret\":true}}",
		    MANAGER_AIRFLOW_VARIABLE, false, "airflowVariable.isSecret" },
		{ "{\"environmentVariable\":{\"value\":\"\"}}", MANAGER_AIRFLOW_VARIABLE, false,
		    "environmentVariable" },
		{ "{\"metricsExport\":{\"endpoint\":\"e\"}}", MANAGER_METRICS_EXPORT, false, NULL },
		{ "{\"metricsExport\":{\"labels\":{\"a\":1}}}", MANAGER_METRICS_EXPORT, false,
		    "metricsExport.labels" },
		{ "{\"metricsExport\":{\"authType\":\"NONE\"}}", MANAGER_METRICS_EXPORT, false,
		    "metricsExport.authType" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++) {
		struct object_known known = {
			.type = table[i].type,
			.key = SPAN_LITERAL("warehouse"),
			.scope = SCOPE_WORKSPACE,
			.scope_id = { D1 },
			.has_value = true,
			.is_secret = table[i].secret,
		};
		struct object_body *b = NULL;
		struct fault f = { 0 };
		int r = object_body_update(&b, span_of(table[i].json), &known, &f);

		if (r != (table[i].field ? -EINVAL : 0) ||
		    (r < 0 && strcmp(f.field, table[i].field)))
			fail_msg("row %zu: %d %s", i, r, f.field);
		object_body_free(b);
	}
}

static void
links_to_projects_stay_unless_they_are_spoken_of(void **state)
{
	static const char *const bodies[] = {
		"{\"connection\":{\"type\":\"p\"},\"description\":\"x\",\"links\":[{" TARGET(
		    D1) "}]}",
		"{\"connection\":{\"type\":\"p\"},\"projectLinks\":[],\"autoLinkProjects\":false}",
		"{\"connection\":{\"type\":\"p\"},\"links\":[{" TARGET(
		    D1) "}],\"projectLinks\":[{\"scope\":\"PROJECT\",\"scopeEntityId\":\"x\"}]}",
	};
	const struct store_link links[] = {
		{ .scope = SCOPE_DEPLOYMENT, .entity = { D2 } },
		{ .scope = SCOPE_PROJECT, .entity = { "cprj0000000000000000000a1" } },
	};
	struct object_known known = {
		.type = MANAGER_CONNECTION,
		.scope = SCOPE_WORKSPACE,
		.has_value = true,
		.auto_link_projects = true,
		.links = links,
		.n_links = 2,
	};
	const struct store_object_request *q;
	struct object_body *b = NULL;
	struct fault f;
	char field[OBJECT_LINK_FIELD_SIZE];

	(void)state;
	assert_int_equal(object_body_update(&b, span_of(bodies[0]), &known, &f), 0);
	q = object_body_request(b);
	assert_true(q->auto_link_projects);
	assert_int_equal(q->n_links, 2);
	assert_string_equal(q->links[0].entity.s, D1);
	assert_string_equal(q->links[1].entity.s, links[1].entity.s);
	assert_false(q->links[1].override.given || q->links[1].override.whole);
	object_body_link_field(b, 1, field);
	assert_string_equal(field, "projectLinks[0].scopeEntityId");
	b = object_body_free(b);

	assert_int_equal(object_body_update(&b, span_of(bodies[1]), &known, &f), 0);
	q = object_body_request(b);
	assert_false(q->auto_link_projects);
	assert_int_equal(q->n_links, 0);
	b = object_body_free(b);

	assert_int_equal(object_body_update(&b, span_of(bodies[2]), &known, &f), -EINVAL);
	assert_string_equal(f.field, "projectLinks[0].scopeEntityId");
	assert_int_equal(mem_live(), 0);
}

static void
keys_obey_their_type(void **state)
{
	static const struct {
		enum manager_type type;
		const char *key;
		bool good;
	} table[] = {
		{ MANAGER_CONNECTION, "a-Z_0.9:/\\#!()", true },
		{ MANAGER_CONNECTION, "a b", false },
		{ MANAGER_CONNECTION, "\xc3\xbc", false },
		{ MANAGER_CONNECTION, "a\n", false },
		{ MANAGER_AIRFLOW_VARIABLE, "a b/\xc3\xbc{}\"", true },
		{ MANAGER_AIRFLOW_VARIABLE, "a\tb", false },
		{ MANAGER_AIRFLOW_VARIABLE, "a\x7f", false },
		{ MANAGER_AIRFLOW_VARIABLE, "a\xc2\x85", false },
		{ MANAGER_AIRFLOW_VARIABLE, "a\xc2\xa0", true },
		{ MANAGER_ENVIRONMENT_VARIABLE, "_a9", true },
		{ MANAGER_ENVIRONMENT_VARIABLE, "9a", false },
		{ MANAGER_ENVIRONMENT_VARIABLE, "a-b", false },
		{ MANAGER_ENVIRONMENT_VARIABLE, "a=", false },
	};
	char text[4 * 251 + 1];
	struct fault f;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(table); i++)
		if ((object_key_check(table[i].type, span_of(table[i].key), &f) == 0) !=
		    table[i].good)
			fail_msg("row %zu", i);
	for (size_t i = 0; i < 251; i++)
		memcpy(text + 4 * i, "\xf0\x9f\x98\x80", 5);
	assert_int_equal(
	    object_key_check(MANAGER_AIRFLOW_VARIABLE, (struct span){ text, 4 * 250 }, &f), 0);
	assert_int_equal(
	    object_key_check(MANAGER_AIRFLOW_VARIABLE, (struct span){ text, 4 * 251 }, &f),
	    -EINVAL);
}

static void
a_description_is_counted_in_characters(void **state)
{
	char json[4096];

	(void)state;
	for (size_t n = 500; n <= 501; n++) {
		struct object_body *b = NULL;
		struct fault f;
		size_t at = (size_t)sprintf(
		    json, "{" CONN ",\"connection\":{\"type\":\"p\"},\"description\":\"");

		for (size_t i = 0; i < n; i++)
			at += (size_t)sprintf(json + at, "\xc3\xa4");
		(void)sprintf(json + at, "\"}");
		assert_int_equal(object_body_create(&b, span_of(json), &f), n == 500 ? 0 : -EINVAL);
		object_body_free(b);
	}
}

static void
maps_have_a_most(void **state)
{
	(void)state;
	for (size_t n = LIMIT_MEMBERS; n <= LIMIT_MEMBERS + 1; n++) {
		struct buf json = BUF_INIT(100000);
		struct object_body *b = NULL;
		struct fault f;

		buf_adds(&json, "{" CONN ",\"connection\":{\"type\":\"p\",\"extra\":{");
		for (size_t i = 0; i < n; i++)
			buf_addf(&json, "%s\"k%zu\":1", i ? "," : "", i);
		buf_adds(&json, "}}}");
		assert_int_equal(object_body_create(&b, span_of_buf(&json), &f),
		    n == LIMIT_MEMBERS ? 0 : -EINVAL);
		object_body_free(b);
		buf_fini(&json);
	}
}

/* Returns the Warning header of the response to this create; "" if there is none. */
static const char *
warning_of(const char *json)
{
	static char text[IGNORED_WARNING_SIZE];
	struct object_body *b = NULL;
	struct fault f;

	assert_int_equal(object_body_create(&b, span_of(json), &f), 0);
	ignored_warning(object_body_ignored(b), text);
	object_body_free(b);
	return text;
}

static void
members_that_mean_nothing_are_named(void **state)
{
#define WARNING(names) "299 connd-manager \"ignored members that are not known: " names "\""
	struct object_body *b = NULL;
	struct buf names = BUF_INIT(4096);
	struct fault f;

	(void)state;
	assert_string_equal(warning_of("{" CONN "}"), "");
	assert_string_equal(
	    warning_of(
		"{" CONN ",\"connection\":{\"type\":\"p\",\"hots\":\"h\",\"\\u0068ost\":\"h\"},"
		"\"autoLinkDeployment\":true}"),
	    WARNING("connection.hots (nearest: host), "
		    "autoLinkDeployment (nearest: autoLinkDeployments)"));
	assert_string_equal(
	    warning_of("{" CONN ",\"connection\":{\"type\":\"p\"},\"links\":[{" TARGET(
		D1) ",\"override\":{}},{" TARGET(D2) ",\"overrides\":{\"unset\":[],"
						     "\"connection\":{\"nothing\":1}}}],"
						     "\"excludeLinks\":[{" TARGET(
							 "cdep0000000000000000000a3") ",\"x\":1}]"
										      "}"),
	    WARNING("links[0].override (nearest: overrides), links[1].overrides.unset, "
		    "links[1].overrides.connection.nothing, excludeLinks[0].x"));
	/* No characters that would end the header, and a limited number of names. */
	assert_string_equal(
	    warning_of("{" CONN ",\"a\\r\\n\\\"b\xc3\xbc\":1}"), WARNING("a?r?n??b??"));
	assert_string_equal(warning_of("{" CONN ",\"a1\":1,\"a2\":1,\"a3\":1,\"a4\":1,\"a5\":1,"
				       "\"a6\":1,\"a7\":1,\"a8\":1,\"a9\":1,\"a0\":1}"),
	    WARNING("a1, a2, a3, a4, a5, a6, a7, a8 and 2 more"));
	assert_int_equal(
	    object_body_create(&b, SPAN_LITERAL("{" CONN ",\"connektion\":1,\"b\":2}"), &f), 0);
	ignored_names(object_body_ignored(b), &names);
	assert_string_equal(buf_str(&names), "\"ignored connektion\",\"ignored b\"");
	buf_fini(&names);
	object_body_free(b);
	assert_int_equal(mem_live(), 0);
}

static void
a_first_value_is_read_like_that_of_a_create(void **state)
{
	static const char *const bodies[] = {
		"{\"airflowVariable\":{\"value\":\"v\",\"isSecret\":true}}",
		"{\"airflowVariable\":{\"value\":\"v\"}}",
	};
	static const char *const want[] = { "{\"value\":\"v\",\"isSecret\":true}",
		"{\"value\":\"v\",\"isSecret\":false}" };
	struct object_known known = { .type = MANAGER_AIRFLOW_VARIABLE, .scope = SCOPE_WORKSPACE };

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
		struct object_body *b = NULL;
		struct fault f;

		assert_int_equal(object_body_update(&b, span_of(bodies[i]), &known, &f), 0);
		assert_true(span_is(object_body_request(b)->value, want[i]));
		object_body_free(b);
	}
}

static void
targets_are_read(void **state)
{
	struct store_target t;
	struct ignored ignored = { 0 };
	struct fault f;

	(void)state;
	assert_int_equal(object_body_target(&t, SPAN_LITERAL("{" TARGET(D1) "}"), &ignored, &f), 0);
	assert_int_equal(t.scope, SCOPE_DEPLOYMENT);
	assert_string_equal(t.entity.s, D1);
	assert_int_equal(
	    object_body_target(&t, SPAN_LITERAL("{\"scope\":\"DEPLOYMENT\"}"), &ignored, &f),
	    -EINVAL);
	assert_string_equal(f.field, "scopeEntityId");
	assert_int_equal(object_body_target(&t, SPAN_LITERAL("{}"), &ignored, &f), -EINVAL);
	assert_string_equal(f.field, "scope");
	assert_int_equal(mem_live(), 0);
}

static void
memory_that_is_out_leaks_nothing(void **state)
{
	static const char json[] =
	    "{" CONN ",\"connection\":{\"type\":\"p\",\"extra\":{\"\\u0061\":1,\"b\":2}},"
	    "\"links\":[{" TARGET(D1) ",\"overrides\":{\"unsetFields\":[\"extra.b\"]}}],"
				      "\"excludeLinks\":[{" TARGET(D2) "}]}";
	int r = -1;

	(void)state;
	for (int64_t n = 0; r != 0; n++) {
		struct object_body *b = NULL;
		struct fault f;

		mem_fail_after(n);
		r = object_body_create(&b, span_of(json), &f);
		mem_fail_after(-1);
		object_body_free(b);
		assert_int_equal(mem_live(), 0);
		assert_true(n < 100);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_body_is_taken_or_its_field_named),
		cmocka_unit_test(links_carry_their_overrides),
		cmocka_unit_test(an_update_knows_what_cannot_change),
		cmocka_unit_test(links_to_projects_stay_unless_they_are_spoken_of),
		cmocka_unit_test(keys_obey_their_type),
		cmocka_unit_test(a_description_is_counted_in_characters),
		cmocka_unit_test(maps_have_a_most),
		cmocka_unit_test(members_that_mean_nothing_are_named),
		cmocka_unit_test(a_first_value_is_read_like_that_of_a_create),
		cmocka_unit_test(targets_are_read),
		cmocka_unit_test(memory_that_is_out_leaks_nothing),
	};

	if (base_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("object_input", tests, NULL, NULL);
}
