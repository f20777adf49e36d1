/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "proto/page.h"

/* --- a page as one line of text -------------------------------------------------------- */

static void
put(struct buf *out, const char *name, struct span s)
{
	if (!s.p)
		return;
	buf_addf(out, " %s=", name);
	buf_add(out, s.p, s.n);
}

/* Writes what a row says: `good KEY type=... ...;`. Stops the reading at the key "stop". */
static int
note(void *arg, const struct manager_row *row)
{
	static const char *const verdicts[] = { "good ", "withheld ", "invalid " };
	struct buf *out = arg;

	if (span_is(row->key, "stop"))
		return -ECANCELED;
	buf_adds(out, verdicts[row->verdict]);
	buf_add(out, row->key.p, row->key.n);
	put(out, "bad", row->bad_field);
	put(out, "missing", row->withheld_json);
	put(out, "type", row->conn_type);
	put(out, "description", row->description);
	put(out, "host", row->host);
	put(out, "login", row->login);
	put(out, "password", row->password);
	put(out, "schema", row->schema);
	if (row->port)
		buf_addf(out, " port=%d", (int)row->port);
	put(out, "extra", row->extra);
	put(out, "value", row->value);
	buf_addc(out, ';');
	return 0;
}

static struct why why;

static int
read_page(const char *text, enum manager_type type, const char *deployment, struct buf *out,
    struct manager_page *page)
{
	struct buf scratch = BUF_INIT(MANAGER_SCRATCH);
	/* In a block of exact size, so that a sanitizer detects a read past its end. */
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, text, n);
	buf_reset(out);
	r = manager_page_read(
	    (struct span){ copy, n }, type, span_of(deployment), note, out, &scratch, page, &why);
	free(copy);
	buf_fini(&scratch);
	return r;
}

#define PAGE(rows)                                                                                 \
	"{\"environmentObjects\":[" rows "],\"limit\":1000,\"offset\":0,\"totalCount\":1}"
#define OBJECT(key, type, rest)                                                                    \
	"{\"objectKey\":" key ",\"objectType\":\"" type "\",\"scope\":\"DEPLOYMENT\","             \
	"\"scopeEntityId\":\"dep\"" rest "}"
#define CONN(body) OBJECT("\"k\"", "CONNECTION", ",\"connection\":" body)
#define CONN_SET(set, body)                                                                        \
	OBJECT("\"k\"", "CONNECTION", ",\"setFields\":" set ",\"connection\":" body)
#define VAR(body) OBJECT("\"k\"", "AIRFLOW_VARIABLE", ",\"airflowVariable\":" body)
#define VAR_SET(set, body)                                                                         \
	OBJECT("\"k\"", "AIRFLOW_VARIABLE", ",\"setFields\":" set ",\"airflowVariable\":" body)

struct row {
	const char *text, *want;
};

static void
each_row(const struct row *rows, size_t n, enum manager_type type)
{
	struct buf out = BUF_INIT(1 << 16);
	struct manager_page page;

	for (size_t i = 0; i < n; i++) {
		if (read_page(rows[i].text, type, "dep", &out, &page))
			fail_msg("%s: %s", rows[i].text, why.text);
		if (strcmp(buf_str(&out), rows[i].want) != 0)
			fail_msg(
			    "%s:\n%s instead of\n%s", rows[i].text, buf_str(&out), rows[i].want);
		assert_int_equal(page.n_rows, 1);
		assert_int_equal(page.total, 1);
	}
	buf_fini(&out);
	assert_int_equal(mem_live(), 0);
}

/* --- connections ----------------------------------------------------------------------- */

