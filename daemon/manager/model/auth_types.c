/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/model/auth_types.h"

#include "base/attr.h"
#include "base/json/write.h"

enum { IN_EXTRA = 1, REQUIRED = 2, SECRET = 4, NUMBER = 8, BOOLEAN = 16 };

struct parameter {
	const char *name;
	unsigned flags;
	const char *friendly;
	const char *description;
	const char *example; /* may be NULL */
};

struct auth_type {
	const char *id;
	const char *name;
	const char *connection; /* the Airflow connection type; NULL: any */
	const char *method;
	const char *package;
	const char *description;
	const struct parameter *parameters; /* ends with a NULL name */
};

#define HOST(example)                                                                              \
	{                                                                                          \
		"host", REQUIRED, "Host", "Name or address of the server", example                 \
	}
#define PORT(example)                                                                              \
	{                                                                                          \
		"port", NUMBER, "Port", "Port of the server", example                              \
	}
#define LOGIN(flags)                                                                               \
	{                                                                                          \
		"login", flags, "Login", "Name of the user", NULL                                  \
	}
#define PASSWORD(flags)                                                                            \
	{                                                                                          \
		"password", SECRET | (flags), "Password", "Password of the user", NULL             \
	}
#define SCHEMA(what)                                                                               \
	{                                                                                          \
		"schema", 0, "Schema", what, NULL                                                  \
	}
#define END                                                                                        \
	{                                                                                          \
		0                                                                                  \
	}

