/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why there is no connection. A server that is away, starts, stops or is a standby may be there in
 * a moment. A user, password or database that the server refuses stays refused until a person
 * changes something. libpq has the server's SQLSTATE of a connection only in its sentence, with
 * PQERRORS_VERBOSE: "FATAL:  28P01: password authentication failed". A failure of any other kind
 * counts as one that passes.
 */
#include "manager/store/postgres/postgres.h"

#include <errno.h>
#include <string.h>

#define STATE_LENGTH 5

/* Classes of SQLSTATEs, or one, that do not pass by themselves, and what to do. */
static const struct {
	const char *state, *next_step;
} refusals[] = {
	{ "28P01", "check the user in the URL, and its password: passfile=, PGPASSFILE or a "
		   "service file" },
	{ "28", "check the user in the URL, and the server's pg_hba.conf" },
	{ "3D000",
	    "make the database with `createdb`, then run `connd-manager init` with --store" },
	{ "42501", "let the user in: GRANT CONNECT ON DATABASE ... TO ..." },
	{ "42", "check the parameters of the URL" },
	{ "22", "check the parameters of the URL" },
};
static const char no_password[] =
    "give the password in a file: passfile=, PGPASSFILE or a service file (mode 0600)";
static const char bad_url[] = "check the parameters of the URL";

static bool
begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The SQLSTATE in a line, of the form "SEVERITY:  STATE: "; NULL: there is none. */
static const char *
find_state(const char *line, size_t n)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const char *at = line;

	while ((at = strstr(at, ":  ")) && at < line + n) {
		at += 3;
		if (strspn(at, digits) == STATE_LENGTH && at[STATE_LENGTH] == ':')
			return at;
	}
	return NULL;
}

static const char *
next_step(const char *state)
{
	for (size_t i = 0; i < N_ELEMENTS(refusals); i++)
		if (begins_with(state, refusals[i].state))
			return refusals[i].next_step;
	return NULL;
}

/* One attempt at one server begins with such a line. */
static bool
is_attempt(const char *line)
{
	return begins_with(line, "connection to ") || begins_with(line, "could not ");
}

const char *
pg_refusal(const char *text)
{
	const char *step = NULL;
	size_t attempts = 0, refused = 0;

	if (begins_with(text, "invalid ") || begins_with(text, "could not match "))
		return bad_url;
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		const char *state = find_state(line, n), *next = state ? next_step(state) : NULL;

		attempts += is_attempt(line);
		refused += next != NULL;
		step = next ? next : step;
		line += n + (line[n] != '\0');
	}
	return refused >= attempts ? step : NULL;
}

/* libpq's message, in one line, without SQLSTATEs and places in the server's source. */
static void
add_text(const char *text, struct why *why)
{
	while (*text) {
		size_t n = strcspn(text += *text == '\t', "\n");
		const char *state = find_state(text, n);
		/* "FATAL:" and " password ..." of "FATAL:  28P01: password ..." */
		const char *end = state ? state - 2 : text + n;
		const char *rest = state ? state + STATE_LENGTH + 1 : end;

		if (!begins_with(text, "LOCATION:"))
			why_add(why, " %.*s%.*s", (int)(end - text), text,
			    state ? (int)(text + n - rest) : 0, rest);
		text += n + (text[n] != '\0');
	}
}

int
pg_reason(const struct pg_db *db, int r, struct why *why)
{
	const char *text = db->h ? PQerrorMessage(db->h) : "out of memory\n";
	const char *step = pg_refusal(text);

	why_set(why, "%.100s:", db->store->store.name);
	if (!*text)
		why_add(why, " the server did not answer in time");
	add_text(text, why);
	if (!step && db->h && PQconnectionNeedsPassword(db->h))
		step = no_password;
	if (!step)
		return r;
	why_add(why, "; %s", step);
	return -EACCES;
}

void
pg_say_lost(const struct store *s, int r, struct why *why)
{
	why_set(why, "%.200s: %s", s->name,
	    r == -ENOTCONN ? "the connection was lost, or the server did not answer in time"
	    : r == -EBUSY  ? "another one has locked it: a migration, or a backup that is restored"
			   : strerror(-r));
}

bool
pg_may_pass(int r)
{
	return r == -ENOTCONN || r == -EBUSY || r == -ECANCELED;
}
