//! One small case per format, read through the sniffer: kinds, edges, classes, and evidence on all of them.

use serde_json::{Value, json};

use crate::asset::{Asset, AssetKind, Document, Exposure};
use crate::discover::code;
use crate::discover::format::{Found, Source, dispatch};

fn read(value: &Value) -> Found {
    let mut found = Found::default();
    assert!(dispatch(&Document::json("f.json", &value.to_string()).unwrap(), &mut found), "{value}");
    check(&found);
    found
}

fn check(found: &Found) {
    let bare = found.inventory.assets().find(|asset| asset.evidence.is_empty());
    assert!(bare.is_none(), "no evidence: {bare:?}");
    assert!(found.inventory.relations().all(|r| !r.evidence.is_empty()));
}

fn asset<'a>(found: &'a Found, id: &str) -> &'a Asset {
    let ids = || found.inventory.assets().map(|a| a.id.to_string()).collect::<Vec<_>>();
    found.inventory.get(id).unwrap_or_else(|| panic!("no {id} in {:#?}", ids()))
}

fn relations(found: &Found) -> Vec<String> {
    found.inventory.relations().map(|r| format!("{} {} {}", r.from, r.kind, r.to)).collect()
}

/// Checks that these relations are there.
fn related(found: &Found, wanted: &[&str]) {
    let have = relations(found);
    for want in wanted {
        assert!(have.contains(&(*want).to_owned()), "{want} is not among {have:#?}");
    }
}

fn classes(asset: &Asset) -> Vec<&str> {
    asset.data_classes.iter().map(String::as_str).collect()
}

#[test]
fn openlineage() {
    let event = |state: &str| {
        json!({
            "eventType": state, "eventTime": "2025-01-01T00:00:00Z", "producer": "https://acme.example/x", "run": {"runId": "r"},
            "job": {"namespace": "airflow", "name": "churn.train_model", "facets": {"ownership": {"owners": [{"name": "team:ml"}]}}},
            "inputs": [{"namespace": "snowflake://acme-eu", "name": "RAW.CRM.USERS", "facets": {
                "tags": {"tags": [{"key": "pii", "value": "true", "source": "x"}]},
                "schema": {"fields": [{"name": "email", "type": "text"}]}}},
                {"namespace": "bigquery", "name": "p.d.t", "facets": {}}],
            "outputs": [{"namespace": "s3://acme-models", "name": "churn/model.pkl"}]
        })
    };
    let found = read(&json!([event("START"), event("COMPLETE")]));
    let job = asset(&found, "job:airflow/churn.train_model");
    assert_eq!((job.kind, job.owner.as_deref()), (AssetKind::TrainingJob, Some("ml")));
    assert_eq!(classes(asset(&found, "snowflake://acme-eu/RAW.CRM.USERS")), ["personal"]);
    assert_eq!(asset(&found, "s3://acme-models/churn/model.pkl").kind, AssetKind::Model);
    related(
        &found,
        &[
            "job:airflow/churn.train_model reads snowflake://acme-eu/RAW.CRM.USERS",
            "job:airflow/churn.train_model writes s3://acme-models/churn/model.pkl",
            "s3://acme-models/churn/model.pkl trained_on //bigquery.googleapis.com/projects/p/datasets/d/tables/t",
            "arn:aws:s3:::acme-models contains s3://acme-models/churn/model.pkl",
        ],
    );
    let reads = found.inventory.outgoing(job.id.as_str()).next().unwrap();
    assert_eq!(reads.activity.as_ref().unwrap().count, 1);
    assert_eq!(reads.evidence[0].pointer.as_deref(), Some("/0/inputs/1"));
}

#[test]
fn openlineage_columns_narrow_what_is_derived() {
    let set = |name: &str| json!({"namespace": "postgres://db:5432", "name": name});
    let mut output = set("crm.public.c");
    output["facets"] = json!({"columnLineage": {"fields": {"x": {"inputFields": [{"namespace": "postgres://db:5432", "name": "crm.public.a", "field": "x"}]}}}});
    let found = read(
        &json!({"eventTime": "t", "schemaURL": "s", "job": {"namespace": "n", "name": "copy"}, "inputs": [set("crm.public.a"), set("crm.public.b")], "outputs": [output]}),
    );
    let derived: Vec<String> = relations(&found).into_iter().filter(|r| r.contains("derived_from")).collect();
    assert_eq!(derived, ["postgres://db:5432/crm.public.c derived_from postgres://db:5432/crm.public.a"]);
}

