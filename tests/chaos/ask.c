/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends lookups to connd without a pause and checks every response.
 *
 *	ask SOCKET KEYS CLIENTS DEPTH LOOKUPS PER-SECOND HOW
 *
 * The variables k0 .. k<KEYS - 1> must exist, with values "k<i>=<turn>;", where a turn is a number.
 * Every fourth lookup is for a key that does not exist. CLIENTS threads send DEPTH lookups at a
 * time. It ends after LOOKUPS responses (0: never) or on SIGTERM. PER-SECOND limits the rate (0: no
 * limit). HOW: "keep" uses one connection as long as it lasts, "fresh" a new one for each batch,
 * "mixed" both; "+back" allows a turn to be lower than one seen before (after a restart from a
 * snapshot).
 *
 * Like the shim it repeats a lookup once when an open connection ends before the first byte of a
 * response. Prints one JSON line with the responses by kind. "wrong" counts values of other keys,
 * older turns, malformed values, and "not found" for existing keys. "failed" counts lookups without
 * a response.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_CLIENTS 64
#define MAX_DEPTH   256
#define MAX_KEYS    100000
#define FRAME_SIZE  128
#define REPLY_SIZE  65536
#define REPLY_MS    20000 /* a lookup without a response for this long has failed */

enum kind {
	RIGHT,
	NOT_FOUND,
	NOT_READY,
	EXPIRED,
	OTHER_ERROR,
	WRONG,
	FAILED,
	N_KINDS,
};

static const char *const names[N_KINDS] = {
	[RIGHT] = "right",
	[NOT_FOUND] = "not_found",
	[NOT_READY] = "not_ready",
	[EXPIRED] = "expired",
	[OTHER_ERROR] = "other_error",
	[WRONG] = "wrong",
	[FAILED] = "failed",
};

struct client {
	pthread_t thread;
	unsigned number;
	int fd;
	bool keep, kept; /* kept: it has had a response before */
	char in[REPLY_SIZE];
	size_t n_in;
	long long *turns; /* the latest seen of each key */
	uint64_t asked, counts[N_KINDS], again, longest_us;
	char first_bad[512];
};

static const char *path;
static unsigned n_keys, depth;
static bool may_go_back;
static uint64_t wanted, pace, clients_wanted;
static atomic_uint_fast64_t answered;
static volatile sig_atomic_t over;

static uint64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void
on_signal(int sig)
{
	(void)sig;
	over = 1;
}

/* --- a connection ----------------------------------------------------------------------------- */

static void
hang_up(struct client *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	c->n_in = 0;
	c->kept = false;
}

static bool
dial(struct client *c)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct timeval tv = { .tv_sec = REPLY_MS / 1000 };

	(void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	if (connect(c->fd, (const struct sockaddr *)&to, sizeof to) == 0)
		return true;
	hang_up(c);
	return false;
}

/* --- lookups and responses -------------------------------------------------------------------- */

/* Returns the key of a client's n-th lookup; -1: one that does not exist. */
static int
key_of(const struct client *c, uint64_t n)
{
	return n % 4 == 3 ? -1 : (int)((n * 7919 + c->number * 101) % n_keys);
}

static size_t
write_question(char *out, int key, uint64_t n)
{
	int len = key < 0 ? snprintf(out, FRAME_SIZE,
				"{\"method\":\"io.connd.secrets.GetVariable\","
				"\"parameters\":{\"key\":\"absent%u\"}}",
				(unsigned)(n % 1000))
			  : snprintf(out, FRAME_SIZE,
				"{\"method\":\"io.connd.secrets.GetVariable\","
				"\"parameters\":{\"key\":\"k%d\"}}",
				key);

	return (size_t)len + 1; /* the NUL ends the frame */
}