static void
connections_keep_every_field(void **state)
{
	static const struct row rows[] = {
		{ PAGE(CONN("{\"type\":\"http\"}")), "good k type=http;" },
		{ PAGE(OBJECT("\"k\"", "CONNECTION",
		      ",\"description\":\"d\",\"connection\":{\"type\":\"postgres\",\"host\":\"h\","
		      "\"login\":\"l\",\"password\":\"p\",\"schema\":\"s\",\"port\":5432,"
		      "\"extra\":{\"a\": 1}}")),
		    "good k type=postgres description=d host=h login=l password=p schema=s "
		    "port=5432 extra={\"a\":1};" },
		/* null counts as absent; "" does not, except for a password. */
		{ PAGE(CONN("{\"type\":\"t\",\"host\":null,\"login\":null,\"password\":null,"
			    "\"schema\":null,\"port\":null,\"extra\":null}")),
		    "good k type=t;" },
		{ PAGE(CONN("{\"type\":\"t\",\"host\":\"\",\"login\":\"\",\"password\":\"\","
			    "\"schema\":\"\",\"port\":0,\"extra\":{ }}")),
		    "good k type=t host= login= schema=;" },
		{ PAGE(OBJECT("\"k\"", "CONNECTION",
		      ",\"description\":null,\"connection\":{\"type\":\"t\"}")),
		    "good k type=t;" },
		/* extra is copied exactly, null included */
		{ PAGE(CONN("{\"type\":\"t\",\"extra\":{ \"n\" : 9007199254740993, \"f\": 1.50, "
			    "\"x\": null, \"o\": {\"a b\": [ 1 , {} ]}, \"e\": \"\\u00e9\\n\"}}")),
		    "good k type=t extra={\"n\":9007199254740993,\"f\":1.50,\"x\":null,"
		    "\"o\":{\"a b\":[1,{}]},\"e\":\"\\u00e9\\n\"};" },
		/* escapes are decoded, everywhere */
		{ PAGE(OBJECT("\"\\u006b\\u00e9/.-\"", "CONNECTION",
		      ",\"conn\\u0065ction\":{\"typ\\u0065\":\"\\u0074\",\"host\":"
		      "\"\\ud83d\\ude00\","
		      "\"login\":\"a\\tb\\\"\\\\\\u0001\"}")),
		    "good k\xc3\xa9/.- type=t host=\xf0\x9f\x98\x80 login=a\tb\"\\\x01;" },
		/* members we do not know, and those of other types */
		{ PAGE(OBJECT("\"k\"", "CONNECTION",
		      ",\"id\":7,\"links\":[{}],\"autoLinkDeployments\":null,\"airflowVariable\":9,"
		      "\"new\\u0000\":1,\"connection\":{\"type\":\"t\",\"connectionAuthType\":{},"
		      "\"new\":[\"\\u0000\"]}")),
		    "good k type=t;" },
	};

	(void)state;
	each_row(rows, N_ELEMENTS(rows), MANAGER_CONNECTION);
}

static void
a_port_is_0_to_65535_in_whole_numbers(void **state)
{
	static const struct row rows[] = {
		{ PAGE(CONN("{\"type\":\"t\",\"port\":0}")), "good k type=t;" },
		{ PAGE(CONN("{\"type\":\"t\",\"port\":-0}")), "good k type=t;" },
		{ PAGE(CONN("{\"type\":\"t\",\"port\":1}")), "good k type=t port=1;" },
		{ PAGE(CONN("{\"type\":\"t\",\"port\":65535}")), "good k type=t port=65535;" },
		{ PAGE(CONN("{\"type\":\"t\",\"port\":65536}")), "invalid k bad=port;" },
		{ PAGE(CONN("{\"type\":\"t\",\"port\":-1}")), "invalid k bad=port;" },
		{ PAGE(CONN("{\"type\":\"t\",\"port\":4294967297}")), "invalid k bad=port;" },
		{ PAGE(CONN("{\"type\":\"t\",\"port\":18446744073709551617}")),
		    "invalid k bad=port;" },
		{ PAGE(CONN("{\"type\":\"t\",\"port\":80.0}")), "invalid k bad=port;" },
		{ PAGE(CONN("{\"type\":\"t\",\"port\":8e1}")), "invalid k bad=port;" },
		{ PAGE(CONN("{\"type\":\"t\",\"port\":\"80\"}")), "invalid k bad=port;" },
		{ PAGE(CONN("{\"type\":\"t\",\"port\":true}")), "invalid k bad=port;" },
	};

	(void)state;
	each_row(rows, N_ELEMENTS(rows), MANAGER_CONNECTION);
}