static const struct parameter postgres[] = {
	HOST("db.example.com"),
	PORT("5432"),
	LOGIN(REQUIRED),
	PASSWORD(REQUIRED),
	SCHEMA("Name of the database"),
	{ "sslmode", IN_EXTRA, "SSL mode", "How far the server's certificate is checked",
	    "verify-full" },
	{ "sslrootcert", IN_EXTRA, "Root certificate", "File of the certificate authority", NULL },
	{ "application_name", IN_EXTRA, "Application name", "Shown in pg_stat_activity",
	    "airflow" },
	END,
};
static const struct parameter mysql[] = {
	HOST("db.example.com"),
	PORT("3306"),
	LOGIN(REQUIRED),
	PASSWORD(REQUIRED),
	SCHEMA("Name of the database"),
	{ "charset", IN_EXTRA, "Character set", "Of the connection", "utf8mb4" },
	{ "ssl", IN_EXTRA, "TLS", "Object of the driver's TLS options", NULL },
	END,
};
static const struct parameter snowflake_password[] = {
	LOGIN(REQUIRED),
	PASSWORD(REQUIRED),
	SCHEMA("Name of the schema"),
	{ "account", IN_EXTRA | REQUIRED, "Account", "Account identifier", "acme-eu1" },
	{ "warehouse", IN_EXTRA, "Warehouse", "Warehouse to use", "COMPUTE_WH" },
	{ "database", IN_EXTRA, "Database", "Database to use", NULL },
	{ "region", IN_EXTRA, "Region", "Region of the account", "eu-central-1" },
	{ "role", IN_EXTRA, "Role", "Role to assume", NULL },
	END,
};
static const struct parameter snowflake_key[] = {
	LOGIN(REQUIRED),
	{ "password", SECRET, "Passphrase", "Passphrase of the private key", NULL },
	SCHEMA("Name of the schema"),
	{ "account", IN_EXTRA | REQUIRED, "Account", "Account identifier", "acme-eu1" },
	{ "private_key_content", IN_EXTRA | REQUIRED | SECRET, "Private key", "Private key in PEM",
	    NULL },
	{ "warehouse", IN_EXTRA, "Warehouse", "Warehouse to use", "COMPUTE_WH" },
	{ "database", IN_EXTRA, "Database", "Database to use", NULL },
	{ "role", IN_EXTRA, "Role", "Role to assume", NULL },
	END,
};
static const struct parameter aws_keys[] = {
	{ "login", REQUIRED, "Access key ID", "AWS access key ID", NULL },
	{ "password", SECRET | REQUIRED, "Secret access key", "AWS secret access key", NULL },
	{ "region_name", IN_EXTRA, "Region", "Default region", "eu-central-1" },
	{ "role_arn", IN_EXTRA, "Role ARN", "Role to assume with these keys", NULL },
	{ "aws_session_token", IN_EXTRA | SECRET, "Session token", "Of temporary keys", NULL },
	END,
};
static const struct parameter aws_role[] = {
	{ "role_arn", IN_EXTRA | REQUIRED, "Role ARN", "Role to assume", NULL },
	{ "region_name", IN_EXTRA, "Region", "Default region", "eu-central-1" },
	{ "external_id", IN_EXTRA, "External ID", "Demanded by the role's trust policy", NULL },
	END,
};
static const struct parameter google_key[] = {
	{ "keyfile_dict", IN_EXTRA | REQUIRED | SECRET, "Service account key",
	    "The key file's JSON", NULL },
	{ "project", IN_EXTRA, "Project", "Default project ID", NULL },
	{ "scope", IN_EXTRA, "Scopes", "Comma-separated OAuth scopes", NULL },
	{ "num_retries", IN_EXTRA | NUMBER, "Retries", "Of a failed call", "5" },
	END,
};
static const struct parameter google_default[] = {
	{ "project", IN_EXTRA, "Project", "Default project ID", NULL },
	{ "impersonation_chain", IN_EXTRA, "Impersonation chain", "Service account to impersonate",
	    NULL },
	{ "scope", IN_EXTRA, "Scopes", "Comma-separated OAuth scopes", NULL },
	END,
};
static const struct parameter http[] = {
	HOST("https://api.example.com"),
	PORT("443"),
	LOGIN(0),
	PASSWORD(0),
	SCHEMA("http or https"),
	END,
};
static const struct parameter ssh_password[] = {
	HOST("bastion.example.com"),
	PORT("22"),
	LOGIN(REQUIRED),
	PASSWORD(REQUIRED),
	{ "host_key", IN_EXTRA, "Host key", "Public key of the server", NULL },
	{ "no_host_key_check", IN_EXTRA | BOOLEAN, "No host key check", "Trust any server",
	    "false" },
	END,
};
static const struct parameter ssh_key[] = {
	HOST("bastion.example.com"),
	PORT("22"),
	LOGIN(REQUIRED),
	{ "private_key", IN_EXTRA | REQUIRED | SECRET, "Private key", "In OpenSSH's or PEM format",
	    NULL },
	{ "private_key_passphrase", IN_EXTRA | SECRET, "Passphrase", "Of the private key", NULL },
	{ "host_key", IN_EXTRA, "Host key", "Public key of the server", NULL },
	{ "no_host_key_check", IN_EXTRA | BOOLEAN, "No host key check", "Trust any server",
	    "false" },
	END,
};
static const struct parameter redis[] = {
	HOST("redis.example.com"),
	PORT("6379"),
	LOGIN(0),
	PASSWORD(0),
	{ "db", IN_EXTRA | NUMBER, "Database", "Number of the database", "0" },
	{ "ssl", IN_EXTRA | BOOLEAN, "TLS", "Connect with TLS", "true" },
	END,
};
static const struct parameter kafka[] = {
	{ "bootstrap.servers", IN_EXTRA | REQUIRED, "Bootstrap servers",
	    "Comma-separated host:port pairs", "broker:9092" },
	{ "group.id", IN_EXTRA, "Group", "Consumer group", NULL },
	{ "security.protocol", IN_EXTRA, "Security protocol", "PLAINTEXT, SSL, SASL_SSL, ...",
	    "SASL_SSL" },
	{ "sasl.mechanism", IN_EXTRA, "SASL mechanism", "PLAIN, SCRAM-SHA-512, ...", "PLAIN" },
	{ "sasl.username", IN_EXTRA, "SASL user", "Name of the user", NULL },
	{ "sasl.password", IN_EXTRA | SECRET, "SASL password", "Password of the user", NULL },
	END,
};
static const struct parameter databricks_token[] = {
	HOST("adb-1.azuredatabricks.net"),
	{ "password", SECRET | REQUIRED, "Personal access token", "Token of the user", NULL },
	{ "http_path", IN_EXTRA, "HTTP path", "Of the SQL warehouse or cluster", NULL },
	END,
};
static const struct parameter databricks_oauth[] = {
	HOST("adb-1.azuredatabricks.net"),
	{ "login", REQUIRED, "Client ID", "Of the service principal", NULL },
	{ "password", SECRET | REQUIRED, "Client secret", "Of the service principal", NULL },
	{ "service_principal_oauth", IN_EXTRA | REQUIRED | BOOLEAN, "Service principal OAuth",
	    "Has to be true", "true" },
	{ "http_path", IN_EXTRA, "HTTP path", "Of the SQL warehouse or cluster", NULL },
	END,
};
static const struct parameter generic[] = {
	{ "host", 0, "Host", "Name or address of the server", NULL },
	PORT(NULL),
	LOGIN(0),
	PASSWORD(0),
	SCHEMA("What the connection type takes for it"),
	END,
};

