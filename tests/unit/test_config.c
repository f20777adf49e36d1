/* SPDX-License-Identifier: Apache-2.0 */
/* core/config: options from the file and the environment, and the errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/config/config.h"
#include "core/config/option.h"
#include "core/config/value.h"

#define GOOD                                                                                       \
	"[manager]\n"                                                                              \
	"url = https://manager:8888\n"                                                             \
	"organization = org\n"                                                                     \
	"deployment = dep\n"
#define DAY ((int64_t)24 * 60 * 60 * 1000)

static char *const no_env[] = { NULL };
static char warning[1024]; /* of the text read last, one per line */

static int
read_bytes(struct config **out, struct span text, char *const *env, struct why *why)
{
	struct buf oddities = BUF_INIT(sizeof warning);
	int r;

	*why->text = '\0';
	r = config_read(out, "c.conf", text.p, text.n, env, &oddities, why);
	(void)snprintf(warning, sizeof warning, "%s", buf_str(&oddities));
	buf_fini(&oddities);
	return r;
}

static int
read_with(struct config **out, const char *text, char *const *env, struct why *why)
{
	return read_bytes(out, span_of(text), env, why);
}

static struct config *
good(const char *text, char *const *env)
{
	struct why why;
	struct config *c;

	if (read_with(&c, text, env, &why) < 0)
		fail_msg("%s", why.text);
	return c;
}

static void
presets_are_what_is_documented(void **state)
{
	struct config *c = good(GOOD, no_env);

	(void)state;
	assert_string_equal(warning, "");
	assert_int_equal(c->manager.url.n, 1);
	assert_string_equal(c->manager.url.item[0], "https://manager:8888");
	assert_string_equal(c->manager.organization, "org");
	assert_string_equal(c->manager.deployment, "dep");
	assert_null(c->manager.workspace);
	assert_null(c->manager.token_file);
	assert_false(c->manager.insecure_http);
	assert_int_equal(c->manager.refresh_ms, 30000);
	assert_int_equal(c->manager.timeout_ms, 10000);
	assert_int_equal(c->freshness.windows.ttl_ms, 120000);
	assert_int_equal(c->freshness.windows.stale_ms, 600000);
	assert_int_equal(c->freshness.windows.max_stale_ms, DAY);
	assert_int_equal(c->freshness.windows.max_stale_unauthorized_ms, 900000);
	assert_int_equal(c->freshness.deletion_guard_percent, 50);
	assert_int_equal(c->freshness.cold_wait_ms, 2000);
	assert_string_equal(c->socket.path, "/run/connd/connd.sock");
	assert_null(c->socket.group);
	assert_int_equal(c->socket.mode, 0660);
	assert_int_equal(c->socket.max_connections, 4096);
	assert_int_equal(c->socket.max_connections_per_uid, 0);
	assert_int_equal(c->socket.max_frame, 65536);
	assert_int_equal(c->socket.linger_ms, 0);
	assert_false(c->access.present);
	assert_false(c->access.teams);
	assert_int_equal(c->memory.lock, ARENA_LOCK_PREFER);
	assert_int_equal(c->memory.max_bytes, 128 << 20);
	assert_int_equal(c->require.n_keys, 0);
	assert_int_equal(c->require.max_age_ms, -1);
	assert_int_equal(c->log.format, LOG_FORMAT_AUTO);
	assert_int_equal(c->log.level, LOG_INFO);
	config_free(c);
}