static void
what_can_not_be_is_refused_alone(void **state)
{
	static const struct row rows[] = {
		{ PAGE(OBJECT("\"k\"", "CONNECTION", "")), "invalid k bad=connection;" },
		{ PAGE(CONN("null")), "invalid k bad=connection;" },
		{ PAGE(CONN("[]")), "invalid k bad=connection;" },
		{ PAGE(CONN("\"t\"")), "invalid k bad=connection;" },
		{ PAGE(CONN("{}")), "invalid k bad=type;" },
		{ PAGE(CONN("{\"type\":null}")), "invalid k bad=type;" },
		{ PAGE(CONN("{\"type\":\"\"}")), "invalid k bad=type;" },
		{ PAGE(CONN("{\"type\":1}")), "invalid k bad=type;" },
		{ PAGE(CONN("{\"type\":\"t\",\"host\":1,\"password\":\"p\"}")),
		    "invalid k bad=host;" },
		{ PAGE(CONN("{\"type\":\"t\",\"login\":{}}")), "invalid k bad=login;" },
		{ PAGE(CONN("{\"type\":\"t\",\"password\":false}")), "invalid k bad=password;" },
		{ PAGE(CONN("{\"type\":\"t\",\"schema\":[]}")), "invalid k bad=schema;" },
		{ PAGE(CONN("{\"type\":\"t\",\"extra\":\"{}\"}")), "invalid k bad=extra;" },
		{ PAGE(CONN("{\"type\":\"t\",\"extra\":[]}")), "invalid k bad=extra;" },
		{ PAGE(CONN("{\"type\":\"t\",\"password\":\"a\\u0000b\"}")),
		    "invalid k bad=password;" },
		{ PAGE(CONN("{\"type\":\"t\",\"host\":\"\\ud800\"}")), "invalid k bad=host;" },
		{ PAGE(CONN("{\"type\":\"t\",\"extra\":{\"a\":{\"b\":[\"\\udc00\"]}}}")),
		    "invalid k bad=extra;" },
		{ PAGE(CONN("{\"type\":\"t\",\"extra\":{\"\\u0000\":1}}")),
		    "invalid k bad=extra;" },
		{ PAGE(CONN("{\"type\":\"t\",\"host\":\"a\",\"host\":\"b\"}")),
		    "invalid k bad=host;" },
		{ PAGE(CONN("{\"type\":\"t\",\"port\":null,\"p\\u006frt\":1}")),
		    "invalid k bad=port;" },
		{ PAGE(OBJECT(
		      "\"k\"", "CONNECTION", ",\"description\":7,\"connection\":{\"type\":\"t\"}")),
		    "invalid k bad=description;" },
		/* Invalid takes precedence over withheld: there is no value to hold. */
		{ PAGE(CONN_SET("[\"password\"]", "{\"type\":\"t\",\"port\":-1}")),
		    "invalid k bad=port;" },
		{ PAGE(CONN_SET("7", "{\"type\":\"t\"}")), "invalid k bad=setFields;" },
		{ PAGE(CONN_SET("{}", "{\"type\":\"t\"}")), "invalid k bad=setFields;" },
		{ PAGE(CONN_SET("[7]", "{\"type\":\"t\"}")), "invalid k bad=setFields;" },
		{ PAGE(CONN_SET("[null]", "{\"type\":\"t\"}")), "invalid k bad=setFields;" },
		{ PAGE(CONN_SET("[\"password\",\"\\u0000\"]", "{\"type\":\"t\"}")),
		    "invalid k bad=setFields;" },
	};

	(void)state;
	each_row(rows, N_ELEMENTS(rows), MANAGER_CONNECTION);
}

