//! Where data comes from and goes: lineage events, transformation and loading tools, warehouses, vector and feature
//! stores, and the SaaS products that feed them. All as lineage edges with readers and data classes.

mod airbyte;
pub(super) mod airflow;
mod bigquery;
mod connector;
mod dbt;
mod ddl;
mod feast;
mod fivetran;
mod kafka_connect;
mod manifest;
mod names;
mod openlineage;
mod quality;
mod snowflake;
mod system;
mod unity;
mod vector_store;

use super::format::{Structured, Textual};

pub(super) const FORMATS: &[Structured] = &[
    openlineage::RUN,
    openlineage::DATA_SET,
    dbt::MANIFEST,
    dbt::CATALOG,
    airbyte::CONNECTION,
    airbyte::ACTOR,
    fivetran::CONNECTOR,
    kafka_connect::CONNECTOR,
    kafka_connect::CONFIG,
    bigquery::JOB,
    bigquery::COLUMN,
    snowflake::GRANT,
    snowflake::TABLE,
    snowflake::TAG,
    snowflake::STAGE,
    snowflake::SHARE,
    snowflake::ACCESS,
    snowflake::SERVICE,
    unity::TABLE,
    unity::GRANTS,
    unity::LINEAGE,
    unity::EDGE,
    unity::MODEL,
    unity::ENDPOINT,
    unity::VOLUME,
    unity::INDEX,
    quality::EXPECTATIONS,
    quality::SODA,
    vector_store::PINECONE,
    vector_store::WEAVIATE,
    vector_store::QDRANT,
    vector_store::MILVUS,
    feast::CONFIG,
    feast::VIEW,
    connector::GENERIC,
    manifest::CROISSANT,
    manifest::MANIFEST,
    airflow::CONNECTIONS,
];
/// Data sources of cloud services, which name the product that they bring in; read here, not as plain resources.
pub(super) const CONNECTORS: &[Structured] = &[connector::BEDROCK, connector::KENDRA];

pub(super) const TEXTS: &[Textual] = &[ddl::PGVECTOR];

#[cfg(test)]
mod tests;
