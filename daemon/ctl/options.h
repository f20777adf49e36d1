/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of connctl -> struct ctl_options. Options may stand before or after the words;
 * `--` ends them. Which option belongs to which verb is one table. Prints nothing.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "ctl/ctl.h"

enum options_verdict {
	OPTIONS_RUN,  /* word[0] is a verb of options_verb_exists(), with the words it needs */
	OPTIONS_HELP, /* of word[0], or of the program when there is no word */
	OPTIONS_VERSION,
	OPTIONS_WRONG, /* why says what */
};

#define OPTIONS_WHY_SIZE 256

/* getenv_socket: the value of CONND_SOCKET or NULL. Pointers in out are into argv. */
MUST_CHECK enum options_verdict options_read(int argc, char *const argv[],
    const char *getenv_socket, struct ctl_options *out, char why[static OPTIONS_WHY_SIZE]);
/* The help text of a verb, of the program for NULL; NULL for a verb that is not there. */
const char *options_help(const char *verb);
/* "500ms", "3s", "2m", "1.5" (seconds): more than 0 and at most a day. 0 or -EINVAL. */
MUST_CHECK int options_duration(const char *text, int64_t *ms);
