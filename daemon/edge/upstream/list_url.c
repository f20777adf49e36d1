/* SPDX-License-Identifier: Apache-2.0 */
#include "edge/upstream/list_url.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static void
add_escaped(struct buf *b, const char *text)
{
	for (const char *p = text; *p; p++)
		if (isalnum((unsigned char)*p) || strchr("-._~", *p))
			buf_addc(b, *p);
		else
			buf_addf(b, "%%%02X", (unsigned char)*p);
}

static void
add_parameter(struct buf *b, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addf(b, "%s=", name);
	add_escaped(b, value);
	buf_addc(b, '&');
}

const char *
list_socket(const char *base)
{
	return strncmp(base, "unix:", 5) == 0 ? base + 5 : NULL;
}

static void
add_organization(struct buf *out, const struct config *config, const char *base)
{
	buf_adds(out, list_socket(base) ? "http://localhost" : base);
	buf_adds(out, "/v1/organizations/");
	add_escaped(out, config->manager.organization);
}

void
place_url(struct buf *out, const struct config *config, const char *base, enum place place)
{
	add_organization(out, config, base);
	if (place == PLACE_ORGANIZATION)
		return;
	buf_adds(out, place == PLACE_DEPLOYMENT ? "/deployments/" : "/workspaces/");
	add_escaped(out,
	    place == PLACE_DEPLOYMENT ? config->manager.deployment : config->manager.workspace);
}

void
list_url(struct buf *out, const struct config *config, const struct list_query *q)
{
	add_organization(out, config, q->base);
	buf_adds(out, "/environment-objects?");
	add_parameter(out, "objectType", q->type);
	add_parameter(out, "objectKey", q->key);
	add_parameter(out, "deploymentId", config->manager.deployment);
	add_parameter(out, "workspaceId", config->manager.workspace);
	buf_addf(out,
	    "resolveLinked=true&showSecrets=%s&limit=%d&offset=%" PRId64 "&sorts=objectKey:asc",
	    q->no_secrets ? "false" : "true", q->limit, q->offset);
}
