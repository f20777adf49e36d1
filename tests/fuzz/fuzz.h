/* SPDX-License-Identifier: Apache-2.0 */
/* What every fuzzer has. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the program when what must hold does not: the fuzzer's way to report a finding. */
#define must(truth) fuzz_must((truth), #truth, __FILE__, __LINE__)

static inline void
fuzz_must(bool truth, const char *text, const char *file, int line)
{
	if (truth)
		return;
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, text);
	abort();
}

/* libFuzzer's entry point, or that of run_inputs.c. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
