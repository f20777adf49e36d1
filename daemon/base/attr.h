/* SPDX-License-Identifier: Apache-2.0 */
/* Compiler attributes, under names that say what they are for. */
#pragma once

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define CLEANUP(fn)       __attribute__((cleanup(fn)))

#define N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