#[test]
fn dbt() {
    let found = read(&json!({
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "adapter_type": "snowflake", "project_name": "acme"},
        "nodes": {"model.acme.users": {"resource_type": "model", "name": "users", "relation_name": "\"ANALYTICS\".\"prod\".\"users\"", "tags": ["pii"],
            "meta": {"owner": "@growth"}, "columns": {"iban": {"name": "iban", "tags": [], "meta": {"classification": "financial"}}},
            "depends_on": {"nodes": ["source.acme.crm.people"]}},
            "test.acme.x": {"resource_type": "test", "name": "x"}},
        "sources": {"source.acme.crm.people": {"resource_type": "source", "source_name": "crm", "name": "people", "database": "RAW", "schema": "crm", "identifier": "people"}},
        "exposures": {"exposure.acme.churn": {"name": "churn", "type": "ml", "owner": {"email": "ml@acme.example"}, "depends_on": {"nodes": ["model.acme.users"]}}},
        "parent_map": {}
    }));
    let users = asset(&found, "snowflake:analytics.prod.users");
    assert_eq!((classes(users), users.owner.as_deref()), (vec!["financial", "personal"], Some("growth")));
    assert_eq!(users.evidence[0].pointer.as_deref(), Some("/nodes/model.acme.users"));
    assert!(asset(&found, "dbt:acme/exposure.acme.churn").ai);
    related(
        &found,
        &[
            "snowflake:analytics.prod.users derived_from snowflake:raw.crm.people",
            "dbt:acme/exposure.acme.churn reads snowflake:analytics.prod.users",
        ],
    );
    let found = read(
        &json!({"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog/v1.json"}, "nodes": {"model.acme.users": {"metadata": {"name": "users", "owner": "dbt"}, "columns": {"id": {}}}}, "sources": {}}),
    );
    assert_eq!(asset(&found, "dbt:model.acme.users").kind, AssetKind::Database);
}

#[test]
fn airflow() {
    let text = "\
from airflow import DAG
from airflow.providers.amazon.aws.operators.sagemaker import SageMakerTrainingOperator

with DAG('churn', default_args={'owner': 'ml'}, schedule='@daily') as dag:
    copy = S3CopyObjectOperator(task_id='copy', source_bucket_name='acme-raw', dest_bucket_name='acme-train', aws_conn_id='aws_ml')
    load = S3ToSnowflakeOperator(task_id='load', table='RAW.CRM.USERS', files=['s3://acme-raw/u.csv'], s3_bucket='{{ var.x }}')
    train = SageMakerTrainingOperator(task_id='train', config=cfg)
    copy >> train
";
    let mut found = Found::default();
    let source = Source { path: "dags/churn.py", text };
    let python = code::TEXTS.iter().find(|format| (format.matches)(&source)).unwrap();
    (python.read)(&source, &mut found).unwrap();
    check(&found);
    let dag = asset(&found, "airflow:churn");
    assert_eq!((dag.kind, dag.ai, dag.owner.as_deref()), (AssetKind::Pipeline, true, Some("ml")));
    assert_eq!((&dag.properties["order"], dag.evidence[0].line), (&json!(["copy >> train"]), Some(4)));
    related(
        &found,
        &[
            "airflow:churn reads arn:aws:s3:::acme-raw",
            "airflow:churn writes arn:aws:s3:::acme-train",
            "airflow:churn reads s3://acme-raw/u.csv",
            "airflow:churn reads snowflake:raw.crm.users",
            "airflow:churn uses airflow-connection:aws_ml",
        ],
    );
    let found = read(
        &json!({"crm": {"conn_type": "postgres", "host": "db.acme", "port": 5432, "schema": "crm", "login": "u", "password": "hunter2hunter2"}}),
    );
    related(&found, &["airflow-connection:crm uses postgres://db.acme:5432/crm"]);
    assert!(!format!("{:?}", found.inventory).contains("hunter2"));
}

