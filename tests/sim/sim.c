/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs scenarios: the real core on fake edges, in text that reads like the specification.
 *
 *	sim FILE...		each once, everything as expected
 *	sim --torture FILE...	each again and again, failing the 1st, 2nd, 3rd ... allocation until
 *a run completes; only the invariants count until then
 *
 * A line is a step: [number] command words [-> event, event]. All important events of a step (a
 * sync starts, a generation is published, a lookup gets its result) must be named on its line; log
 * notes may be. tests/sim/README.md lists the commands and events.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/base.h"
#include "base/mem.h"
#include "tests/sim/world.h"

#define MAX_FILE (64 * 1024)
/* Allocations to fail one by one. A day of syncs has thousands of similar ones. */
#define EACH 300

static struct world world;

struct run {
	const char *file;
	int line;
	bool check;  /* compare the events with those expected */
	bool failed; /* a line has already been reported */
};

static void
complain(struct run *run, const char *what, const char *text)
{
	if (!run->failed)
		printf("%s:%d: %s%s%s\n", run->file, run->line, what, *text ? ": " : "", text);
	run->failed = true;
}

/* Returns the next expectation; they are separated by ", " outside quotes. NULL at the end. */
static char *
next_phrase(char **rest)
{
	char *start = *rest, *s = start;
	bool quoted = false;

	if (!start)
		return NULL;
	for (; *s && (quoted || *s != ',' || s[1] != ' '); s++)
		quoted ^= *s == '"';
	*rest = *s ? s + 1 : NULL;
	*s = '\0';
	return start;
}

/* Each expectation matches the next event that fits; events skipped must be optional. */
static void
compare(struct run *run, char *expected)
{
	static struct words want, got;
	size_t i = 0;
	char *phrase;

	while ((phrase = next_phrase(&expected))) {
		if (!words_cut(&want, phrase)) {
			complain(run, "makes no sense", phrase);
			return;
		}
		for (;; i++) {
			if (i == world.n_events) {
				complain(run, "did not happen", phrase);
				return;
			}
			if (words_cut(&got, world.event[i].text) && words_match(&want, &got))
				break;
			if (world.event[i].required) {
				complain(run, "happened instead", world.event[i].text);
				return;
			}
		}
		i++;
	}
	for (; i < world.n_events; i++)
		if (world.event[i].required)
			complain(run, "happened too", world.event[i].text);
	if (world.n_events_lost)
		complain(run, "too much happened in one step", "");
}

static void
expect_status(struct run *run, const struct words *args)
{
	static struct words got;
	char status[MAX_TEXT], text[2 * MAX_TEXT];

	world_status(&world, status);
	if (!words_cut(&got, status) || words_match(args, &got))
		return;
	for (size_t i = 0; i < args->n; i++) {
		struct words one = { .word = { args->word[i] }, .n = 1 };

		if (words_match(&one, &got))
			continue;
		snprintf(text, sizeof text, "%s, but %s", args->word[i], status);
		if (run->check)
			complain(run, "not so", text);
		return;
	}
}

/* Returns the text after the first word. */
static const struct words *
arguments(const struct words *line, size_t skip)
{
	static struct words args;

	args.n = line->n - skip;
	memcpy(args.word, line->word + skip, args.n * sizeof *args.word);
	return &args;
}

static void
sync_ends(struct run *run, const struct words *line)
{
	char number[16];

	snprintf(number, sizeof number, "#%u", world.n_syncs);
	if (line->n < 3 || strcmp(line->word[1], number) != 0) {
		if (run->check)
			complain(run, "the last sync begun is", number);
	} else if (run->check || world.syncing) {
		world_sync_ends(&world, arguments(line, 2));
	}
}

static void
probe_ends(struct run *run, const struct words *line)
{
	char number[16];

	snprintf(number, sizeof number, "#%u", world.n_probes);
	if (strcmp(line->word[1], number) != 0) {
		if (run->check)
			complain(run, "the last probe begun is", number);
	} else if (run->check || world.probing) {
		world_probe_ends(&world, arguments(line, 2));
	}
}

static void
manager_is(const struct words *line)
{
	world.manager[0] = '\0';
	for (size_t i = 1; i < line->n && strcmp(line->word[1], "silent") != 0; i++) {
		size_t n = strlen(world.manager);

		snprintf(world.manager + n, sizeof world.manager - n, "%s%s", n ? " " : "",
		    line->word[i]);
	}
	if (world.syncing && *world.manager)
		world.answers_ms = world.now_ms + world.latency_ms;
}

