# SPDX-License-Identifier: Apache-2.0
"""Connection types: those that installed providers know, and the packages of the others."""

from __future__ import annotations

_TYPES_OF = """
airbyte: airbyte
alibaba: oss adb_spark maxcompute
amazon: aws chime emr redshift
apache-cassandra: cassandra
apache-drill: drill
apache-druid: druid
apache-hdfs: webhdfs hdfs
apache-hive: hive_cli hive_metastore hiveserver2
apache-iceberg: iceberg
apache-impala: impala
apache-kafka: kafka
apache-kylin: kylin
apache-livy: livy
apache-pig: pig_cli
apache-pinot: pinot pinot_admin
apache-spark: spark spark_connect spark_sql
apprise: apprise
arangodb: arangodb
asana: asana
atlassian-jira: jira
cloudant: cloudant
cncf-kubernetes: kubernetes
cohere: cohere
databricks: databricks
datadog: datadog
dbt-cloud: dbt_cloud
dingding: dingding
discord: discord
docker: docker
elasticsearch: elasticsearch
exasol: exasol
facebook: facebook_social
ftp: ftp
git: git
github: github
google: google_cloud_platform gcpcloudsql gcpcloudsqldb gcpbigquery gcpssh dataprep google_ads gcp_looker
grpc: grpc
hashicorp: vault
http: http
imap: imap
influxdb: influxdb
jdbc: jdbc
jenkins: jenkins
microsoft-azure: adls azure azure_batch azure_container_instance azure_container_registry azure_container_volume azure_cosmos azure_data_explorer azure_data_factory azure_data_lake azure_fileshare azure_service_bus azure_synapse wasb
microsoft-mssql: mssql
mongo: mongo
mysql: mysql
neo4j: neo4j
odbc: odbc
openai: openai
openfaas: open_faas
opensearch: opensearch
opsgenie: opsgenie
oracle: oracle
pagerduty: pagerduty pagerduty_events
pinecone: pinecone
postgres: postgres
presto: presto
qdrant: qdrant
redis: redis
salesforce: salesforce
samba: samba
segment: segment
sftp: sftp
slack: slack slackwebhook
smtp: smtp
snowflake: snowflake
sqlite: sqlite
ssh: ssh
standard: fs package_index
tableau: tableau
telegram: telegram
teradata: teradata
trino: trino
vertica: vertica
weaviate: weaviate
yandex: yandexcloud
ydb: ydb
zendesk: zendesk
"""  # noqa: E501

PACKAGES = {
    conn_type: f"apache-airflow-providers-{provider}"
    for provider, _, types in (line.partition(": ") for line in _TYPES_OF.strip().splitlines())
    for conn_type in types.split()
}
"""Connection type -> the package with its provider."""

_OF_AIRFLOW = {"generic", "email", "mesos_framework-id"}


def installed() -> set[str] | None:
    """The connection types that Airflow and the installed providers know; None if it cannot say."""
    try:
        from airflow.providers_manager import ProvidersManager

        return {*ProvidersManager().hooks, *_OF_AIRFLOW}
    except Exception:  # whatever a provider's import raises
        return None