static void
everything_can_be_said(void **state)
{
	struct config *c =
	    good("; a comment\n# another\n\n"
		 "[manager]\r\n"
		 "url = https://One:443/v1/ ; the first\n"
		 "  https://[::1]:8888/ ; the second\n"
		 "\t# between\n"
		 "  https://localhost\n"
		 "organization: o\n"
		 "workspace = w\n"
		 "token_file = /t\nca_file = /ca\nclient_cert = /cc\nclient_key = /ck\n"
		 "pin = sha256//x=\nproxy = http://u:p@proxy:3128\n"
		 "insecure_http = on\nrefresh = 1.5\ntimeout = 500ms\n"
		 "[freshness]\n"
		 "ttl = 5m\nstale = 12h\nmax_stale = 7d\nmax_stale_unauthorized = 0\n"
		 "deletion_guard = 100%\ncold_wait = 0.25s\n"
		 "[socket]\n"
		 "path = /s\ngroup = g\nmode = 600\nmax_connections = 1\n"
		 "max_connections_per_uid = 2\nmax_frame = 1M\nlinger = 5m\n"
		 "[access]\n"
		 "allow = user:a conn:x\n"
		 "   conn:y ; more of it\n"
		 "deny = uid:1\n"
		 "allow = *\n"
		 "teams = yes\n"
		 "[memory]\nlock = require\nmax_bytes = 1G\n"
		 "[require]\nkeys = conn:a var:b/c\n   env:D\nmax_age = 2h\n"
		 "[metrics]\nlisten = 127.0.0.1:9464\n"
		 "[log]\nformat = json\nlevel = debug\n",
		no_env);

	(void)state;
	assert_string_equal(warning, "");
	assert_int_equal(c->manager.url.n, 3);
	assert_string_equal(c->manager.url.item[0], "https://one:443");
	assert_string_equal(c->manager.url.item[1], "https://[::1]:8888");
	assert_string_equal(c->manager.url.item[2], "https://localhost");
	assert_int_equal(c->metrics.listen.n, 1);
	assert_string_equal(c->metrics.listen.item[0], "127.0.0.1:9464");
	assert_string_equal(c->manager.workspace, "w");
	assert_string_equal(c->manager.pin, "sha256//x=");
	assert_string_equal(c->manager.proxy, "http://u:p@proxy:3128");
	assert_true(c->manager.insecure_http);
	assert_int_equal(c->manager.refresh_ms, 1500);
	assert_int_equal(c->manager.timeout_ms, 500);
	assert_int_equal(c->freshness.windows.max_stale_ms, 7 * DAY);
	assert_int_equal(c->freshness.windows.max_stale_unauthorized_ms, 0);
	assert_int_equal(c->freshness.deletion_guard_percent, 100);
	assert_int_equal(c->freshness.cold_wait_ms, 250);
	assert_string_equal(c->socket.group, "g");
	assert_int_equal(c->socket.mode, 0600);
	assert_int_equal(c->socket.max_frame, 1 << 20);
	assert_int_equal(c->socket.linger_ms, 300000);
	assert_true(c->access.present);
	assert_true(c->access.teams);
	assert_int_equal(c->access.n_rules, 3);
	assert_int_equal(c->access.rule[0].kind, RULE_ALLOW);
	assert_string_equal(c->access.rule[0].text, "user:a conn:x conn:y");
	assert_int_equal(c->access.rule[1].kind, RULE_DENY);
	assert_string_equal(c->access.rule[1].text, "uid:1");
	assert_string_equal(c->access.rule[2].text, "*");
	assert_int_equal(c->memory.lock, ARENA_LOCK_REQUIRE);
	assert_int_equal(c->memory.max_bytes, 1 << 30);
	assert_int_equal(c->require.n_keys, 3);
	assert_int_equal(c->require.key[1].kind, KIND_VARIABLE);
	assert_string_equal(c->require.key[1].key, "b/c");
	assert_int_equal(c->require.key[2].kind, KIND_ENV);
	assert_int_equal(c->require.max_age_ms, 7200000);
	assert_int_equal(c->log.format, LOG_FORMAT_JSON);
	assert_int_equal(c->log.level, LOG_DEBUG);
	config_free(c);
}