static void
a_secret_that_is_not_there_is_withheld(void **state)
{
	static const struct row rows[] = {
		{ PAGE(CONN_SET("[\"password\"]", "{\"type\":\"t\",\"password\":\"p\"}")),
		    "good k type=t password=p;" },
		{ PAGE(CONN_SET("[\"password\"]", "{\"type\":\"t\",\"password\":\"\"}")),
		    "withheld k missing=[\"password\"];" },
		{ PAGE(CONN_SET("[\"password\"]", "{\"type\":\"t\",\"password\":null}")),
		    "withheld k missing=[\"password\"];" },
		{ PAGE(
		      CONN_SET("[\"host\",\"passw\\u006frd\"]", "{\"type\":\"t\",\"host\":\"h\"}")),
		    "withheld k missing=[\"passw\\u006frd\"];" },
		/* Not in setFields, or no setFields: the field has no value. */
		{ PAGE(CONN_SET("[\"host\"]", "{\"type\":\"t\",\"password\":\"\"}")),
		    "good k type=t;" },
		{ PAGE(CONN_SET("[]", "{\"type\":\"t\"}")), "good k type=t;" },
		{ PAGE(CONN_SET("null", "{\"type\":\"t\"}")), "good k type=t;" },
		/* Fields that are not secrets, and unknown names. */
		{ PAGE(CONN_SET(
		      "[\"host\",\"login\",\"extra\",\"extrap\",\"x\",\"\"]", "{\"type\":\"t\"}")),
		    "good k type=t;" },
		/* extra, each first-level key by itself */
		{ PAGE(CONN_SET("[\"extra.a\"]", "{\"type\":\"t\",\"extra\":{\"a\":\"x\"}}")),
		    "good k type=t extra={\"a\":\"x\"};" },
		{ PAGE(CONN_SET("[\"extra.a\"]", "{\"type\":\"t\",\"extra\":{\"a\":\"\"}}")),
		    "withheld k missing=[\"extra.a\"];" },
		{ PAGE(CONN_SET("[\"extra.a\"]", "{\"type\":\"t\",\"extra\":{\"b\":\"x\"}}")),
		    "withheld k missing=[\"extra.a\"];" },
		{ PAGE(CONN_SET("[\"extra.a\"]", "{\"type\":\"t\",\"extra\":{}}")),
		    "withheld k missing=[\"extra.a\"];" },
		{ PAGE(CONN_SET("[\"extra.a\"]", "{\"type\":\"t\"}")),
		    "withheld k missing=[\"extra.a\"];" },
		{ PAGE(CONN_SET("[\"password\",\"extra.a\",\"host\",\"extra.b\"]",
		      "{\"type\":\"t\",\"extra\":{\"a\":\"x\",\"b\":\"\"}}")),
		    "withheld k missing=[\"password\",\"extra.b\"];" },
		/* null, 0, false and {} count as values. */
		{ PAGE(CONN_SET("[\"extra.a\",\"extra.b\",\"extra.c\",\"extra.d\"]",
		      "{\"type\":\"t\",\"extra\":{\"a\":null,\"b\":0,\"c\":false,\"d\":{}}}")),
		    "good k type=t extra={\"a\":null,\"b\":0,\"c\":false,\"d\":{}};" },
		/* Dots are part of the key; nothing below the first level is named. */
		{ PAGE(CONN_SET("[\"extra.a.b\"]", "{\"type\":\"t\",\"extra\":{\"a.b\":\"x\"}}")),
		    "good k type=t extra={\"a.b\":\"x\"};" },
		{ PAGE(CONN_SET("[\"extra.a.b\"]", "{\"type\":\"t\",\"extra\":{\"a\":{\"b\":1}}}")),
		    "withheld k missing=[\"extra.a.b\"];" },
		{ PAGE(CONN_SET("[\"extra.\"]", "{\"type\":\"t\",\"extra\":{\"\":\"x\"}}")),
		    "good k type=t extra={\"\":\"x\"};" },
		{ PAGE(CONN_SET("[\"extra.\"]", "{\"type\":\"t\",\"extra\":{\"a\":\"x\"}}")),
		    "withheld k missing=[\"extra.\"];" },
		{ PAGE(CONN_SET(
		      "[\"extra.\\u00e9\"]", "{\"type\":\"t\",\"extra\":{\"\xc3\xa9\":\"x\"}}")),
		    "good k type=t extra={\"\xc3\xa9\":\"x\"};" },
	};

	(void)state;
	each_row(rows, N_ELEMENTS(rows), MANAGER_CONNECTION);
}

/* --- variables ------------------------------------------------------------------------- */

static void
variables_are_read(void **state)
{
	static const struct row rows[] = {
		{ PAGE(VAR("{\"value\":\"v\",\"isSecret\":true}")), "good k value=v;" },
		{ PAGE(VAR("{\"value\":\"v\"}")), "good k value=v;" },
		{ PAGE(VAR("{\"value\":\"\",\"isSecret\":false}")), "good k value=;" },
		{ PAGE(VAR("{\"value\":\"\",\"isSecret\":true}")), "good k value=;" },
		{ PAGE(VAR("{\"value\":\"a\\nb\\u00e9\",\"isSecret\":null}")),
		    "good k value=a\nb\xc3\xa9;" },
		/* setFields */
		{ PAGE(VAR_SET("[\"value\"]", "{\"value\":\"v\",\"isSecret\":true}")),
		    "good k value=v;" },
		{ PAGE(VAR_SET("[\"value\"]", "{\"value\":\"\",\"isSecret\":true}")),
		    "withheld k missing=[\"value\"];" },
		{ PAGE(VAR_SET("[\"value\"]", "{\"value\":null,\"isSecret\":true}")),
		    "withheld k missing=[\"value\"];" },
		{ PAGE(VAR_SET("[\"value\"]", "{\"value\":\"\"}")),
		    "withheld k missing=[\"value\"];" },
		{ PAGE(VAR_SET("[\"value\"]", "{\"value\":\"\",\"isSecret\":false}")),
		    "good k value=;" },
		{ PAGE(VAR_SET("[]", "{\"value\":\"\",\"isSecret\":true}")), "good k value=;" },
		{ PAGE(VAR_SET("[\"password\",\"extra.a\"]", "{\"value\":\"\",\"isSecret\":true}")),
		    "good k value=;" },
		/* invalid rows */
		{ PAGE(OBJECT("\"k\"", "AIRFLOW_VARIABLE", "")), "invalid k bad=airflowVariable;" },
		{ PAGE(VAR("{}")), "invalid k bad=value;" },
		{ PAGE(VAR("{\"value\":null}")), "invalid k bad=value;" },
		{ PAGE(VAR("{\"value\":7}")), "invalid k bad=value;" },
		{ PAGE(VAR("{\"value\":\"\\u0000\"}")), "invalid k bad=value;" },
		{ PAGE(VAR("{\"value\":\"v\",\"isSecret\":\"no\"}")), "invalid k bad=isSecret;" },
		{ PAGE(VAR("{\"value\":\"v\",\"value\":\"w\"}")), "invalid k bad=value;" },
	};
	static const struct row env[] = {
		{ PAGE(OBJECT("\"E\"", "ENVIRONMENT_VARIABLE",
		      ",\"airflowVariable\":{\"value\":\"x\"},"
		      "\"environmentVariable\":{\"value\":\"v\",\"isSecret\":false}")),
		    "good E value=v;" },
	};
	static const struct row metrics[] = {
		{ PAGE(
		      OBJECT("\"m\"", "METRICS_EXPORT", ",\"metricsExport\":{\"endpoint\":\"e\"}")),
		    "good m;" },
	};

	(void)state;
	each_row(rows, N_ELEMENTS(rows), MANAGER_AIRFLOW_VARIABLE);
	each_row(env, N_ELEMENTS(env), MANAGER_ENVIRONMENT_VARIABLE);
	each_row(metrics, N_ELEMENTS(metrics), MANAGER_METRICS_EXPORT);
}

