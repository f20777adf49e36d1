/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/refusal.h"

#include <stdio.h>
#include <string.h>

#include "edge/upstream/token_file.h"
#include "proto/page.h"

#define BODY_BYTES    (64 * 1024) /* limit of the unpacked text, which is unpacked in the loop */
#define MESSAGE_BYTES 120         /* shown of the manager's message */

static enum sync_outcome
outcome_of(int status, struct span text)
{
	if (status >= 400 && manager_secrets_refused(text))
		return SYNC_REFUSED;
	if (status >= 500)
		return SYNC_UNREACHABLE;
	switch (status) {
	case 401:
	case 403:
		return SYNC_UNAUTHORIZED;
	case 404:
	case 407:
	case 408:
	case 425:
	case 429:
		return SYNC_UNREACHABLE;
	default:
		return SYNC_BAD;
	}
}

/* Writes the next step for a person, by status; "" if there is none. */
static void
write_advice(char out[static CREDENTIAL_ADVICE_SIZE], int status, const char *token_path)
{
	const char *advice = "";

	switch (status) {
	case 401:
		credential_advice(out, token_path);
		return;
	case 403:
		advice = "the token needs the right to read these objects and their secrets";
		break;
	case 404:
		advice = "check [manager] organization, deployment or workspace (ids, not names), "
			 "and the token's scope";
		break;
	case 407:
		advice = "the proxy requires a login: set it in [manager] proxy";
		break;
	default:
		break;
	}
	(void)snprintf(out, CREDENTIAL_ADVICE_SIZE, "%s", advice);
}

/* Replaces everything but printable ASCII: the text comes from outside and is shown to people. */
static void
make_plain(char *text)
{
	for (char *p = text; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
}

static void
write_text(struct refusal *out, int status, const char *message, const char *token_path)
{
	char advice[CREDENTIAL_ADVICE_SIZE];

	write_advice(advice, status, token_path);
	if (status < 400)
		(void)snprintf(out->text, sizeof out->text,
		    "status %d: connd follows no redirects and expects a list", status);
	else if (out->outcome == SYNC_REFUSED)
		(void)snprintf(out->text, sizeof out->text,
		    "status %d: the organization's \"Environment Secrets Fetching\" is off: an "
		    "owner turns it on (Astro: in the Organization's settings; connd-manager: "
		    "organization set --secrets-fetching on)",
		    status);
	else
		(void)snprintf(out->text, sizeof out->text, "status %d%s%.*s%s%s", status,
		    *message ? ": " : "", MESSAGE_BYTES, message, *advice ? "; " : "", advice);
}

void
refusal_read(struct refusal *out, const struct fetch_result *f, const char *token_path)
{
	struct buf text = BUF_INIT(BODY_BYTES), message = BUF_INIT(BODY_BYTES);

	/* If the body cannot be unpacked, or is too long, only the status counts. */
	if (payload_unpack(f->body, &text) < 0)
		buf_reset(&text);
	out->outcome = outcome_of(f->status, span_of_buf(&text));
	manager_error_message(span_of_buf(&text), &message);
	write_text(out, f->status, buf_error(&message) ? "" : buf_str(&message), token_path);
	make_plain(out->text);
	buf_fini(&text);
	buf_fini(&message);
}

void
refusal_of_failure(struct refusal *out, const struct fetch_result *f)
{
	out->outcome = SYNC_UNREACHABLE;
	if (f->end == FETCH_BAD || f->end == FETCH_TOO_BIG)
		out->outcome = SYNC_BAD;
	else if (f->end == FETCH_FAILED)
		out->outcome = SYNC_FAILED;
	(void)snprintf(out->text, sizeof out->text, "%.250s", f->reason);
	make_plain(out->text);
}