static enum kind
judge_value(struct client *c, int key, const char *value)
{
	char head[32], *end;
	int n = snprintf(head, sizeof head, "k%d=", key);
	long long turn;

	if (key < 0 || strncmp(value, head, (size_t)n) != 0)
		return WRONG;
	turn = strtoll(value + n, &end, 10);
	if (*end != ';' || end[1] != '"')
		return WRONG;
	if (turn < c->turns[key] && !may_go_back)
		return WRONG;
	c->turns[key] = turn;
	return RIGHT;
}

static enum kind
judge(struct client *c, int key, const char *reply)
{
	static const char value_name[] = "\"value\":\"";
	const char *value = strstr(reply, value_name);

	if (value)
		return judge_value(c, key, value + sizeof value_name - 1);
	if (strstr(reply, "\"io.connd.secrets.NotFound\""))
		return key < 0 ? NOT_FOUND : WRONG;
	if (strstr(reply, "\"io.connd.secrets.NotReady\""))
		return NOT_READY;
	if (strstr(reply, "\"io.connd.secrets.Expired\""))
		return EXPIRED;
	return OTHER_ERROR;
}

static void
note(struct client *c, enum kind kind, const char *reply)
{
	c->asked++;
	c->counts[kind]++;
	(void)atomic_fetch_add(&answered, 1);
	if (kind >= OTHER_ERROR && !c->first_bad[0])
		for (size_t i = 0; i + 1 < sizeof c->first_bad && reply[i]; i++)
			c->first_bad[i] = reply[i] == '"' || reply[i] == '\\' ? '\'' : reply[i];
}

/*
 * Reads one response with its NUL. False if the connection has ended; *begun: in the middle of a
 * response.
 */
static bool
next_reply(struct client *c, char out[static REPLY_SIZE], bool *begun)
{
	char *end;
	ssize_t n;
	size_t len;

	while (!(end = memchr(c->in, '\0', c->n_in))) {
		*begun = c->n_in > 0;
		if (c->n_in == sizeof c->in)
			return false;
		n = recv(c->fd, c->in + c->n_in, sizeof c->in - c->n_in, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			*begun =
			    *begun || (n < 0 && errno == EAGAIN); /* a time-out counts as begun */
			return false;
		}
		c->n_in += (size_t)n;
	}
	len = (size_t)(end - c->in) + 1;
	memcpy(out, c->in, len);
	memmove(c->in, c->in + len, c->n_in - len);
	c->n_in -= len;
	return true;
}