#define LONG_100                                                                                   \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"                                       \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void
what_is_wrong_is_said_with_its_place(void **state)
{
	static const struct {
		/* says: a part of the message, from its start when it has a ":" */
		const char *text, *says;
	} rows[] = {
		{ "", "c.conf: [manager] organization is missing" },
		{ GOOD "refesh = 1\n",
		    "c.conf:5: there is no \"refesh\" in [manager]; the nearest is \"refresh\"" },
		{ GOOD "[sockets]\n",
		    "c.conf:5: there is no section [sockets]; the nearest is [socket]" },
		{ "\n[typo]\nx=1\n" GOOD, "c.conf:2: there is no section [typo]" },
		{ GOOD "[socket]\nttl = 1\n",
		    "c.conf:6: \"ttl\" does not belong in [socket] but in [freshness]" },
		{ "url = x\n" GOOD, "c.conf:1: \"url\" stands above the first section" },
		{ GOOD "nonsense\n", "c.conf:5: this is neither" },
		{ GOOD "[manager\n", "c.conf:5: the \"]\" of the section is missing" },
		{ GOOD "refresh = 1\n\nrefresh = 2\n",
		    "c.conf:7: \"refresh\" is set a second time (first in line 5)" },
		{ GOOD "refresh = 1\n  timeout = 5\n", "c.conf:6: an indented line goes on" },
		{ GOOD "refresh = soon\n", "c.conf:5: refresh = \"soon\" is not a time like" },
		{ GOOD "refresh =\n", "c.conf:5: refresh = \"\" is not a time" },
		{ GOOD "refresh = 999ms\n",
		    "c.conf:5: refresh = 999ms is out of range: 1s to 86400s" },
		{ GOOD "timeout = 99ms\n", "out of range: 100ms to" },
		{ GOOD "insecure_http = maybe\n", "is not yes or no" },
		{ GOOD "client_cert = /x\n", "c.conf:5: [manager] client_cert and client_key" },
		{ GOOD "client_key = /x\n", "c.conf:5: [manager] client_cert and client_key" },
		{ GOOD "workspace = w\n",
		    "c.conf:5: [manager] deployment and workspace are both set" },
		{ "[manager]\nurl=http://[::1]\norganization=o\n",
		    "deployment (or workspace) is missing" },
		{ "[manager]\norganization=o\ndeployment=d\n", "c.conf: [manager] url is missing" },
		{ "[manager]\nurl=\norganization=o\ndeployment=d\n",
		    "c.conf:2: [manager] url is missing" },
		{ "[manager]\nurl=http://m:1\norganization=o\ndeployment=d\n",
		    "c.conf:2: url \"http://m:1\": plain http" },
		{ "[manager]\nurl=https://u:p@m\norganization=o\ndeployment=d\n",
		    "c.conf:2: url: it must not hold a user" },
		{ GOOD "[freshness]\ndeletion_guard = 101%\n", "out of range: 0% to 100%" },
		{ GOOD "[freshness]\nttl = 11m\nstale = 10m\n",
		    "c.conf:6: ttl <= stale <= max_stale must hold" },
		{ GOOD "[freshness]\nstale = 10m\nmax_stale = 9m\n",
		    "c.conf:7: ttl <= stale <= max_stale" },
		{ GOOD "[freshness]\nttl = 10m\nmax_stale = 9m\n",
		    "c.conf:6: ttl <= stale <= max_stale" },
		{ GOOD "[socket]\nmode = 888\n", "not an octal file mode" },
		{ GOOD "[socket]\nmode = 01777\n", "out of range: 00 to 0777" },
		{ GOOD "[socket]\nmax_connections = 0\n", "out of range" },
		{ GOOD "[socket]\nmax_frame = 64X\n", "is not a size" },
		{ GOOD "[socket]\nmax_frame = 1023\n", "out of range" },
		{ GOOD "[socket]\npath = /" LONG_100 "1234567\n", "c.conf:6: path is too long" },
		{ GOOD "[socket]\npath =\n", "c.conf:6: [socket] path is empty" },
		{ GOOD "[memory]\nlock = always\n",
		    "c.conf:6: lock = \"always\" is not one of: off prefer require" },
		{ GOOD "[memory]\nlock = off prefer\n", "is not one of" },
		{ GOOD "[require]\nkeys = conn:a b\n",
		    "c.conf:6: \"b\" is not a key to require: expected conn:NAME" },
		{ GOOD "[metrics]\nlisten = 9464\n", "c.conf:6: listen \"9464\" is not ADDR:PORT" },
		{ GOOD "[metrics]\nlisten = 0.0.0.0:9464\n", "say it twice" },
		{ GOOD "[metrics]\nlisten = 127.0.0.1:1 127.0.0.1:2\n", "one ADDR:PORT" },
		{ GOOD "[require]\nkeys = conn:\n", "\"conn:\" is not a key to require" },
		{ GOOD "[snapshot]\npath = /a/b\nkey_file = /a/c\n",
		    "c.conf:7: key_file lies in the directory of the snapshot" },
		{ GOOD "[snapshot]\npath = b\nkey_file = c\n", "c.conf:7: key_file lies" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct why why;
		struct config *c;

		assert_int_equal(read_with(&c, rows[i].text, no_env, &why), -EINVAL);
		if (!strstr(why.text, rows[i].says) ||
		    (rows[i].says[0] == 'c' && rows[i].says[1] == '.' &&
			strstr(why.text, rows[i].says) != why.text))
			fail_msg("row %zu said: %s", i, why.text);
	}
}

static void
test_long_lines_are_read_up_to_their_cap(void **state)
{
	enum { PADDED = 80 * 1024 };
	char *text = malloc(PADDED);
	struct why why;
	struct config *c;
	size_t n;

	(void)state;
	assert_non_null(text);
	n = (size_t)snprintf(text, PADDED, "%s[access]\nallow = uid:1", GOOD);
	while (n < 60 * 1024)
		n += (size_t)snprintf(text + n, PADDED - n, " conn:some_connection_%zu", n);
	c = good(text, no_env);
	assert_int_equal(c->access.n_rules, 1);
	assert_true(strlen(c->access.rule[0].text) > 59 * 1024);
	config_free(c);
	while (n < 70 * 1024)
		n += (size_t)snprintf(text + n, PADDED - n, " conn:some_connection_%zu", n);
	assert_int_equal(read_with(&c, text, no_env, &why), -EINVAL);
	assert_string_equal(why.text,
	    "c.conf:6: the line is longer than 64 KiB; a list may go on over indented lines");
	free(text);
}

static void
test_a_socket_path_has_107_bytes_at_most(void **state)
{
	struct config *c = good(GOOD "[socket]\npath = /" LONG_100 "123456", no_env);

	(void)state;
	assert_int_equal(strlen(c->socket.path), 107);
	assert_true(c->socket.path_set);
	assert_false(c->socket.mode_set);
	config_free(c);
}

static void
test_a_nul_byte_is_refused_and_a_byte_order_mark_skipped(void **state)
{
	struct why why;
	struct config *c;

	(void)state;
	assert_int_equal(read_bytes(&c, SPAN_LITERAL(GOOD "a\0b=1\n"), no_env, &why), -EINVAL);
	assert_string_equal(why.text, "c.conf:5: there is a NUL byte in the line");
	config_free(good("\xef\xbb\xbf" GOOD, no_env));
}

static void
the_environment_overrides_the_file(void **state)
{
	char *const env[] = { (char *)"PATH=/bin", (char *)"CONND_SERVICE_HOST=10.0.0.1",
		(char *)"CONND_SOCKET=/x", (char *)"CONND__MANAGER__REFRESH=5s",
		(char *)"CONND__MANAGER__URL=https://a https://b",
		(char *)"CONND__MANAGER__DEPLOYMENT=", (char *)"CONND__MANAGER__WORKSPACE=w",
		(char *)"CONND__ACCESS__ALLOW=conn:x", (char *)"CONND__ACCESS__DENY=uid:0",
		(char *)"CONND__MANAGER__REFESH=1", NULL };
	struct config *c = good(GOOD "refresh = 20s\n[access]\nallow = *\n", env);

	(void)state;
	assert_int_equal(c->manager.refresh_ms, 5000);
	assert_int_equal(c->manager.url.n, 2);
	assert_string_equal(c->manager.url.item[1], "https://b");
	assert_null(c->manager.deployment);
	assert_string_equal(c->manager.workspace, "w");
	assert_int_equal(c->access.n_rules, 3);
	assert_string_equal(c->access.rule[0].text, "uid:0");
	assert_string_equal(c->access.rule[1].text, "conn:x");
	assert_string_equal(c->access.rule[2].text, "*");
	assert_string_equal(warning, "CONND__MANAGER__REFESH does not name an option; ignored\n");
	config_free(c);
}

static void
test_only_a_known_option_counts_as_configuration_by_environment(void **state)
{
	char *const other[] = { (char *)"PATH=/bin", (char *)"CONND_SOCKET=/x",
		(char *)"CONND__MANAGER__REFESH=1", NULL };
	char *const some[] = { (char *)"PATH=/bin", (char *)"CONND__MANAGER__URL=", NULL };

	(void)state;
	assert_false(config_in_environment(no_env));
	assert_false(config_in_environment(other));
	assert_true(config_in_environment(some));
}

static void
windows_nobody_set_give_way_to_those_somebody_did(void **state)
{
	static const struct {
		const char *set;
		int64_t ttl_ms, stale_ms, max_stale_ms;
	} rows[] = {
		{ "ttl = 11m\n", 660000, 660000, DAY },
		{ "ttl = 2d\n", 2 * DAY, 2 * DAY, 2 * DAY },
		{ "stale = 1m\n", 60000, 60000, DAY },
		{ "stale = 2d\n", 120000, 2 * DAY, 2 * DAY },
		{ "max_stale = 9m\n", 120000, 540000, 540000 },
		{ "max_stale = 5s\n", 5000, 5000, 5000 },
		{ "ttl = 3s\nmax_stale = 5s\n", 3000, 5000, 5000 },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct config *c;

		snprintf(text, sizeof text, "%s[freshness]\n%s", GOOD, rows[i].set);
		c = good(text, no_env);
		assert_int_equal(c->freshness.windows.ttl_ms, rows[i].ttl_ms);
		assert_int_equal(c->freshness.windows.stale_ms, rows[i].stale_ms);
		assert_int_equal(c->freshness.windows.max_stale_ms, rows[i].max_stale_ms);
		config_free(c);
	}
}

static void
the_environment_is_named_when_it_is_wrong(void **state)
{
	static const struct {
		const char *entry, *says;
	} rows[] = {
		{ "CONND__MANAGER__REFRESH=x", "CONND__MANAGER__REFRESH: refresh = \"x\"" },
		{ "CONND__MANAGER__URL=ftp://x", "CONND__MANAGER__URL: url \"ftp://x\"" },
		{ "CONND__MANAGER__WORKSPACE=w",
		    "CONND__MANAGER__WORKSPACE: [manager] deployment" },
		{ "CONND__MANAGER__PROXY=http://u:hunter2@p",
		    "CONND__MANAGER__PROXY: a proxy with" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char *const env[] = { (char *)rows[i].entry, NULL };
		struct why why;
		struct config *c;

		assert_int_equal(read_with(&c, GOOD, env, &why), -EINVAL);
		if (strstr(why.text, rows[i].says) != why.text)
			fail_msg("%s", why.text);
		assert_null(strstr(why.text, "hunter2"));
	}
}

static void
odd_but_working_is_one_warning(void **state)
{
	struct config *c = good(GOOD "[freshness]\nttl = 59s\n", no_env);

	(void)state;
	assert_non_null(strstr(warning, "ttl is below twice refresh"));
	assert_ptr_equal(strchr(warning, '\n'), warning + strlen(warning) - 1);
	config_free(c);
	config_free(good(GOOD "[freshness]\nttl = 60s\n", no_env));
	assert_string_equal(warning, "");
	config_free(good(GOOD "[access]\n", no_env));
	assert_non_null(strstr(warning, "[access] holds no allow or deny rule"));
	c = good(GOOD "[access]\nadmin = uid:7\nadmin = group:oncall\n", no_env);
	assert_non_null(strstr(warning, "[access] holds no allow or deny rule"));
	assert_int_equal(c->access.n_rules, 2);
	assert_int_equal(c->access.n_admins, 2);
	assert_int_equal(c->access.rule[1].kind, RULE_ADMIN);
	config_free(c);
	config_free(good(GOOD "[access]\nadmin = uid:7\nallow = *\n", no_env));
	assert_string_equal(warning, "");
}

static void
plain_http_on_this_machine_is_one_warning_a_url(void **state)
{
	static const char rest[] = "organization=o\ndeployment=d\n";
	char text[512];

	(void)state;
	(void)snprintf(text, sizeof text,
	    "[manager]\nurl = http://127.0.0.1:8888 https://m unix:/run/m.sock\n%s", rest);
	config_free(good(text, no_env));
	assert_non_null(strstr(warning, "http://127.0.0.1:8888: plain http on this machine"));
	assert_non_null(strstr(warning, "use url = unix:PATH"));
	assert_ptr_equal(strchr(warning, '\n'), warning + strlen(warning) - 1);
	(void)snprintf(text, sizeof text, "[manager]\nurl = https://m unix:/run/m.sock\n%s", rest);
	config_free(good(text, no_env));
	assert_string_equal(warning, "");
}

static void
the_unauthorized_window_is_capped_by_max_stale(void **state)
{
	struct config *c =
	    good(GOOD "[freshness]\nmax_stale = 11m\nmax_stale_unauthorized = 12m\n", no_env);

	(void)state;
	assert_int_equal(c->freshness.windows.max_stale_unauthorized_ms, 660000);
	config_free(c);
}

static void
values_are_read_whole_or_not_at_all(void **state)
{
	static const struct {
		bool (*read)(const char *, int64_t *);
		const char *text;
		int64_t want; /* -1: refused */
	} rows[] = {
		{ value_size, "0", 0 },
		{ value_size, "64K", 65536 },
		{ value_size, "64k", 65536 },
		{ value_size, "1M", 1 << 20 },
		{ value_size, "2G", (int64_t)2 << 30 },
		{ value_size, "1KB", -1 },
		{ value_size, "K", -1 },
		{ value_size, "", -1 },
		{ value_size, "999999999999999G", -1 },
		{ value_percent, "50%", 50 },
		{ value_percent, "50", 50 },
		{ value_percent, "%", -1 },
		{ value_percent, "5 %", -1 },
		{ value_count, "12", 12 },
		{ value_count, "1x", -1 },
		{ value_octal, "0660", 0660 },
		{ value_octal, "660", 0660 },
		{ value_octal, "0o660", -1 },
		{ value_octal, "8", -1 },
		{ value_bool, "Yes", 1 },
		{ value_bool, "true", 1 },
		{ value_bool, "on", 1 },
		{ value_bool, "1", 1 },
		{ value_bool, "no", 0 },
		{ value_bool, "FALSE", 0 },
		{ value_bool, "off", 0 },
		{ value_bool, "0", 0 },
		{ value_bool, "2", -1 },
		{ value_bool, "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		int64_t got = -1;

		if (rows[i].read(rows[i].text, &got) != (rows[i].want >= 0) ||
		    (rows[i].want >= 0 && got != rows[i].want))
			fail_msg("row %zu: \"%s\"", i, rows[i].text);
	}
}

static void
addresses_are_made_uniform(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
		enum value_transport transport;
	} rows[] = {
		{ "https://api.example.com", "https://api.example.com", TRANSPORT_TLS },
		{ "https://api.example.com/", "https://api.example.com", TRANSPORT_TLS },
		{ "https://api.example.com/v1", "https://api.example.com", TRANSPORT_TLS },
		{ "https://api.example.com/v1/", "https://api.example.com", TRANSPORT_TLS },
		{ "HTTPS://API.Example.COM:443", "https://api.example.com:443", TRANSPORT_TLS },
		{ "http://127.0.0.1:8888", "http://127.0.0.1:8888", TRANSPORT_LOOPBACK },
		{ "http://127.1.2.3", "http://127.1.2.3", TRANSPORT_LOOPBACK },
		{ "http://localhost:1", "http://localhost:1", TRANSPORT_LOOPBACK },
		{ "http://[::1]", "http://[::1]", TRANSPORT_LOOPBACK },
		{ "http://128.0.0.1", "http://128.0.0.1", TRANSPORT_PLAIN },
		{ "http://127.0.0.1.example.com", "http://127.0.0.1.example.com", TRANSPORT_PLAIN },
		{ "http://127.example.com", "http://127.example.com", TRANSPORT_PLAIN },
		{ "http://localhost.example.com", "http://localhost.example.com", TRANSPORT_PLAIN },
		{ "http://[::2]:80", "http://[::2]:80", TRANSPORT_PLAIN },
		{ "http://manager:65535", "http://manager:65535", TRANSPORT_PLAIN },
		{ "http://manager:65536", NULL, 0 },
		{ "http://manager:0", NULL, 0 },
		{ "http://manager:", NULL, 0 },
		{ "http://manager:x", NULL, 0 },
		{ "http://", NULL, 0 },
		{ "http:///v1", NULL, 0 },
		{ "http://[::1", NULL, 0 },
		{ "http://[]", NULL, 0 },
		{ "ftp://x", NULL, 0 },
		{ "example.com", NULL, 0 },
		{ "https://x/y", NULL, 0 },
		{ "https://x/v1/organizations", NULL, 0 },
		{ "https://x?y", NULL, 0 },
		{ "https://x#y", NULL, 0 },
		{ "https://u@x", NULL, 0 },
		{ "https://exa mple", NULL, 0 },
		{ "unix:/run/m/s.sock", "unix:/run/m/s.sock", TRANSPORT_UNIX },
		{ "unix:/run/M/V1/", "unix:/run/M/V1/", TRANSPORT_UNIX },
		{ "unix:relative", NULL, 0 },
		{ "unix:", NULL, 0 },
		{ "unix:/" LONG_100 "xxxxxxx", NULL, 0 },
		{ "", NULL, 0 },
		{ "/v1", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char out[URL_SIZE];
		enum value_transport transport = 0;
		const char *wrong = value_url(rows[i].text, out, &transport);

		if (!wrong != !!rows[i].want)
			fail_msg("\"%s\": %s", rows[i].text, wrong ? wrong : "taken");
		if (wrong)
			continue;
		assert_string_equal(out, rows[i].want);
		assert_int_equal(transport, rows[i].transport);
	}
}

static void
test_a_reload_names_the_option_it_cannot_change(void **state)
{
	static const struct {
		const char *from, *to, *want;
		bool restart; /* a re-execution cannot change it either */
	} rows[] = {
		{ "organization = org", "organization = other", "[manager] organization", false },
		{ "deployment = dep", "deployment = other", "[manager] deployment", false },
		{ "deployment = dep", "workspace = dep", "[manager] deployment", false },
		{ "path = /a", "path = /b", "[socket] path", true },
		{ "path = /a", "path = /a\ngroup = g", "[socket] group", true },
		{ "path = /a", "path = /a\nmode = 0600", "[socket] mode", true },
		{ "path = /a", "path = /a\n[snapshot]\npath = /s", "[snapshot] path", false },
		{ "https://manager:8888", "https://manager:9999", NULL, false },
		{ "[freshness]\nttl = 2m", "[freshness]\nttl = 3m", NULL, false },
		{ "path = /a", "path = /a\nmode = 0660", NULL, false },
	};
	static const char base[] = GOOD "[freshness]\nttl = 2m\n[socket]\npath = /a\n";

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct config *a = good(base, no_env), *b;
		char text[512], name[CONFIG_NAME_SIZE] = "";
		const char *at = strstr(base, rows[i].from);

		assert_non_null(at);
		snprintf(text, sizeof text, "%.*s%s%s", (int)(at - base), base, rows[i].to,
		    at + strlen(rows[i].from));
		b = good(text, no_env);
		assert_int_equal(
		    config_differs(a, b, CONFIG_NEEDS_UPGRADE, name), rows[i].want != NULL);
		assert_string_equal(name, rows[i].want ? rows[i].want : "");
		assert_int_equal(config_differs(a, b, CONFIG_NEEDS_RESTART, name), rows[i].restart);
		config_free(a);
		config_free(b);
	}
}

/* A value different from that in GOOD; NULL: the option is not compared. */
static const char *
another_value(const struct option *o)
{
	bool yes = o->preset && strcmp(o->preset, "yes") == 0;

	if (option_is_rule(o) || o->type == OPTION_KEYS)
		return NULL;
	if (o->type == OPTION_NAME)
		return strcmp(o->section, "memory") == 0 ? "off"
		       : o->key[0] == 'f'                ? "kv"
							 : "debug";
	return o->type != OPTION_BOOL ? "77" : yes ? "no" : "yes";
}

static void
test_every_option_is_compared_as_its_row_says(void **state)
{
	struct config *a = good(GOOD, no_env);

	(void)state;
	for (size_t i = 0; i < n_options; i++) {
		const struct option *o = &options[i];
		const char *value = another_value(o);
		char name[CONFIG_NAME_SIZE], want[CONFIG_NAME_SIZE];
		struct why why = { "" };
		struct config *b = good(GOOD, no_env);

		if (!value) {
			assert_int_equal(o->change, CHANGE_LIVE);
			config_free(b);
			continue;
		}
		assert_true(option_same(o, a, b));
		if (option_set(b, o, value, OPTION_SET, &why) < 0)
			*why.text = '\0'; /* out of range: compared with the old value below */
		snprintf(want, sizeof want, "[%s] %s", o->section, o->key);
		if (option_same(o, a, b))
			assert_true(o->type == OPTION_MS || o->type == OPTION_SIZE);
		else if (config_same_manager(a, b) == (o->change == CHANGE_MANAGER) ||
			 config_differs(a, b, CONFIG_NEEDS_UPGRADE, name) !=
			     (o->change >= CHANGE_UPGRADE) ||
			 (o->change >= CHANGE_UPGRADE && strcmp(name, want) != 0))
			fail_msg("%s", want);
		config_free(b);
	}
	config_free(a);
}

static void
test_the_log_is_set_up_whatever_else_is_wrong(void **state)
{
	static const struct {
		const char *text, *env;
		enum log_format format;
		enum log_level level;
	} rows[] = {
		{ "", NULL, LOG_FORMAT_AUTO, LOG_INFO },
		{ "[log]\nformat = json", NULL, LOG_FORMAT_JSON, LOG_INFO },
		{ "nonsense\n[bad\n[socket]\nmodus = 1\n[log]\nlevel = debug\nformat = kv\n", NULL,
		    LOG_FORMAT_KV, LOG_DEBUG },
		{ "[log]\nformat = jason\nlevel = warn\n", NULL, LOG_FORMAT_AUTO, LOG_WARN },
		{ "[logs]\nformat = json\n", NULL, LOG_FORMAT_AUTO, LOG_INFO },
		{ "[log]\nformat = json\n", "CONND__LOG__FORMAT=journal", LOG_FORMAT_JOURNAL,
		    LOG_INFO },
		{ "", "CONND__LOG__LEVEL=error", LOG_FORMAT_AUTO, LOG_ERROR },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		char *const env[] = { (char *)rows[i].env, NULL };
		enum log_format format;
		enum log_level level;

		config_log_settings(span_of(rows[i].text), env, &format, &level);
		if (format != rows[i].format || level != rows[i].level)
			fail_msg("row %zu", i);
	}
}

static void
every_preset_is_in_its_own_range(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_options; i++) {
		struct why why = { "" };
		struct config *c = mem_zalloc(sizeof *c);

		assert_non_null(c);
		if (options[i].preset &&
		    option_set(c, &options[i], options[i].preset, OPTION_SET, &why) < 0)
			fail_msg("[%s] %s: %s", options[i].section, options[i].key, why.text);
		assert_ptr_equal(option_find(options[i].section, options[i].key), &options[i]);
		config_free(c);
	}
}

static void
memory_may_end_anywhere(void **state)
{
	char *const env[] = { (char *)"CONND__ACCESS__ALLOW=*", NULL };
	static const char text[] =
	    GOOD "[access]\nallow = user:a\n  conn:x\n[require]\nkeys = conn:a var:b\n"
		 "[metrics]\nlisten = 0.0.0.0:0 0.0.0.0:0\n";
	int64_t before = mem_live();
	int n = 0, r;

	(void)state;
	do {
		struct why why;
		struct config *c = NULL;

		mem_fail_after(n++);
		r = read_with(&c, text, env, &why);
		mem_fail_after(-1);
		assert_true(r == 0 || r == -ENOMEM);
		config_free(c);
		assert_int_equal(mem_live(), before);
	} while (r < 0);
	assert_true(n > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presets_are_what_is_documented),
		cmocka_unit_test(everything_can_be_said),
		cmocka_unit_test(what_is_wrong_is_said_with_its_place),
		cmocka_unit_test(test_long_lines_are_read_up_to_their_cap),
		cmocka_unit_test(test_a_socket_path_has_107_bytes_at_most),
		cmocka_unit_test(test_a_nul_byte_is_refused_and_a_byte_order_mark_skipped),
		cmocka_unit_test(the_environment_overrides_the_file),
		cmocka_unit_test(test_only_a_known_option_counts_as_configuration_by_environment),
		cmocka_unit_test(windows_nobody_set_give_way_to_those_somebody_did),
		cmocka_unit_test(the_environment_is_named_when_it_is_wrong),
		cmocka_unit_test(odd_but_working_is_one_warning),
		cmocka_unit_test(plain_http_on_this_machine_is_one_warning_a_url),
		cmocka_unit_test(the_unauthorized_window_is_capped_by_max_stale),
		cmocka_unit_test(values_are_read_whole_or_not_at_all),
		cmocka_unit_test(addresses_are_made_uniform),
		cmocka_unit_test(test_a_reload_names_the_option_it_cannot_change),
		cmocka_unit_test(test_every_option_is_compared_as_its_row_says),
		cmocka_unit_test(test_the_log_is_set_up_whatever_else_is_wrong),
		cmocka_unit_test(every_preset_is_in_its_own_range),
		cmocka_unit_test(memory_may_end_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
