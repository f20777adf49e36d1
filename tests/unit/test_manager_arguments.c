/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of connd-manager: verbs, options, and error messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/base.h"
#include "manager/program/arguments.h"

#define ID        "c000000000000000000000000"
#define MAX_WORDS 32

/* Reads words that are separated by single spaces. */
static enum cli_verdict
parse(const char *text, struct options *o, struct why *why)
{
	static char program[] = "connd-manager", copy[8192];
	char *argv[MAX_WORDS] = { program }, *at = copy, *word;
	static struct cli_line line;
	int n = 1;

	assert_true(strlen(text) < sizeof copy);
	memcpy(copy, text, strlen(text) + 1);
	why->text[0] = '\0';
	while ((word = strsep(&at, " ")) && *text) {
		assert_true(n < MAX_WORDS);
		argv[n++] = word;
	}
	return arguments_read(n, argv, o, &line, why);
}

static struct options
runs(const char *text)
{
	struct why why;
	struct options o;

	if (parse(text, &o, &why) != CLI_RUN)
		fail_msg("%s: %s", text, why.text);
	return o;
}

static void
refused(const char *text, const char *says)
{
	struct why why;
	struct options o;

	assert_int_equal(parse(text, &o, &why), CLI_WRONG);
	if (!strstr(why.text, says))
		fail_msg("%s: says \"%s\", not \"%s\"", text, why.text, says);
}

static void
a_store_is_a_url_without_a_password(void **state)
{
	struct options o = runs("--data d --store postgresql://u@a,b:5433/d?passfile=/f&host=c "
				"--store-listen postgres:///d --store-connections 20");

	(void)state;
	assert_string_equal(o.store, "postgresql://u@a,b:5433/d?passfile=/f&host=c");
	assert_string_equal(o.store_listen, "postgres:///d");
	assert_int_equal(o.store_connections, 20);
	refused("--data d --store sqlite", "postgresql://USER@HOST/DATABASE");
	refused("--data d --store postgresql://u:p@h/d", "other users can see a password");
	refused("--data d --store postgresql:///d?host=h&password=p", "passfile=");
	refused("--data d --store postgresql://h/d?sslpassword=p", "PGPASSFILE");
	refused("--data d --store postgresql://h/d --store-listen postgres://u:p@h/d", "password");
	refused("--data d --store postgresql://h/d --store-connections 65", "64");
	refused("--data d --store-listen postgresql://h/d", "belong to --store");
}

static void
each_verb_is_known_by_its_words(void **state)
{
	static const struct {
		const char *line;
		enum verb verb;
	} lines[] = {
		{ "--data d", VERB_SERVE },
		{ "init --data d --organization o --workspace w --deployment x", VERB_INIT },
		{ "deployment create --data d --workspace-id " ID " --name n",
		    VERB_DEPLOYMENT_CREATE },
		{ "deployment list --data d", VERB_DEPLOYMENT_LIST },
		{ "token create --data d --name n --scope workspace --scope-id " ID
		  " --role MEMBER",
		    VERB_TOKEN_CREATE },
		{ "token list --data d", VERB_TOKEN_LIST },
		{ "token revoke --data d --id " ID, VERB_TOKEN_REVOKE },
		{ "organization set --data d --secrets-fetching on", VERB_ORGANIZATION_SET },
		{ "organization show --data d", VERB_ORGANIZATION_SHOW },
		{ "rotate-key --data d", VERB_ROTATE_KEY },
		{ "backup f --data d", VERB_BACKUP },
		{ "restore f --data d", VERB_RESTORE },
		{ "tls init --data d", VERB_TLS_INIT },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMENTS(lines); i++)
		assert_int_equal(runs(lines[i].line).verb, lines[i].verb);
	refused("frobnicate --data d", "unknown verb \"frobnicate\"");
	refused("token --data d", "\"token\" needs a verb: create, list, revoke");
	refused("token", "\"token\" needs a verb");
	refused("token burn", "unknown verb \"token burn\"");
	refused("tls", "\"tls\" needs a verb: init");
}

static void
an_option_has_its_value_in_either_form(void **state)
{
	struct options o = runs("--data=d --key-file k --rate-get 10/s --rate-post=5");

	(void)state;
	assert_string_equal(o.data, "d");
	assert_string_equal(o.key_file, "k");
	assert_int_equal(o.rate_get, 10);
	assert_int_equal(o.rate_post, 5);
	assert_true(runs("--data d --log-requests").log_requests);
	refused("--data", "--data needs a value");
	refused("--data=", "--data takes a directory");
	refused("--data d --log-requests=yes", "--log-requests takes no value");
	refused("--data d --datax e", "unknown option \"--datax\": did you mean \"--data\"?");
	refused("--data d stray", "unknown verb \"stray\"");
	refused("--data a --data b", "--data is given twice");
	refused("--data d --role OWNER", "has no option --role");
	refused("", "--data DIR is missing");
	refused("token revoke --data d", "--id ID is missing");
}

static void
some_options_may_be_repeated(void **state)
{
	struct options o = runs(
	    "--data d --listen 127.0.0.1:1 --listen unix:/run/s --fault *:503 --fault list:500");

	(void)state;
	assert_int_equal(o.n_listens, 2);
	assert_string_equal(o.listen[1], "unix:/run/s");
	assert_int_equal(o.n_faults, 2);
	o = runs("init --data d --organization o --workspace w --deployment a --deployment b");
	assert_int_equal(o.n_deployments, 2);
	assert_string_equal(o.deployments[0], "a");
	assert_string_equal(o.deployments[1], "b");
	refused("--data d --listen a:1 --listen a:2 --listen a:3 --listen a:4 --listen a:5",
	    "--listen may be given 4 times");
}