/* --- the list -------------------------------------------------------------------------- */

#define GOOD CONN("{\"type\":\"t\"}")

static void
what_fails_the_whole_list(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "not JSON at byte 0" },
		{ "<html>", "not JSON at byte 0" },
		{ "{\"environmentObjects\":[", "not JSON at byte 23" },
		{ PAGE(GOOD) "x", NULL },
		{ PAGE("\"\xff\""), "not JSON at byte 24" },
		{ "[]", "the list is not an object" },
		{ "null", "the list is not an object" },
		{ "{}", "environmentObjects is not an array" },
		{ "{\"environmentObjects\":null,\"totalCount\":0}",
		    "environmentObjects is not an array" },
		{ "{\"environmentObjects\":{},\"totalCount\":0}",
		    "environmentObjects is not an array" },
		{ "{\"environmentObjects\":[]}", "totalCount is not a count" },
		{ "{\"environmentObjects\":[],\"totalCount\":null}", "totalCount is not a count" },
		{ "{\"environmentObjects\":[],\"totalCount\":\"0\"}", "totalCount is not a count" },
		{ "{\"environmentObjects\":[],\"totalCount\":-1}", "totalCount is not a count" },
		{ "{\"environmentObjects\":[],\"totalCount\":1.0}", "totalCount is not a count" },
		{ "{\"environmentObjects\":[],\"totalCount\":0,\"limit\":\"x\"}",
		    "limit is not a count" },
		{ "{\"environmentObjects\":[],\"totalCount\":0,\"offset\":[]}",
		    "offset is not a count" },
		{ "{\"environmentObjects\":[],\"totalCount\":0,\"totalCount\":0}",
		    "totalCount occurs twice" },
		{ "{\"environmentObjects\":[],\"totalCount\":0,\"environmentObjects\":[]}",
		    "environmentObjects occurs twice" },
		{ PAGE(GOOD ",7"), "row 2: not an object" },
		{ PAGE(GOOD ",null"), "row 2: not an object" },
		{ PAGE("{}"), "row 1: objectKey is missing or invalid" },
		{ PAGE(OBJECT("null", "CONNECTION", "")),
		    "row 1: objectKey is missing or invalid" },
		{ PAGE(OBJECT("7", "CONNECTION", "")), "row 1: objectKey is missing or invalid" },
		{ PAGE(OBJECT("\"\"", "CONNECTION", "")),
		    "row 1: objectKey is missing or invalid" },
		{ PAGE(OBJECT("\"a\\u0000\"", "CONNECTION", "")),
		    "row 1: objectKey is missing or invalid" },
		{ PAGE(OBJECT("\"\\udc00\"", "CONNECTION", "")),
		    "row 1: objectKey is missing or invalid" },
		{ PAGE(OBJECT("\"k\"", "CONNECTION", ",\"objectKey\":\"l\"")),
		    "row 1: objectKey occurs twice" },
		{ PAGE(OBJECT("\"k\"", "CONNECTION", ",\"connection\":null,\"connection\":{}")),
		    "row 1: connection occurs twice" },
		{ PAGE(OBJECT("\"k\"", "AIRFLOW_VARIABLE", "")),
		    "row 1: objectType is not the requested one" },
		{ PAGE("{\"objectKey\":\"k\",\"scope\":\"WORKSPACE\"}"),
		    "row 1: objectType is not the requested one" },
		{ PAGE("{\"objectKey\":\"k\",\"objectType\":\"CONNECTION\"}"),
		    "row 1: scope is missing or not a string" },
		{ PAGE(
		      "{\"objectKey\":\"k\",\"objectType\":\"CONNECTION\",\"scope\":\"DEPLOYMENT\","
		      "\"scopeEntityId\":\"other\",\"connection\":{\"type\":\"t\"}}"),
		    "row 1: scopeEntityId is not the requested Deployment" },
		{ PAGE("{\"objectKey\":\"k\",\"objectType\":\"CONNECTION\",\"scope\":"
		       "\"DEPLOYMENT\"}"),
		    "row 1: scopeEntityId is not the requested Deployment" },
		{ PAGE(
		      "{\"objectKey\":\"k\",\"objectType\":\"CONNECTION\",\"scope\":\"DEPLOYMENT\","
		      "\"scopeEntityId\":\"dep\\u0000\"}"),
		    "row 1: scopeEntityId is not the requested Deployment" },
	};
	struct buf out = BUF_INIT(1 << 16);
	struct manager_page page;

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		if (read_page(rows[i].text, MANAGER_CONNECTION, "dep", &out, &page) != -EBADMSG)
			fail_msg("believed: %s", rows[i].text);
		if (rows[i].why && strcmp(why.text, rows[i].why) != 0)
			fail_msg("%s: %s", rows[i].text, why.text);
	}
	buf_fini(&out);
	assert_int_equal(mem_live(), 0);
}

