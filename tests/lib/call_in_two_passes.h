/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope_call() as a checker and a walker would write it: the whole text is checked first, and
 * its members are read then. The one-pass reader must come to the same verdict for any bytes.
 */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "base/json/scan.h"
#include "proto/envelope.h"

static inline struct span
unquoted(struct span value)
{
	return (struct span){ value.p + 1, value.n - 2 };
}

/* Takes a flag that may occur once. */
static inline bool
flag_in_two_passes(struct span object, const char *name, bool *out)
{
	struct span value;

	if (scan_find(object, name, &value) < 0 || (value.p && scan_type(value) != SCAN_BOOL))
		return false;
	*out = value.p && scan_bool(value);
	return true;
}

static inline bool
known_in_two_passes(struct span object)
{
	static const char *const known[] = { "method", "parameters", "more", "oneway", "upgrade" };
	struct span name, value;

	while (scan_member(&object, &name, &value)) {
		bool found = memchr(name.p, '.', name.n);

		for (size_t i = 0; i < N_ELEMENTS(known); i++)
			found |= scan_name_is(name, known[i]);
		if (!found)
			return false;
	}
	return true;
}

/* False: the connection must be closed. */
static inline bool
call_in_two_passes(struct span frame, struct call *out)
{
	struct span object, method, parameters, trace, name, value, inside;
	bool upgrade = false;

	*out = (struct call){ 0 };
	if (scan_check(frame, SCAN_LENIENT, &object, NULL) < 0 || scan_type(object) != SCAN_OBJECT)
		return false;
	if (!known_in_two_passes(object) || scan_find(object, "method", &method) < 0 ||
	    scan_find(object, "parameters", &parameters) < 0 ||
	    scan_find(object, "io.connd.trace", &trace) < 0 ||
	    !flag_in_two_passes(object, "more", &out->more) ||
	    !flag_in_two_passes(object, "oneway", &out->oneway) ||
	    !flag_in_two_passes(object, "upgrade", &upgrade))
		return false;
	if (!method.p || scan_type(method) != SCAN_STRING || upgrade || out->more + out->oneway > 1)
		return false;
	out->method = unquoted(method);
	if (trace.p && scan_type(trace) == SCAN_STRING && !memchr(trace.p, '\\', trace.n))
		out->trace = unquoted(trace);
	if (!parameters.p || scan_type(parameters) == SCAN_NULL)
		return true;
	inside = parameters;
	if (scan_type(parameters) == SCAN_OBJECT && scan_member(&inside, &name, &value))
		out->parameters = parameters;
	return scan_type(parameters) == SCAN_OBJECT;
}
