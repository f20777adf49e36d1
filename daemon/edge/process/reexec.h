/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replaces the running program without losing a client: the program at the path that connd was
 * started from checks the configuration, then it is executed in this process with the listening
 * socket. Clients that connect meanwhile wait in the socket's queue.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "edge/process/loop.h"

/* Remembers the path, before anything changes the directory. argv0: as main() got it. */
void reexec_init(const char *argv0);

struct reexec_check;

/*
 * Spawns `PATH --check --config FILE`, with --online when the manager has to be asked; done(env,
 * why) is called once, within 15 s (60 s online); why is NULL when all is well, else the faults
 * that the program reported. 0 or -errno. A check that is freed is not reported.
 */
MUST_CHECK int reexec_check_new(struct reexec_check **out, struct loop *loop,
    const char *config_path, bool online, void (*done)(void *env, const char *why), void *env);
struct reexec_check *reexec_check_free(struct reexec_check *c); /* NULL is fine; returns NULL */

#define REEXEC_FDS 2

/*
 * Tells the next program, by the environment, that it gets n descriptors of these names. 0 or
 * -ENOMEM.
 */
MUST_CHECK int reexec_announce(int n, const char *names);
/*
 * Executes the program: fd[0] and, unless it is -1, fd[1] become descriptors 3 and 4; every other
 * one above 2 is closed. Allocates nothing. Returns only when it failed, with -errno; fd holds the
 * numbers that the two have then.
 */
int reexec_now(int fd[static REEXEC_FDS], const char *config_path);
