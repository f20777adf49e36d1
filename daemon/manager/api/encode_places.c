/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Organizations, Workspaces, Deployments and projects as JSON. Stock clients require members that
 * have no meaning here (what the hosted product runs, bills and enforces); each gets the value that
 * claims least.
 */
#include "manager/api/encode.h"

#include "base/json/write.h"

/* The manager itself; the audit log has who created the place. */
static void
encode_makers(struct buf *out)
{
	static const char *const names[] = { "createdBy", "updatedBy" };

	for (size_t i = 0; i < N_ELEMENTS(names); i++) {
		jtext_name(out, names[i]);
		buf_adds(out, "{\"id\":\"connd-manager\",\"subjectType\":\"SERVICEKEY\","
			      "\"apiTokenName\":\"connd-manager\"}");
	}
}

/* Stock clients look for `product` and stop without it. */
static void
organization_members(const struct store_entity *e, struct buf *out)
{
	encode_makers(out);
	jtext_member_string(out, "product", SPAN_LITERAL("HOSTED"));
	jtext_member_string(out, "status", SPAN_LITERAL("ACTIVE"));
	jtext_member_string(out, "supportPlan", SPAN_LITERAL("BASIC"));
	jtext_member_bool(out, "allowEnhancedSupportAccess", false);
	jtext_member_bool(out, "isScimEnabled", false);
	jtext_member_bool(out, "environmentSecretsFetching", e->secrets_fetching);
}

static void
workspace_members(const struct store_entity *e, struct buf *out)
{
	encode_makers(out);
	jtext_member_string(out, "organizationId", span_of(e->organization.s));
	jtext_member_bool(out, "cicdEnforcedDefault", e->cicd_enforced);
}

static void
deployment_members(const struct store_entity *e, struct buf *out)
{
	/* Not known: the Airflow runs elsewhere. */
	static const char *const unknown[] = { "airflowVersion", "apiUrl", "astroRuntimeVersion",
		"defaultTaskPodCpu", "defaultTaskPodMemory", "imageRepository", "imageTag",
		"namespace", "resourceQuotaCpu", "resourceQuotaMemory", "runtimeVersion",
		"schedulerCpu", "schedulerMemory", "uiUrl", "webServerAirflowApiUrl",
		"webServerCpu", "webServerIngressHostname", "webServerMemory", "webServerUrl" };

	encode_makers(out);
	jtext_member_string(out, "organizationId", span_of(e->organization.s));
	jtext_member_string(out, "workspaceId", span_of(e->workspace.s));
	jtext_member_string(out, "workspaceName", e->workspace_name);
	jtext_member_string(out, "status", SPAN_LITERAL("UNKNOWN"));
	jtext_member_string(out, "type", SPAN_LITERAL("STANDARD"));
	/* Clients fail on any other word. */
	jtext_member_string(out, "executor", SPAN_LITERAL("CELERY"));
	jtext_member_string(out, "schedulerSize", SPAN_LITERAL("SMALL"));
	jtext_member_bool(out, "isCicdEnforced", e->cicd_enforced);
	jtext_member_bool(out, "isDagDeployEnabled", false);
	jtext_member_int(out, "schedulerReplicas", 0);
	for (size_t i = 0; i < N_ELEMENTS(unknown); i++)
		jtext_member_string(out, unknown[i], SPAN_LITERAL(""));
}

static void
project_members(const struct store_entity *e, struct buf *out)
{
	jtext_member_string(out, "organizationId", span_of(e->organization.s));
	jtext_member_string(out, "workspaceId", span_of(e->workspace.s));
	if (!id_is_none(&e->deployment))
		jtext_member_string(out, "deploymentId", span_of(e->deployment.s));
}

void
encode_entity(const struct store_entity *e, struct buf *out)
{
	static void (*const members[SCOPE_N])(const struct store_entity *e, struct buf *out) = {
		[SCOPE_ORGANIZATION] = organization_members,
		[SCOPE_WORKSPACE] = workspace_members,
		[SCOPE_DEPLOYMENT] = deployment_members,
		[SCOPE_PROJECT] = project_members,
	};

	buf_addc(out, '{');
	jtext_member_string(out, "id", span_of(e->id.s));
	jtext_member_string(out, "name", e->name);
	if (e->description.p)
		jtext_member_string(out, "description", e->description);
	encode_time("createdAt", e->created_ms, out);
	encode_time("updatedAt", e->updated_ms, out);
	members[e->scope](e, out);
	buf_addc(out, '}');
}
