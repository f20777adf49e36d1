/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included before every file when lines are counted (MODE=coverage): a child that ends with
 * _exit() would lose its counters, and a program that runs as another user than the first one
 * could not add to the files of its counters.
 */
#pragma once

#include <sys/stat.h>

void __gcov_dump(void);
_Noreturn void _Exit(int status);

/* Runs before gcov writes its files: every user may write them. */
static __attribute__((destructor)) void
coverage_for_all(void)
{
	(void)umask(0);
}

static inline _Noreturn void
coverage_exit(int status)
{
	coverage_for_all();
	__gcov_dump();
	_Exit(status);
}

#define _exit coverage_exit
