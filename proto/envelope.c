/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/envelope.h"

#include <errno.h>
#include <string.h>

#include "base/json/scan.h"
#include "base/json/write.h"

/* Returns the text of a string value as written, without its quotes. */
static struct span
raw_text(struct span value)
{
	return (struct span){ value.p + 1, value.n - 2 };
}

/* Takes an object. null and {} count as absent. False for any other value. */
static bool
take_parameters(struct span value, struct span *out)
{
	if (scan_type(value) == SCAN_NULL)
		return true;
	if (scan_type(value) != SCAN_OBJECT)
		return false;
	if (!scan_is_empty(value))
		*out = value;
	return true;
}

static bool
take_flag(struct span value, bool *out)
{
	if (scan_type(value) != SCAN_BOOL)
		return false;
	*out = scan_bool(value);
	return true;
}

/* The members of a call, one bit each, to detect duplicates. */
enum member {
	METHOD = 1,
	PARAMETERS = 2,
	ONEWAY = 4,
	MORE = 8,
	UPGRADE = 16,
	TRACE = 32,
	FOREIGN = 64, /* belongs to an extension: its name has a dot */
	UNKNOWN = 128,
};

static enum member
member_of(struct span name)
{
	static const struct {
		const char *name;
		enum member is;
	} known[] = {
		{ "method", METHOD },
		{ "parameters", PARAMETERS },
		{ "more", MORE },
		{ "oneway", ONEWAY },
		{ "upgrade", UPGRADE },
		{ "io.connd.trace", TRACE },
	};

	for (size_t i = 0; i < N_ELEMENTS(known); i++)
		if (scan_name_is(name, known[i].name))
			return known[i].is;
	return memchr(name.p, '.', name.n) ? FOREIGN : UNKNOWN;
}

/* Takes one member. Returns why the connection must be closed, or NULL. */
static const char *
call_member(struct call *c, enum member is, struct span value, bool *upgrade)
{
	switch (is) {
	case METHOD:
		if (scan_type(value) != SCAN_STRING)
			return "method is not a string";
		c->method = raw_text(value);
		return NULL;
	case PARAMETERS:
		return take_parameters(value, &c->parameters) ? NULL
							      : "parameters are not an object";
	case ONEWAY:
		return take_flag(value, &c->oneway) ? NULL : "oneway is not a boolean";
	case MORE:
		return take_flag(value, &c->more) ? NULL : "more is not a boolean";
	case UPGRADE:
		return take_flag(value, upgrade) ? NULL : "upgrade is not a boolean";
	case TRACE:
		/* Kept only if it needs no decoding. */
		if (scan_type(value) == SCAN_STRING && !memchr(value.p, '\\', value.n))
			c->trace = raw_text(value);
		return NULL;
	case FOREIGN:
		return NULL;
	case UNKNOWN:
		break;
	}
	return "unknown member";
}

/* Why a call that was read to its end is refused, or NULL. */
static const char *
call_fault(const struct call *c, bool upgrade)
{
	if (!c->method.p)
		return "method is missing";
	if (c->oneway + c->more + upgrade > 1)
		return "more than one flag";
	return upgrade ? "upgrade is not supported" : NULL;
}

/*
 * Checks and takes all members in one pass. Returns why the call is refused, or NULL. Lenient: a
 * key with U+0000 or a lone surrogate gets an error response, not a close.
 */
static const char *
read_call(struct span frame, struct call *c)
{
	unsigned int seen = 0;
	bool upgrade = false;
	struct span name, value;
	struct scan_walk walk;
	int r = scan_open(&walk, frame, SCAN_LENIENT);

	if (r < 0)
		return "not an object";
	while ((r = scan_next(&walk, &name, &value)) > 0) {
		enum member is = member_of(name);
		const char *fault;

		if (is != FOREIGN && (seen & is))
			return "a member occurs twice";
		seen |= is;
		fault = call_member(c, is, value, &upgrade);
		if (fault)
			return fault;
	}
	return r < 0 ? "not JSON" : call_fault(c, upgrade);
}

static bool
is_json(struct span frame)
{
	struct span value;

	return scan_check(frame, SCAN_LENIENT, &value, NULL) == 0;
}

int
envelope_call(struct span frame, struct call *out, const char **why)
{
	struct call c = { 0 };

	*why = read_call(frame, &c);
	if (*why) {
		if (!is_json(frame)) /* read_call() may not have come to the fault */
			*why = "not JSON";
		return -EBADMSG;
	}
	*out = c;
	return 0;
}

int
envelope_reply(struct span frame, struct reply *out)
{
	struct span object, error, parameters, continues;
	struct reply r = { 0 };

	if (scan_check(frame, SCAN_LENIENT, &object, NULL) < 0 || scan_type(object) != SCAN_OBJECT)
		return -EBADMSG;
	if (scan_find(object, "error", &error) < 0 ||
	    scan_find(object, "parameters", &parameters) < 0 ||
	    scan_find(object, "continues", &continues) < 0)
		return -EBADMSG;

	if (error.p && scan_type(error) == SCAN_STRING)
		r.error = raw_text(error);
	else if (error.p && scan_type(error) != SCAN_NULL)
		return -EBADMSG;
	if (parameters.p && !take_parameters(parameters, &r.parameters))
		return -EBADMSG;
	if (continues.p && !take_flag(continues, &r.continues))
		return -EBADMSG;
	*out = r;
	return 0;
}

static void
write_parameters(struct buf *out, struct span parameters)
{
	if (!parameters.p)
		return;
	jtext_name(out, "parameters");
	buf_add(out, parameters.p, parameters.n);
}

static void
write_end(struct buf *out)
{
	buf_add(out, "}", sizeof "}"); /* includes the NUL that ends the frame */
}

void
envelope_write_call(struct buf *out, const char *method, struct span parameters, bool more)
{
	buf_addc(out, '{');
	jtext_member_string(out, "method", span_of(method));
	write_parameters(out, parameters);
	if (more)
		jtext_member_bool(out, "more", true);
	write_end(out);
}

void
envelope_write_reply(struct buf *out, struct span parameters, bool continues)
{
	buf_addc(out, '{');
	write_parameters(out, parameters);
	if (continues)
		jtext_member_bool(out, "continues", true);
	write_end(out);
}

void
envelope_write_error(struct buf *out, const char *error, struct span parameters)
{
	buf_addc(out, '{');
	jtext_member_string(out, "error", span_of(error));
	write_parameters(out, parameters);
	write_end(out);
}