#[test]
fn loading_tools() {
    let found = read(&json!({
        "sources": [{"sourceId": "s1", "name": "CRM", "sourceName": "Salesforce", "workspaceId": "w", "connectionConfiguration": {"client_secret": "x", "domain": "acme"}}],
        "destinations": [{"destinationId": "d1", "name": "Lake", "destinationName": "S3", "connectionConfiguration": {"s3_bucket_name": "acme-lake"}}],
        "connections": [{"connectionId": "c1", "name": "crm to lake", "sourceId": "s1", "destinationId": "d1", "syncCatalog": {"streams": [{"stream": {"name": "contacts"}, "config": {"selected": true}}, {"stream": {"name": "x"}, "config": {"selected": false}}]}}]
    }));
    related(
        &found,
        &[
            "airbyte:c1 reads airbyte:s1",
            "airbyte:c1 writes airbyte:d1",
            "airbyte:d1 derived_from airbyte:s1",
            "airbyte:s1 derived_from saas:salesforce/acme",
            "arn:aws:s3:::acme-lake derived_from airbyte:d1",
        ],
    );
    assert_eq!(asset(&found, "airbyte:c1").properties["streams"], json!(["contacts"]));
    assert_eq!(classes(asset(&found, "airbyte:s1")), ["customer", "personal"]);

    let found = read(
        &json!({"code": "Success", "data": {"items": [{"id": "f1", "group_id": "g1", "service": "zendesk", "schema": "zendesk", "config": {"subdomain": "acme"}}]}}),
    );
    related(&found, &["fivetran:f1 reads saas:zendesk/acme", "fivetran:g1 derived_from saas:zendesk/acme"]);

    let found = read(
        &json!({"name": "crm-cdc", "config": {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "database.hostname": "db", "database.port": "5432", "database.dbname": "crm", "database.password": "p", "topic.prefix": "cdc", "table.include.list": "public.users"}}),
    );
    related(
        &found,
        &[
            "kafka-connect:crm-cdc reads postgres://db:5432/crm.public.users",
            "kafka:cdc.public.users derived_from postgres://db:5432/crm.public.users",
        ],
    );
    let found = read(
        &json!({"connector.class": "io.confluent.connect.s3.S3SinkConnector", "name": "lake", "topics": "cdc.public.users", "s3.bucket.name": "acme-lake"}),
    );
    related(&found, &["arn:aws:s3:::acme-lake derived_from kafka:cdc.public.users"]);
}

#[test]
fn bigquery() {
    let found = read(&json!([
        {"object_catalog": "p", "object_schema": "d", "object_name": "in", "grantee": "allUsers", "privilege_type": "roles/bigquery.dataViewer"},
        {"kind": "bigquery#job", "jobReference": {"projectId": "p", "jobId": "j"}, "user_email": "svc@p.iam.gserviceaccount.com",
            "configuration": {"query": {"destinationTable": {"projectId": "p", "datasetId": "d", "tableId": "out"}}},
            "statistics": {"query": {"referencedTables": [{"projectId": "p", "datasetId": "d", "tableId": "in"}]}}}
    ]));
    let base = "//bigquery.googleapis.com/projects/p/datasets/d";
    assert_eq!(asset(&found, &format!("{base}/tables/in")).exposure, Some(Exposure::Public));
    related(
        &found,
        &[
            &format!("internet reads {base}/tables/in"),
            &format!("{base}/tables/out derived_from {base}/tables/in"),
            "//bigquery.googleapis.com/projects/p/jobs/j runs_as serviceAccount:svc@p.iam.gserviceaccount.com",
        ],
    );
    let found = read(
        &json!([{"table_catalog": "p", "table_schema": "d", "table_name": "t", "column_name": "c", "policy_tags": ["projects/p/locations/l/taxonomies/1/policyTags/ssn"]}]),
    );
    assert_eq!(classes(asset(&found, &format!("{base}/tables/t"))), ["personal"]);
}

