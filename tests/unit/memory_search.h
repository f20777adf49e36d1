/* SPDX-License-Identifier: Apache-2.0 */
/* Where a secret is in the memory of this process. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SECRET_SIZE 32

/* A secret with every bit turned, so that the test itself is not found. */
void secret_turn(uint8_t out[static SECRET_SIZE], const void *secret);

struct copies {
	size_t locked; /* in locked memory that stays out of core dumps */
	size_t elsewhere;
};
struct copies secret_find(const uint8_t turned[static SECRET_SIZE]);