static void
keys_have_a_cap(void **state)
{
	char text[LIMIT_KEY_BYTES + 512], key[LIMIT_KEY_BYTES + 2];
	struct buf out = BUF_INIT(1 << 16);
	struct manager_page page;

	(void)state;
	memset(key, 'k', sizeof key);
	for (int n = LIMIT_KEY_BYTES; n <= LIMIT_KEY_BYTES + 1; n++) {
		snprintf(text, sizeof text, PAGE(OBJECT("\"%.*s\"", "CONNECTION", "")), n, key);
		assert_int_equal(read_page(text, MANAGER_CONNECTION, "dep", &out, &page),
		    n > LIMIT_KEY_BYTES ? -EBADMSG : 0);
	}
	buf_fini(&out);
}

static void
rows_come_in_order_and_scopes_are_checked(void **state)
{
	static const char text[] =
	    " { \"totalCount\" : 4, \"new\" : {}, \"environmentObjects\" : [ "
	    "{\"objectKey\":\"a\",\"objectType\":\"CONNECTION\",\"scope\":\"WORKSPACE\","
	    "\"scopeEntityId\":\"any\",\"connection\":{\"type\":\"x\"}} , "
	    "{\"objectKey\":\"b\",\"objectType\":\"CONNECTION\",\"scope\":\"D\\u0045PLOYMENT\","
	    "\"scopeEntityId\":\"d\\u0065p\",\"connection\":{\"type\":\"y\"}}, "
	    "{\"objectKey\":\"c\",\"objectType\":\"CONNECTION\",\"scope\":\"PROJECT\","
	    "\"connection\":{\"type\":\"z\"}} ] } ";
	struct buf out = BUF_INIT(1 << 16);
	struct manager_page page;

	(void)state;
	assert_int_equal(read_page(text, MANAGER_CONNECTION, "dep", &out, &page), 0);
	assert_string_equal(buf_str(&out), "good a type=x;good b type=y;good c type=z;");
	assert_int_equal(page.n_rows, 3);
	assert_int_equal(page.total, 4);

	/* A Workspace's list accepts rows of any Deployment. */
	assert_int_equal(read_page(text, MANAGER_CONNECTION, NULL, &out, &page), 0);
	assert_int_equal(page.n_rows, 3);
	/* Rows of another Deployment in a Deployment's list. */
	assert_int_equal(read_page(text, MANAGER_CONNECTION, "de", &out, &page), -EBADMSG);
	assert_int_equal(read_page(text, MANAGER_CONNECTION, "depp", &out, &page), -EBADMSG);

	assert_int_equal(read_page("{\"environmentObjects\":[],\"totalCount\":7}",
			     MANAGER_CONNECTION, "dep", &out, &page),
	    0);
	assert_int_equal(page.n_rows, 0);
	assert_int_equal(page.total, 7);
	buf_fini(&out);
}

