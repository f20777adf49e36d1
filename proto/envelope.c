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

static bool
is_empty(struct span object)
{
	struct span name, value;

	return !scan_member(&object, &name, &value);
}

/* Takes an object. null and {} count as absent. False for any other value. */
static bool
take_parameters(struct span value, struct span *out)
{
	if (scan_type(value) == SCAN_NULL)
		return true;
	if (scan_type(value) != SCAN_OBJECT)
		return false;
	if (!is_empty(value))
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

int
envelope_call(struct span frame, struct call *out, const char **why)
{
	struct span at, name, value;
	struct call c = { 0 };
	unsigned int seen = 0;
	bool upgrade = false;

	*why = "not JSON";
	/* Lenient: a key with U+0000 or a lone surrogate gets an error response, not a close. */
	if (scan_check(frame, SCAN_LENIENT, &at, NULL) < 0)
		return -EBADMSG;
	*why = "not an object";
	if (scan_type(at) != SCAN_OBJECT)
		return -EBADMSG;

	while (scan_member(&at, &name, &value)) {
		enum member is = member_of(name);

		*why = "a member occurs twice";
		if (is != FOREIGN && (seen & is))
			return -EBADMSG;
		seen |= is;
		*why = call_member(&c, is, value, &upgrade);
		if (*why)
			return -EBADMSG;
	}

	*why = "method is missing";
	if (!c.method.p)
		return -EBADMSG;
	*why = "more than one flag";
	if (c.oneway + c.more + upgrade > 1)
		return -EBADMSG;
	*why = "upgrade is not supported";
	if (upgrade)
		return -EBADMSG;
	*why = NULL;
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