static void
numbers_and_durations_are_bounded(void **state)
{
	(void)state;
	assert_int_equal(runs("--data d").audit_days, 90);
	assert_int_equal(runs("--data d --audit-days 36500").audit_days, 36500);
	refused("--data d --audit-days 36501", "--audit-days");
	refused("--data d --audit-days 0", "--audit-days");
	refused("--data d --audit-days -1", "--audit-days");
	refused("--data d --audit-days 1d", "--audit-days");
	refused("--data d --audit-days 99999999999999999999", "--audit-days");
	assert_int_equal(runs("--data d").max_lifetime_s, 90 * 86400);
	assert_int_equal(runs("--data d --max-lifetime 60").max_lifetime_s, 60);
	assert_int_equal(runs("--data d --max-lifetime 60s").max_lifetime_s, 60);
	assert_int_equal(runs("--data d --max-lifetime 5m").max_lifetime_s, 300);
	assert_int_equal(runs("--data d --max-lifetime 12h").max_lifetime_s, 12 * 3600);
	assert_int_equal(
	    runs("--data d --max-lifetime 36500d").max_lifetime_s, INT64_C(36500) * 86400);
	refused("--data d --max-lifetime 36501d", "--max-lifetime");
	assert_int_equal(runs("--data d --max-lifetime 1.5h").max_lifetime_s, 5400);
	refused("--data d --max-lifetime 0", "--max-lifetime");
	refused("--data d --max-lifetime 500ms", "--max-lifetime");
	refused("--data d --max-lifetime 1.5", "--max-lifetime");
	refused("--data d --max-lifetime 1w", "--max-lifetime");
	refused("--data d --max-lifetime 1dd", "--max-lifetime");
	refused("--data d --max-lifetime d", "--max-lifetime");
	refused("--data d --rate-get 0", "--rate-get");
}

#define TOKEN "token create --data d --name n --scope-id " ID

static void
ids_names_and_words_are_checked(void **state)
{
	struct options o = runs(TOKEN " --scope deployment --role OPERATOR --expires-in 60");

	(void)state;
	assert_int_equal(o.scope, SCOPE_DEPLOYMENT);
	assert_int_equal(o.role, ROLE_OPERATOR);
	assert_int_equal(o.expires_in_s, 60);
	assert_string_equal(o.scope_id.s, ID);
	refused(TOKEN " --scope project --role OWNER",
	    "--scope takes organization|workspace|deployment");
	refused(
	    TOKEN " --scope workspace --role owner", "--role takes OWNER|OPERATOR|AUTHOR|MEMBER");
	refused("token revoke --data d --id c1", "--id takes an id");
	refused(
	    "deployment create --data d --workspace-id " ID " --name a\nb", "control characters");
	refused("deployment create --data d --workspace-id " ID " --name \xff", "UTF-8");
	refused("organization set --data d --secrets-fetching maybe",
	    "--secrets-fetching takes on|off");
	assert_false(runs("organization set --data d --secrets-fetching off").secrets_fetching);
	refused("tls init --data d --host a_b", "--host takes a DNS name");
	refused("--data d --tls-cert c", "belong together");
}

static void
a_backup_goes_to_a_file_or_stdout(void **state)
{
	(void)state;
	assert_string_equal(runs("backup copy.db --data d").file, "copy.db");
	assert_string_equal(runs("backup - --data d").file, "-");
	assert_string_equal(runs("--data d backup copy.db").file, "copy.db");
	refused("backup --data d", "too few words: connd-manager backup FILE");
	refused("backup a b --data d", "too many words");
	refused("restore - --data d", "restore takes a FILE");
	assert_string_equal(runs("init --data d --organization o --workspace w --deployment x "
				 "--token-out t")
				.token_out,
	    "t");
	refused("token list --data d --token-out t", "token list has no option --token-out");
}

static void
paths_are_meant_from_the_clients_directory(void **state)
{
	struct why why;
	struct buf room = BUF_INIT(65536);
	struct options o = runs("backup copy.db --data d");

	(void)state;
	assert_true(arguments_resolve_paths(&o, "/home/jo", &room, &why));
	assert_string_equal(o.file, "/home/jo/copy.db");
	assert_string_equal(o.data, "d"); /* the server knows its own */
	o = runs("backup - --data d");
	assert_true(arguments_resolve_paths(&o, "/home/jo", &room, &why));
	assert_string_equal(o.file, "-");
	o = runs("rotate-key --data d --new-key-file /k");
	assert_true(arguments_resolve_paths(&o, "/home/jo", &room, &why));
	assert_string_equal(o.new_key_file, "/k");
	buf_fini(&room);
	buf_init(&room, 8);
	o = runs("rotate-key --data d --new-key-file k");
	assert_false(arguments_resolve_paths(&o, "/home/jo", &room, &why));
	assert_non_null(strstr(why.text, "too long"));
	buf_fini(&room);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_store_is_a_url_without_a_password),
		cmocka_unit_test(each_verb_is_known_by_its_words),
		cmocka_unit_test(an_option_has_its_value_in_either_form),
		cmocka_unit_test(some_options_may_be_repeated),
		cmocka_unit_test(numbers_and_durations_are_bounded),
		cmocka_unit_test(ids_names_and_words_are_checked),
		cmocka_unit_test(a_backup_goes_to_a_file_or_stdout),
		cmocka_unit_test(paths_are_meant_from_the_clients_directory),
	};

	return base_init() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