static void
the_callback_can_end_it(void **state)
{
	static const char text[] = PAGE(
	    GOOD "," OBJECT("\"stop\"", "CONNECTION", ",\"connection\":{\"type\":\"t\"}") "," GOOD);
	struct buf out = BUF_INIT(1 << 16);
	struct manager_page page;

	(void)state;
	assert_int_equal(read_page(text, MANAGER_CONNECTION, "dep", &out, &page), -ECANCELED);
	assert_string_equal(buf_str(&out), "good k type=t;");
	buf_fini(&out);
}

/* `{"type":"t","extra":{...n members...}}` in a row with n names in its setFields */
static void
build_wide(struct buf *text, size_t n_members, size_t n_names)
{
	buf_reset(text);
	buf_adds(text,
	    "{\"environmentObjects\":[{\"objectKey\":\"k\",\"objectType\":\"CONNECTION\","
	    "\"scope\":\"WORKSPACE\",\"setFields\":[");
	for (size_t i = 0; i < n_names; i++)
		buf_addf(text, "%s\"extra.%zu\"", i ? "," : "", i);
	buf_adds(text, "],\"connection\":{\"type\":\"t\",\"extra\":{");
	for (size_t i = 0; i < n_members; i++)
		buf_addf(text, "%s\"%zu\":1", i ? "," : "", i);
	buf_adds(text, "}}}],\"totalCount\":1}");
}

static void
wide_rows_have_a_cap(void **state)
{
	struct buf text = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
	struct manager_page page;

	(void)state;
	build_wide(&text, LIMIT_ROW_NAMES, LIMIT_ROW_NAMES);
	assert_int_equal(read_page(buf_str(&text), MANAGER_CONNECTION, "dep", &out, &page), 0);
	assert_memory_equal(buf_str(&out), "good k ", 7);
	build_wide(&text, LIMIT_ROW_NAMES + 1, 0);
	assert_int_equal(read_page(buf_str(&text), MANAGER_CONNECTION, "dep", &out, &page), 0);
	assert_string_equal(buf_str(&out), "invalid k bad=extra;");
	build_wide(&text, 1, LIMIT_ROW_NAMES + 1);
	assert_int_equal(read_page(buf_str(&text), MANAGER_CONNECTION, "dep", &out, &page), 0);
	assert_string_equal(buf_str(&out), "invalid k bad=setFields;");
	buf_fini(&text);
	buf_fini(&out);
}

static void
long_rows_have_a_cap(void **state)
{
	static const char head[] = "{\"environmentObjects\":[", tail[] = "],\"totalCount\":1}";
	static const char row_head[] =
	    "{\"objectKey\":\"k\",\"objectType\":\"AIRFLOW_VARIABLE\",\"scope\":\"DEPLOYMENT\","
	    "\"scopeEntityId\":\"dep\",\"airflowVariable\":{\"value\":\"",
			  row_tail[] = "\"}}";
	size_t around = sizeof row_head + sizeof row_tail - 2;
	struct buf text = BUF_INIT(2 * LIMIT_ROW), out = BUF_INIT(2 * LIMIT_ROW);
	struct manager_page page;

	(void)state;
	for (size_t n = LIMIT_ROW; n <= LIMIT_ROW + 1; n++) {
		char *fill = malloc(n);

		memset(fill, 'v', n);
		buf_reset(&text);
		buf_adds(&text, head);
		buf_adds(&text, row_head);
		buf_add(&text, fill, n - around);
		buf_adds(&text, row_tail);
		buf_adds(&text, tail);
		free(fill);
		assert_int_equal(
		    read_page(buf_str(&text), MANAGER_AIRFLOW_VARIABLE, "dep", &out, &page), 0);
		if (n > LIMIT_ROW)
			assert_string_equal(buf_str(&out), "invalid k bad=airflowVariable;");
		else
			assert_int_equal(out.len, strlen("good k value=;") + n - around);
	}
	buf_fini(&text);
	buf_fini(&out);
}

