/* SPDX-License-Identifier: Apache-2.0 */
/* The groups of options that connctl's verbs take. */
#pragma once

#include "base/cli/cli.h"

extern const struct cli_group group_doctor;
extern const struct cli_group group_socket;
extern const struct cli_group group_env;
extern const struct cli_group group_environment;
extern const struct cli_group group_exec;
extern const struct cli_group group_export;
extern const struct cli_group group_get;
extern const struct cli_group group_diff;
extern const struct cli_group group_explain;
extern const struct cli_group group_trace;
extern const struct cli_group group_wait;
extern const struct cli_group group_import;
extern const struct cli_group group_manager;
extern const struct cli_group group_renew;
extern const struct cli_group group_session;
extern const struct cli_group group_change;
extern const struct cli_group group_edit;
extern const struct cli_group group_in_workspace;
extern const struct cli_group group_place;
extern const struct cli_group group_project;
extern const struct cli_group group_organization;
extern const struct cli_group group_audit;
extern const struct cli_group group_sidecars;
extern const struct cli_group group_login;
extern const struct cli_group group_init;
extern const struct cli_group group_json;
extern const struct cli_group group_none; /* no options */
extern const struct cli_group group_where;
extern const struct cli_group group_filter;
extern const struct cli_group group_target;
extern const struct cli_group group_connection;
extern const struct cli_group group_auth_type;
extern const struct cli_group group_variable;
extern const struct cli_group group_plain;
extern const struct cli_group group_metrics;
extern const struct cli_group group_unset;
extern const struct cli_group group_about;
extern const struct cli_group group_link;
extern const struct cli_group group_version;
extern const struct cli_group group_token;
extern const struct cli_group group_values;
extern const struct cli_group group_redact;
extern const struct cli_group group_render;
