/* SPDX-License-Identifier: Apache-2.0 */
/* The Deployment's environment variables, as connd serves them, for a program on this machine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "ctl/ctl.h"
#include "ctl/local/env_name.h"

struct variable {
	char *name, *value;
};

struct environment {
	struct variable *variable; /* by name; no name twice */
	size_t n;
	int64_t generation;
};

/*
 * Reads the ENVIRONMENT_VARIABLE objects and, with --airflow, connections and Airflow variables
 * under Airflow's own names; those of --without are left out. A name that is dangerous, does not
 * fit the reader, or stands for two records fails the whole. Returns the exit code, having reported
 * anything but CTL_YES. *out needs environment_fini() in any case.
 */
MUST_CHECK int environment_read(
    const struct ctl_options *o, enum env_reader reader, struct environment *out);
bool environment_equal(const struct environment *a, const struct environment *b);
void environment_fini(struct environment *e);
