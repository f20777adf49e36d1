/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/api/rate.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rnd.h"

#define N_SLOTS  4096 /* a power of two */
#define N_PROBES 8
#define MAX_RATE 100000

struct slot {
	struct id token;
	int64_t next_us; /* when the next request is due at exactly this rate */
};

struct rate {
	int64_t interval_us;
	int64_t ahead_us; /* a burst may be ahead of the rate by one second */
	uint8_t key[HASH_SHORT_KEY_SIZE];
	struct slot slots[N_SLOTS];
};

struct rate *
rate_new(unsigned per_second)
{
	struct rate *r = mem_zalloc(sizeof *r);

	if (!r)
		return NULL;
	r->interval_us = 1000000 / per_second;
	r->ahead_us = 1000000 - r->interval_us;
	rnd_bytes(r->key, sizeof r->key);
	return r;
}

struct rate *
rate_free(struct rate *r)
{
	mem_free(r);
	return NULL;
}

static struct slot *
slot_of(struct rate *r, const struct id *token)
{
	uint64_t at = hash_short(r->key, token->s, ID_LENGTH);
	struct slot *quietest = NULL;

	for (uint64_t i = 0; i < N_PROBES; i++) {
		struct slot *s = &r->slots[(at + i) % N_SLOTS];

		if (id_equal(&s->token, token))
			return s;
		if (!quietest || s->next_us < quietest->next_us)
			quietest = s;
	}
	quietest->token = *token;
	quietest->next_us = 0;
	return quietest;
}

int64_t
rate_ask(struct rate *r, const struct id *token, int64_t now_ms)
{
	struct slot *s = slot_of(r, token);
	int64_t now_us = now_ms * 1000, next, wait_us;

	next = s->next_us > now_us ? s->next_us : now_us;
	wait_us = next - r->ahead_us - now_us;
	if (wait_us > RATE_DELAY_MAX_MS * 1000)
		return -((wait_us - RATE_DELAY_MAX_MS * 1000 + 999) / 1000);
	s->next_us = next + r->interval_us;
	return wait_us > 0 ? (wait_us + 999) / 1000 : 0;
}

unsigned
rate_read(const char *text)
{
	unsigned long v = 0;
	size_t i = 0;

	for (; text[i] >= '0' && text[i] <= '9' && v <= MAX_RATE; i++)
		v = v * 10 + (unsigned long)(text[i] - '0');
	if (!i || v > MAX_RATE || (text[i] && strcmp(text + i, "/s") != 0))
		return 0;
	return (unsigned)v;
}