/* Clients store the ids, so they never change: "cauth", a name, and zeros up to 25 characters. */
static const struct auth_type types[] = {
	{ "cauthpostgres000000000000", "postgres", "postgres", "Login and password",
	    "apache-airflow-providers-postgres", "PostgreSQL", postgres },
	{ "cauthmysql000000000000000", "mysql", "mysql", "Login and password",
	    "apache-airflow-providers-mysql", "MySQL", mysql },
	{ "cauthsnowflakepassword000", "snowflake_password", "snowflake", "Login and password",
	    "apache-airflow-providers-snowflake", "Snowflake by password", snowflake_password },
	{ "cauthsnowflakekeypair0000", "snowflake_key_pair", "snowflake", "Key pair",
	    "apache-airflow-providers-snowflake", "Snowflake by key pair", snowflake_key },
	{ "cauthawsaccesskey00000000", "aws_access_key", "aws", "Access key",
	    "apache-airflow-providers-amazon", "Amazon Web Services by access key", aws_keys },
	{ "cauthawsrole0000000000000", "aws_role", "aws", "Assumed role",
	    "apache-airflow-providers-amazon",
	    "Amazon Web Services by a role that the worker may assume", aws_role },
	{ "cauthgooglekey00000000000", "google_service_account_key", "google_cloud_platform",
	    "Service account key", "apache-airflow-providers-google",
	    "Google Cloud by a service account's key", google_key },
	{ "cauthgoogledefault0000000", "google_default", "google_cloud_platform",
	    "Application default credentials", "apache-airflow-providers-google",
	    "Google Cloud by what the worker runs as", google_default },
	{ "cauthhttp0000000000000000", "http", "http", "Login and password",
	    "apache-airflow-providers-http", "An HTTP service", http },
	{ "cauthsshpassword000000000", "ssh_password", "ssh", "Login and password",
	    "apache-airflow-providers-ssh", "SSH by password", ssh_password },
	{ "cauthsshkey00000000000000", "ssh_key", "ssh", "Private key",
	    "apache-airflow-providers-ssh", "SSH by private key", ssh_key },
	{ "cauthsftppassword00000000", "sftp_password", "sftp", "Login and password",
	    "apache-airflow-providers-sftp", "SFTP by password", ssh_password },
	{ "cauthsftpkey0000000000000", "sftp_key", "sftp", "Private key",
	    "apache-airflow-providers-sftp", "SFTP by private key", ssh_key },
	{ "cauthredis000000000000000", "redis", "redis", "Login and password",
	    "apache-airflow-providers-redis", "Redis", redis },
	{ "cauthkafka000000000000000", "kafka", "kafka", "Client configuration",
	    "apache-airflow-providers-apache-kafka", "Apache Kafka", kafka },
	{ "cauthdatabrickstoken00000", "databricks_token", "databricks", "Personal access token",
	    "apache-airflow-providers-databricks", "Databricks by personal access token",
	    databricks_token },
	{ "cauthdatabricksoauth00000", "databricks_oauth", "databricks", "Service principal OAuth",
	    "apache-airflow-providers-databricks", "Databricks by a service principal",
	    databricks_oauth },
	{ "cauthgeneric0000000000000", "generic", NULL, "Login and password", "apache-airflow",
	    "Any connection type, by its own fields", generic },
};

const struct auth_type *
auth_type_find(struct span id)
{
	for (size_t i = 0; i < N_ELEMENTS(types); i++)
		if (span_is(id, types[i].id))
			return &types[i];
	return NULL;
}

const struct auth_type *
auth_type_at(size_t index)
{
	return index < N_ELEMENTS(types) ? &types[index] : NULL;
}

const char *
auth_type_id(const struct auth_type *t)
{
	return t->id;
}

const char *
auth_type_connection(const struct auth_type *t)
{
	return t->connection;
}

bool
auth_type_is_secret_extra(const struct auth_type *t, struct span name)
{
	for (const struct parameter *p = t->parameters; p->name; p++)
		if ((p->flags & IN_EXTRA) && span_is(name, p->name))
			return p->flags & SECRET;
	return true;
}

static void
encode_parameter(const struct parameter *p, struct buf *out)
{
	const char *type = p->flags & NUMBER ? "number" : p->flags & BOOLEAN ? "boolean" : "string";

	buf_addc(out, '{');
	jtext_member_string(out, "airflowParamName", span_of(p->name));
	jtext_member_string(out, "friendlyName", span_of(p->friendly));
	jtext_member_string(out, "dataType", span_of(type));
	jtext_member_string(out, "description", span_of(p->description));
	jtext_member_bool(out, "isInExtra", p->flags & IN_EXTRA);
	jtext_member_bool(out, "isRequired", p->flags & REQUIRED);
	jtext_member_bool(out, "isSecret", p->flags & SECRET);
	jtext_member_string(out, "example", span_of(p->example));
	buf_addc(out, '}');
}

void
auth_type_encode(const struct auth_type *t, struct buf *out)
{
	buf_addc(out, '{');
	jtext_member_string(out, "id", span_of(t->id));
	jtext_member_string(out, "name", span_of(t->name));
	jtext_member_string(out, "airflowType", span_of(t->connection ? t->connection : "generic"));
	jtext_member_string(out, "authMethodName", span_of(t->method));
	jtext_member_string(out, "description", span_of(t->description));
	jtext_member_string(out, "providerPackageName", span_of(t->package));
	jtext_name(out, "parameters");
	buf_addc(out, '[');
	for (const struct parameter *p = t->parameters; p->name; p++) {
		if (p != t->parameters)
			buf_addc(out, ',');
		encode_parameter(p, out);
	}
	buf_adds(out, "]}");
}