#[test]
fn snowflake() {
    let found = read(&json!([
        {"CREATED_ON": "t", "PRIVILEGE": "SELECT", "GRANTED_ON": "TABLE", "NAME": "USERS", "TABLE_CATALOG": "RAW", "TABLE_SCHEMA": "CRM", "GRANTED_TO": "ROLE", "GRANTEE_NAME": "ML_TRAIN", "DELETED_ON": ""},
        {"PRIVILEGE": "SELECT", "GRANTED_ON": "TABLE", "NAME": "OLD", "TABLE_CATALOG": "RAW", "TABLE_SCHEMA": "CRM", "GRANTED_TO": "ROLE", "GRANTEE_NAME": "ML_TRAIN", "DELETED_ON": "2025-01-01"},
        {"privilege": "USAGE", "granted_on": "ROLE", "name": "ML_TRAIN", "granted_to": "ROLE", "grantee_name": "ML_ADMIN"},
        {"ROLE": "ML_ADMIN", "GRANTED_TO": "USER", "GRANTEE_NAME": "ADA"},
        {"TAG_NAME": "PRIVACY_CATEGORY", "TAG_VALUE": "EMAIL", "OBJECT_DATABASE": "RAW", "OBJECT_SCHEMA": "CRM", "OBJECT_NAME": "USERS", "COLUMN_NAME": "E"},
        {"STAGE_NAME": "LAKE", "STAGE_SCHEMA": "CRM", "STAGE_CATALOG": "RAW", "STAGE_URL": "s3://acme-lake/crm/"},
        {"kind": "OUTBOUND", "name": "PARTNER", "database_name": "RAW", "to": "ACME.PARTNER1"},
        {"name": "HELP", "database_name": "RAW", "schema_name": "CRM", "search_column": "BODY", "definition": "select body from raw.crm.tickets where x", "owner": "ML"}
    ]));
    assert_eq!(classes(asset(&found, "snowflake:raw.crm.users")), ["personal"]);
    assert!(asset(&found, "snowflake:raw.crm.help").ai && found.inventory.get("snowflake:raw.crm.old").is_none());
    related(
        &found,
        &[
            "snowflake:role/ML_TRAIN reads snowflake:raw.crm.users",
            "snowflake:role/ML_ADMIN member_of snowflake:role/ML_TRAIN",
            "snowflake:user/ADA member_of snowflake:role/ML_ADMIN",
            "snowflake:raw.crm.lake derived_from s3://acme-lake/crm",
            "snowflake:account/ACME.PARTNER1 reads snowflake:share/PARTNER",
            "snowflake:share/PARTNER reads snowflake:raw",
            "snowflake:raw.crm.help derived_from snowflake:raw.crm.tickets",
        ],
    );
    let found = read(
        &json!([{"QUERY_ID": "q", "USER_NAME": "ADA", "QUERY_START_TIME": "2025-01-01", "BASE_OBJECTS_ACCESSED": "[{\"objectName\": \"RAW.CRM.USERS\", \"objectDomain\": \"Table\"}]"}]),
    );
    related(&found, &["snowflake:user/ADA reads snowflake:raw.crm.users"]);
}

#[test]
fn unity_catalog() {
    let found = read(&json!({
        "tables": [{"name": "rows", "catalog_name": "main", "schema_name": "ml", "full_name": "main.ml.rows", "table_type": "EXTERNAL", "storage_location": "s3://acme-lake/rows", "owner": "ml", "properties": {"data_classification": "phi"}}],
        "endpoints": [{"name": "scorer", "creator": "a@acme.example", "config": {"served_entities": [{"entity_name": "main.ml.churn", "entity_version": "3"}, {"external_model": {"name": "gpt-4o", "provider": "openai"}}]}}],
        "vector_indexes": [{"name": "main.ml.idx", "endpoint_name": "vs", "index_type": "DELTA_SYNC", "delta_sync_index_spec": {"source_table": "main.ml.rows"}}],
        "lineage": [{"source_table_full_name": "main.raw.a", "target_table_full_name": "main.ml.rows", "entity_type": "JOB", "entity_id": "7", "event_time": "t"}]
    }));
    assert_eq!(classes(asset(&found, "unity:main.ml.rows")), ["health"]);
    assert!(asset(&found, "databricks:serving-endpoints/scorer").ai);
    related(
        &found,
        &[
            "unity:main.ml.rows derived_from s3://acme-lake/rows",
            "unity:main.ml.rows derived_from unity:main.raw.a",
            "databricks:job/7 writes unity:main.ml.rows",
            "databricks:serving-endpoints/scorer serves models:/main.ml.churn/3",
            "databricks:serving-endpoints/scorer serves model:gpt-4o",
            "unity:main.ml.idx derived_from unity:main.ml.rows",
        ],
    );
    let found = read(
        &json!({"full_name": "main.ml.rows", "privilege_assignments": [{"principal": "data-science", "privileges": ["SELECT"]}]}),
    );
    related(&found, &["databricks:group/data-science reads unity:main.ml.rows"]);
}

