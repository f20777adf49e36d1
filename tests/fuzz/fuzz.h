/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by all fuzzers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Aborts when a condition is false: that is how a fuzzer reports a finding. */
#define must(truth) fuzz_must((truth), #truth, __FILE__, __LINE__)

static inline void
fuzz_must(bool truth, const char *text, const char *file, int line)
{
	if (truth)
		return;
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
	abort();
}

/* The entry point for libFuzzer and run_inputs.c. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
