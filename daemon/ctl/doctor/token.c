/* SPDX-License-Identifier: Apache-2.0 */
/* The token's file, and what the token says of itself. The manager decides whether it is valid. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/bearer.h"
#include "ctl/doctor/doctor.h"
#include "ctl/output.h"
#include "ctl/token.h"

#define CHECK      "token"
#define CREDENTIAL DOCTOR_CREDENTIALS "/token"

/* token_file, or the credential of connd's unit, or ours. False: there is none. */
static bool
find_path(struct doctor *d)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char *out = d->facts->token_path;
	size_t size = sizeof d->facts->token_path;

	if (d->config->manager.token_file)
		return (size_t)snprintf(out, size, "%s", d->config->manager.token_file) < size;
	if (dir && (size_t)snprintf(out, size, "%s/token", dir) < size && access(out, F_OK) == 0)
		return true;
	return (size_t)snprintf(out, size, "%s", CREDENTIAL) < size && access(out, F_OK) == 0;
}

/* The command that makes a file one that connd's user may read and nobody else. */
static const char *
advise_mode(struct doctor *d)
{
	const struct doctor_user *u = &d->facts->service;
	const struct group *g = getgrgid(u->gid);
	const char *path = d->facts->token_path;

	if (u->uid == 0 || !g)
		return doctor_text(d, "chown %s %.200s && chmod 0600 %.200s", u->name, path, path);
	return doctor_text(d, "chown root:%s %.200s && chmod 0640 %.200s", g->gr_name, path, path);
}

static const char *
advise_new(struct doctor *d)
{
	return doctor_text(d,
	    "connctl token create NAME --deployment %s --role MEMBER --expires-in 14d --yes, into "
	    "%.200s",
	    d->facts->deployment[0] ? d->facts->deployment : "DEPLOYMENT", d->facts->token_path);
}

/* False: it cannot be read, or is not a token. A line says so. */
static bool
read_token(struct doctor *d, struct buf *token)
{
	struct why why = { "out of memory" };
	int r = bearer_read(d->facts->token_path, token, &why);

	if (r == -ENOENT || r == -EINVAL)
		doctor_fail(d, CHECK, advise_new(d), "%s", why.text);
	else if (r < 0)
		doctor_fail(
		    d, CHECK, advise_mode(d), "%s (as user %s)", why.text, d->facts->service.name);
	else
		return true;
	return false;
}

/* What the token is for, against what connd asks for. False: a line says what does not fit. */
static bool
fits(struct doctor *d, const struct token_claims *claims)
{
	const struct doctor_facts *f = d->facts;

	if (claims->organization[0] && strcmp(claims->organization, f->organization) != 0)
		doctor_fail(d, CHECK, advise_new(d),
		    "%s: of organization %s, but [manager] organization = %s", f->token_path,
		    claims->organization, f->organization);
	else if (claims->deployment[0] && f->deployment[0] &&
		 strcmp(claims->deployment, f->deployment) != 0)
		doctor_fail(d, CHECK, advise_new(d),
		    "%s: of Deployment %s, but [manager] deployment = %s", f->token_path,
		    claims->deployment, f->deployment);
	else
		return true;
	return false;
}

static void
report_expiry(struct doctor *d, const struct token_claims *claims)
{
	CLEANUP(buf_fini) struct buf time = BUF_INIT(64);
	int64_t left_ms = claims->expires_s * 1000 - clock_wall_ms();
	int64_t life_s = claims->expires_s - claims->issued_s;

	if (claims->expires_s < 0) {
		doctor_ok(d, CHECK, "%s: does not say that it expires", d->facts->token_path);
		return;
	}
	output_duration(&time, left_ms < 0 ? -left_ms : left_ms);
	if (left_ms <= 0)
		doctor_fail(d, CHECK, advise_new(d), "%s: expired %s ago", d->facts->token_path,
		    buf_str(&time));
	else if (claims->issued_s >= 0 && left_ms / 1000 < life_s / 4)
		doctor_warn(d, CHECK, "systemctl status 'connd-token-renew@*' (docs/deploy.md)",
		    "%s: expires in %s, and was not renewed at half of its life",
		    d->facts->token_path, buf_str(&time));
	else
		doctor_ok(d, CHECK, "%s: expires in %s", d->facts->token_path, buf_str(&time));
}

void
doctor_token(struct doctor *d)
{
	CLEANUP(buf_fini) struct buf token = BUF_INIT(LIMIT_TOKEN);
	struct token_claims claims;
	struct why why;

	if (doctor_load_config(d, NULL, &why) < 0)
		return;
	if (!find_path(d) && doctor_credentials_hidden()) {
		doctor_skip(d, CHECK,
		    "a credential of connd.service (no [manager] token_file), which only a running "
		    "unit has");
		return;
	}
	if (!find_path(d)) {
		doctor_fail(d, CHECK,
		    "set [manager] token_file, or put the token into /etc/credstore/connd.token",
		    "no token: there is neither [manager] token_file nor the credential %s",
		    CREDENTIAL);
		return;
	}
	if (!read_token(d, &token))
		return;
	token_claims(span_of_buf(&token), &claims);
	(void)snprintf(d->facts->workspace, DOCTOR_ID_SIZE, "%s", claims.workspace);
	if (fits(d, &claims))
		report_expiry(d, &claims);
}