/* Any allocation may fail: that is reported, and nothing leaks. */
static void
memory_may_run_out_anywhere(void **state)
{
	static const char text[] = PAGE(CONN_SET("[\"password\",\"extra.a\"]",
	    "{\"type\":\"t\",\"host\":\"h\",\"password\":\"p\",\"extra\":{\"a\":\"\"}}"));
	struct buf scratch = BUF_INIT(MANAGER_SCRATCH);
	struct buf out = BUF_INIT(1 << 16);
	struct manager_page page;
	int r = -ENOMEM, n = 0;

	(void)state;
	buf_adds(&out, "x"); /* allocated before the counting starts */
	for (; r == -ENOMEM; n++) {
		buf_reset(&out);
		mem_fail_after(n);
		r = manager_page_read(SPAN_LITERAL(text), MANAGER_CONNECTION, SPAN_LITERAL("dep"),
		    note, &out, &scratch, &page, &why);
		mem_fail_after(-1);
		buf_fini(&scratch);
	}
	assert_int_equal(r, 0);
	assert_true(n > 1);
	assert_string_equal(buf_str(&out), "withheld k missing=[\"extra.a\"];");
	buf_fini(&out);
	assert_int_equal(mem_live(), 0);

	buf_init(&scratch, 16);
	assert_int_equal(manager_page_read(SPAN_LITERAL(text), MANAGER_CONNECTION,
			     SPAN_LITERAL("dep"), note, &out, &scratch, &page, &why),
	    -EMSGSIZE);
	buf_fini(&scratch);
}

/* --- refusals -------------------------------------------------------------------------- */

static void
error_messages_are_found(void **state)
{
	static const struct row rows[] = {
		{ "{\"message\":\"no\\u0020\\\"x\\\"\",\"requestId\":\"r\",\"statusCode\":400}",
		    "no \"x\"" },
		{ "{\"message\":7}", "" },
		{ "{\"message\":null}", "" },
		{ "{\"error\":\"x\"}", "" },
		{ "{\"message\":\"a\",\"message\":\"b\"}", "" },
		{ "{\"message\":\"a\\u0000\"}", "" },
		{ "[\"message\"]", "" },
		{ "<html>", "" },
		{ "", "" },
	};
	struct buf out = BUF_INIT(256);

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		buf_reset(&out);
		manager_error_message(span_of(rows[i].text), &out);
		assert_string_equal(buf_str(&out), rows[i].want);
	}
	buf_fini(&out);
}

static void
the_organizations_refusal_is_known_by_its_text(void **state)
{
	static const struct {
		const char *body;
		bool refused;
	} rows[] = {
		{ "{\"message\":\"showSecrets on organization with id clx is not allowed\"}",
		    true },
		{ "SHOWSECRETS on ORGANIZATION x is NOT ALLOWED", true },
		{ "GET /x?showSecrets=true: showSecrets on organization x is not allowed", true },
		{ "GET /organizations/x?showSecrets=true is not allowed", false },
		{ "showSecrets= showSecrets=1 organization not allowed", false },
		{ "showSecrets on organization x is allowed", false },
		{ "showSecrets on x is not allowed", false },
		{ "secrets on organization x are not allowed", false },
		{ "organization not allowed showsecrets", true },
		{ "organization not allowed showsecrets=", false },
		{ "organization not allowed showsecret", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++)
		if (manager_secrets_refused(span_of(rows[i].body)) != rows[i].refused)
			fail_msg("%s", rows[i].body);
	assert_false(manager_secrets_refused((struct span){ 0 }));
}

static void
types_have_their_names(void **state)
{
	enum manager_type type;

	(void)state;
	for (int t = 0; t < MANAGER_N_TYPES; t++) {
		assert_true(
		    manager_type_from(span_of(manager_type_name((enum manager_type)t)), &type));
		assert_int_equal(type, t);
	}
	assert_string_equal(
	    manager_type_name(MANAGER_ENVIRONMENT_VARIABLE), "ENVIRONMENT_VARIABLE");
	assert_false(manager_type_from(SPAN_LITERAL("connection"), &type));
	assert_false(manager_type_from(SPAN_LITERAL(""), &type));
	assert_false(manager_type_from(SPAN_LITERAL("CONNECTIO"), &type));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_keep_every_field),
		cmocka_unit_test(a_port_is_0_to_65535_in_whole_numbers),
		cmocka_unit_test(what_can_not_be_is_refused_alone),
		cmocka_unit_test(a_secret_that_is_not_there_is_withheld),
		cmocka_unit_test(variables_are_read),
		cmocka_unit_test(what_fails_the_whole_list),
		cmocka_unit_test(keys_have_a_cap),
		cmocka_unit_test(rows_come_in_order_and_scopes_are_checked),
		cmocka_unit_test(the_callback_can_end_it),
		cmocka_unit_test(wide_rows_have_a_cap),
		cmocka_unit_test(long_rows_have_a_cap),
		cmocka_unit_test(memory_may_run_out_anywhere),
		cmocka_unit_test(error_messages_are_found),
		cmocka_unit_test(the_organizations_refusal_is_known_by_its_text),
		cmocka_unit_test(types_have_their_names),
	};

	return cmocka_run_group_tests_name("manager_page", tests, NULL, NULL);
}