static void
step(struct run *run, const struct words *line)
{
	const char *command = line->word[0];
	int64_t ms;

	if (strcmp(command, "config") == 0)
		world_config(&world, arguments(line, 1));
	else if (strcmp(command, "start") == 0)
		world_start(&world);
	else if (!world.replica)
		complain(run, "nothing has been started", "");
	else if (strcmp(command, "pass") == 0 && line->n == 2 && words_number(line->word[1], &ms))
		world_pass(&world, ms);
	else if (strcmp(command, "ask") == 0)
		world_ask(&world, arguments(line, 1));
	else if (strcmp(command, "forget") == 0 && line->n == 2)
		world_forget(&world, line->word[1]);
	else if (strcmp(command, "restart") == 0)
		world_restart(&world, arguments(line, 1));
	else if (strcmp(command, "stamp") == 0)
		world_stamp(&world);
	else if (strcmp(command, "damage") == 0 && line->n == 3)
		world_damage(&world, line->word[1], line->word[2]);
	else if (strcmp(command, "soon") == 0)
		world_soon(&world);
	else if (strcmp(command, "refresh") == 0)
		world_refresh(&world);
	else if (strcmp(command, "token") == 0 && line->n == 2)
		world_token(&world, line->word[1]);
	else if (strcmp(command, "sync") == 0)
		sync_ends(run, line);
	else if (strcmp(command, "probe") == 0 && line->n >= 3)
		probe_ends(run, line);
	else if (strcmp(command, "manager") == 0 && line->n > 1)
		manager_is(line);
	else if (strcmp(command, "expect") == 0)
		expect_status(run, arguments(line, 1));
	else
		complain(run, "there is no such command", command);
}

/* Runs one line. False if the scenario cannot continue. */
static bool
run_line(struct run *run, char *text)
{
	static struct words line;
	char *arrow;
	size_t skip;

	for (char *s = text; (s = strstr(s, "# ")); s++)
		if (s == text || s[-1] == ' ' || s[-1] == '\t')
			*s = '\0';
	arrow = strstr(text, "->");
	if (arrow)
		*arrow = '\0';
	if (!words_cut(&line, text)) {
		complain(run, "the line makes no sense", text);
		return false;
	}
	skip = line.n && strspn(line.word[0], "0123456789") == strlen(line.word[0]);
	if (line.n == skip)
		return true;
	memmove(line.word, line.word + skip, (line.n -= skip) * sizeof *line.word);

	world.n_events = world.n_events_lost = 0;
	step(run, &line);
	if (!world.broken)
		world_check(&world);
	if (world.broken)
		complain(run, world.broken, "");
	else if (!world.replica && world.ran_short)
		return false; /* connd could not start, and has said so */
	else if (run->check)
		compare(run, arrow && arrow[2 + strspn(arrow + 2, " \t")] ? arrow + 2 : NULL);
	return !run->failed;
}

/* Runs a scenario once. True if it passes. */
static bool
run_text(struct run *run, const char *text)
{
	static char copy[MAX_FILE];
	char *rest = copy, *line;
	int64_t before = mem_live();

	snprintf(copy, sizeof copy, "%s", text);
	world_init(&world);
	run->line = 0;
	while ((line = strsep(&rest, "\n"))) {
		run->line++;
		if (!run_line(run, line))
			break;
	}
	world_fini(&world);
	if (world.broken)
		complain(run, world.broken, "");
	if (mem_live() != before)
		complain(run, "memory was left behind", "");
	return !run->failed;
}

static bool
mem_there(void)
{
	void *p = mem_alloc(1);

	mem_free(p);
	return p != NULL;
}

/*
 * Runs a scenario with failing allocations. False if an invariant failed. *complete: none failed.
 */
static bool
run_short_of_memory(const char *file, const char *text, int64_t n, bool *complete)
{
	struct run run = { .file = file };
	bool good;

	mem_fail_after(n);
	good = run_text(&run, text);
	*complete = mem_there();
	mem_fail_after(-1);
	if (world.ran_short)
		*complete = false;
	if (!good)
		printf("%s: with memory for %lld allocations\n", file, (long long)n);
	return good;
}

/*
 * The n-th allocation and all later ones fail until an operation of the replica has failed. Then
 * allocations succeed again, and the replica must survive the rest of the scenario.
 */
static bool
torture(const char *file, const char *text)
{
	bool complete = false;

	for (int64_t n = 0; !complete; n += n < EACH ? 1 : n / 8)
		if (!run_short_of_memory(file, text, n, &complete))
			return false;
	return true;
}

static bool
read_whole(const char *path, char text[static MAX_FILE])
{
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f)
		return false;
	n = fread(text, 1, MAX_FILE, f);
	fclose(f);
	if (n == MAX_FILE)
		return false;
	text[n] = '\0';
	return n > 0;
}

int
main(int argc, char **argv)
{
	static char text[MAX_FILE];
	bool tortured = argc > 1 && strcmp(argv[1], "--torture") == 0;
	int passed = 0, failed = 0;

	if (base_init() < 0)
		return 2;
	for (int i = 1 + tortured; i < argc; i++) {
		struct run run = { .file = argv[i], .check = true };
		bool good = false;

		if (!read_whole(argv[i], text))
			printf("%s: cannot be read\n", argv[i]);
		else
			good = tortured ? torture(argv[i], text) : run_text(&run, text);
		passed += good;
		failed += !good;
	}
	printf(
	    "%s: %d passed, %d failed\n", tortured ? "sim under torture" : "sim", passed, failed);
	return failed || !passed ? 1 : 0;
}