#[test]
fn stores_and_checks() {
    let found = read(
        &json!({"indexes": [{"name": "docs", "dimension": 1536, "metric": "cosine", "host": "docs-x.svc.pinecone.io", "spec": {"serverless": {"cloud": "aws", "region": "us-east-1"}}, "tags": {"team": "search"}}]}),
    );
    assert_eq!(
        (asset(&found, "pinecone:docs").kind, asset(&found, "pinecone:docs").owner.as_deref()),
        (AssetKind::VectorStore, Some("search"))
    );
    let found = read(
        &json!({"classes": [{"class": "Ticket", "vectorizer": "text2vec-openai", "moduleConfig": {"text2vec-openai": {"model": "text-embedding-3-small"}}, "properties": [{"name": "body"}]}]}),
    );
    related(&found, &["weaviate:Ticket uses model:text-embedding-3-small"]);
    let found = read(&json!({"result": {"collections": [{"name": "faq"}]}, "status": "ok"}));
    assert_eq!(asset(&found, "qdrant:faq").evidence[0].pointer.as_deref(), Some("/result/collections/0"));
    assert_eq!(
        asset(&read(&json!({"collection_name": "faq", "fields": [{"name": "v"}]})), "milvus:faq").kind,
        AssetKind::VectorStore
    );

    let found = read(
        &json!({"project": "risk", "provider": "gcp", "registry": "gs://acme-feast/registry.db", "offline_store": {"type": "bigquery", "project_id": "p", "dataset": "d"}}),
    );
    related(
        &found,
        &[
            "feast:risk derived_from //bigquery.googleapis.com/projects/p/datasets/d",
            "feast:risk uses gs://acme-feast/registry.db",
        ],
    );
    let found = read(
        &json!({"featureViews": [{"spec": {"name": "v", "project": "risk", "features": [{"name": "f"}], "owner": "ml", "batchSource": {"type": "BATCH_FILE", "fileOptions": {"uri": "s3://acme-f/x.parquet"}}}}]}),
    );
    related(&found, &["feast:risk contains feast:risk/v", "feast:risk/v derived_from s3://acme-f/x.parquet"]);

    let found = read(
        &json!({"expectation_suite_name": "s", "data_asset_name": "users", "expectations": [{}], "meta": {"great_expectations_version": "1"}}),
    );
    related(&found, &["file:f.json#s applies_to dataset:users"]);
    related(
        &read(&json!({"checks for users": ["row_count > 0"]})),
        &["file:f.json#checks for users applies_to dataset:users"],
    );
}

#[test]
fn connectors_and_manifests() {
    let found = read(
        &json!([{"id": 3, "name": "wiki", "source": "confluence", "connector_specific_config": {"wiki_base": "x", "base_url": "https://acme.atlassian.net/wiki"}, "index_name": "help"}]),
    );
    related(
        &found,
        &[
            "file:f.json#wiki reads saas:confluence/acme.atlassian.net",
            "vector-store:help derived_from saas:confluence/acme.atlassian.net",
        ],
    );
    let found = read(
        &json!({"dataSource": {"knowledgeBaseId": "KB1", "dataSourceId": "D", "name": "n", "dataSourceConfiguration": {"type": "S3", "s3Configuration": {"bucketArn": "arn:aws:s3:::acme-docs"}}}}),
    );
    related(&found, &["arn:aws:bedrock:::knowledge-base/KB1 derived_from arn:aws:s3:::acme-docs"]);
    let found = read(
        &json!({"IndexId": "I1", "Id": "D", "Name": "crm", "Type": "SALESFORCE", "Configuration": {"SalesforceConfiguration": {"ServerUrl": "x"}}, "RoleArn": "arn:aws:iam::111111111111:role/r"}),
    );
    related(&found, &["arn:aws:kendra::111111111111:index/I1 derived_from saas:salesforce/crm"]);
    let found = read(
        &json!({"@type": "sc:Dataset", "name": "d", "license": "cc-by-4.0", "url": "https://acme.example/d", "distribution": [{"contentUrl": "s3://acme-d/x.csv"}]}),
    );
    related(&found, &["https://acme.example/d derived_from s3://acme-d/x.csv"]);
    let found = read(&json!({"name": "d", "files": [{"uri": "gs://acme-d/1"}, {"uri": "gs://acme-d/2"}]}));
    related(&found, &["file:f.json derived_from gs://acme-d"]);
}

#[test]
fn other_documents_are_left_alone() {
    for value in [
        json!({"source": "github", "config": {"repo": "x"}}),
        json!({"name": "x", "config": {"a": 1}, "url": "https://acme.example"}),
        json!({"job": {"name": "build"}, "run": "make"}),
        json!({"kind": "a", "name": "b", "metadata": {}}),
        json!({"files": [{"path": "src/main.rs"}]}),
        json!({"NAME": "x", "ROLE": "y"}),
    ] {
        let known = super::FORMATS.iter().find(|format| (format.matches)(&value));
        assert!(known.is_none(), "{value} as {known:?}");
    }
}

#[test]
fn no_reader_minds_what_it_is_given() {
    let odd = [
        "null",
        "[]",
        "{}",
        "\"x\"",
        "[null, 1, {\"name\": \"é\"}]",
        "{\"name\": {}, \"id\": [], \"type\": \"é\", \"config\": \"\"}",
    ];
    for format in super::FORMATS {
        for text in odd {
            let document = Document::json("f.json", text).unwrap();
            let _ = (format.matches)(&document.value);
            (format.read)(&document, &mut Found::default());
        }
    }
}