static bool
send_questions(const struct client *c, uint64_t first, unsigned n)
{
	char batch[MAX_DEPTH * FRAME_SIZE];
	size_t len = 0, done = 0;
	ssize_t sent;

	for (unsigned i = 0; i < n; i++)
		len += write_question(batch + len, key_of(c, first + i), first + i);
	while (done < len) {
		sent = send(c->fd, batch + done, len - done, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		done += (size_t)sent;
	}
	return true;
}

/* Returns how many of n lookups got a response. *again: the others may be repeated. */
static unsigned
try_batch(struct client *c, uint64_t first, unsigned n, bool *again)
{
	char reply[REPLY_SIZE];
	unsigned got = 0;
	bool begun = false, sent;

	*again = false;
	if (c->fd < 0 && !dial(c))
		return 0;
	sent = send_questions(c, first, n);
	/* Read the responses that came before the connection ended, even if sending failed. */
	while (got < n && next_reply(c, reply, &begun)) {
		note(c, judge(c, key_of(c, first + got), reply), reply);
		got++;
	}
	if (got == n)
		c->kept = true;
	else
		*again = !begun && (sent || c->kept) && (c->kept || got > 0);
	if (got < n || !c->keep)
		hang_up(c);
	return got;
}

static void
ask_batch(struct client *c)
{
	uint64_t first = c->asked, began = now_us(), took;
	char why[128];
	bool again;
	unsigned got = try_batch(c, first, depth, &again);

	if (got < depth && again) {
		c->again++;
		got += try_batch(c, first + got, depth - got, &again);
	}
	(void)snprintf(why, sizeof why, "no answer: %s", strerror(errno));
	if (got < depth)
		(void)usleep(1000); /* connd is not there: do not spin */
	for (; got < depth; got++)
		note(c, FAILED, why);
	took = now_us() - began;
	if (took > c->longest_us)
		c->longest_us = took;
}

static void *
run(void *arg)
{
	struct client *c = arg;
	uint64_t began = now_us(), due, now;

	while (!over && (wanted == 0 || atomic_load(&answered) < wanted)) {
		ask_batch(c);
		if (pace == 0)
			continue;
		due = began + c->asked * clients_wanted * 1000000u / pace;
		now = now_us();
		if (due > now)
			(void)usleep((useconds_t)(due - now < 100000 ? due - now : 100000));
	}
	hang_up(c);
	return NULL;
}

/* --- the summary ------------------------------------------------------------------------------ */

static void
report(const struct client *clients, unsigned n, double seconds)
{
	uint64_t asked = 0, again = 0, longest = 0, counts[N_KINDS] = { 0 };
	const char *bad = "";

	for (unsigned i = 0; i < n; i++) {
		asked += clients[i].asked;
		again += clients[i].again;
		if (clients[i].longest_us > longest)
			longest = clients[i].longest_us;
		if (clients[i].first_bad[0])
			bad = clients[i].first_bad;
		for (int k = 0; k < N_KINDS; k++)
			counts[k] += clients[i].counts[k];
	}
	(void)printf("{\"asked\": %llu, ", (unsigned long long)asked);
	for (int k = 0; k < N_KINDS; k++)
		(void)printf("\"%s\": %llu, ", names[k], (unsigned long long)counts[k]);
	(void)printf("\"asked_again\": %llu, \"longest_ms\": %.1f, \"seconds\": %.3f, "
		     "\"first_bad\": \"%s\"}\n",
	    (unsigned long long)again, (double)longest / 1000.0, seconds, bad);
}

static struct client *
new_clients(unsigned n, const char *how)
{
	struct client *clients = calloc(n, sizeof *clients);
	bool mixed = strncmp(how, "mixed", 5) == 0;

	for (unsigned i = 0; clients && i < n; i++) {
		clients[i].number = i;
		clients[i].fd = -1;
		clients[i].keep = strncmp(how, "keep", 4) == 0 || (mixed && i % 2 == 0);
		clients[i].turns = calloc(n_keys, sizeof *clients[i].turns);
		if (!clients[i].turns)
			return NULL;
	}
	return clients;
}

int
main(int argc, char *argv[])
{
	struct sigaction act = { .sa_handler = on_signal };
	struct client *clients;
	uint64_t began = now_us();
	unsigned n;

	if (argc != 8) {
		(void)fprintf(stderr, "usage: ask SOCKET KEYS CLIENTS DEPTH LOOKUPS PER-SECOND "
				      "keep|fresh|mixed[+back]\n");
		return 2;
	}
	path = argv[1];
	n_keys = (unsigned)strtoul(argv[2], NULL, 10);
	n = (unsigned)strtoul(argv[3], NULL, 10);
	depth = (unsigned)strtoul(argv[4], NULL, 10);
	wanted = strtoull(argv[5], NULL, 10);
	pace = strtoull(argv[6], NULL, 10);
	may_go_back = strstr(argv[7], "+back") != NULL;
	clients_wanted = n;
	if (n_keys < 1 || n_keys > MAX_KEYS || n < 1 || n > MAX_CLIENTS || depth < 1 ||
	    depth > MAX_DEPTH)
		return 2;
	(void)sigaction(SIGTERM, &act, NULL);
	clients = new_clients(n, argv[7]);
	if (!clients)
		return 1;
	for (unsigned i = 0; i < n; i++)
		if (pthread_create(&clients[i].thread, NULL, run, &clients[i]) != 0)
			return 1;
	for (unsigned i = 0; i < n; i++)
		(void)pthread_join(clients[i].thread, NULL);
	report(clients, n, (double)(now_us() - began) / 1e6);
	for (unsigned i = 0; i < n; i++)
		free(clients[i].turns);
	free(clients);
	return 0;
}
