/* SPDX-License-Identifier: Apache-2.0 */
/* Finds a secret in the memory of this process. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SECRET_SIZE 32

/* A secret with every bit inverted, so that the search does not find the test's own copy. */
void secret_turn(uint8_t out[static SECRET_SIZE], const void *secret);

struct copies {
	size_t locked; /* in locked memory that is left out of core dumps */
	size_t elsewhere;
};
struct copies secret_find(const uint8_t turned[static SECRET_SIZE]);
