//! Objects as tables, as `kubectl get` asks for them: objects in, a `Table` object out. Which columns a kind has is data
//! (`columns`); how a cell is read from an object is said there too. It never looks at a store, nor at the clock.

pub mod cell;
mod columns;
mod custom;
mod duration;
mod event;
mod found;
mod json_path;
mod metrics;
mod network;
mod pod;
mod values;
mod workload;

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use self::cell::Cell;
pub use self::{columns::columns, custom::columns as columns_of_custom};
use crate::server::field::{FieldError, FieldPath};
use crate::server::status::ApiError;

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its heading.
    pub name: Cow<'static, str>,
    /// The type of its cells, as OpenAPI names it.
    pub kind: Cow<'static, str>,
    /// More about the type: `name` for the column that identifies the object.
    pub format: Cow<'static, str>,
    /// Zero for columns that are always shown.
    pub priority: i64,
    /// What it means; built-in columns do not say.
    pub description: Cow<'static, str>,
    /// How its cells are read.
    pub cell: Cell,
}

/// What of an object goes along with its row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Include {
    /// Nothing.
    None,
    /// Its metadata.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

impl Include {
    /// Understands the parameter `includeObject`.
    ///
    /// # Errors
    /// If it is none of those known.
    pub fn parse(parameter: Option<&str>) -> Result<Self, ApiError> {
        match parameter.unwrap_or_default() {
            "None" => Ok(Self::None),
            "Metadata" | "" => Ok(Self::Metadata),
            "Object" => Ok(Self::Object),
            other => {
                let detail = "must be 'Metadata', 'Object', 'None', or empty";
                let error = FieldError::invalid(&FieldPath::new("includeObject"), other, detail);
                Err(ApiError::bad_request(format!(
                    "Unable to convert to Table as requested: {error}"
                )))
            }
        }
    }
}

/// How a table is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// `v1` or `v1beta1`.
    pub version: &'a str,
    /// What of the objects goes along.
    pub include: Include,
    /// Whether the columns are described: not after the first event of a watch.
    pub headers: bool,
    /// The time that ages are reckoned from.
    pub now: Timestamp,
}

/// Objects as a table. `metadata` is the list's, or that of the one object.
#[must_use]
pub fn table(columns: &[Column], metadata: &Value, objects: &[&Value], options: Options<'_>) -> Value {
    let rows: Vec<Value> = objects.iter().map(|object| row(columns, object, options)).collect();
    // What is printed by default has no list of rows at all when there are none.
    let absent = rows.is_empty() && columns.iter().any(|column| matches!(column.cell, Cell::CreatedAt));
    let headers: Vec<Value> = columns.iter().map(header).collect();
    json!({
        "kind": "Table",
        "apiVersion": format!("meta.k8s.io/{}", options.version),
        "metadata": list_metadata(metadata),
        "columnDefinitions": if options.headers { json!(headers) } else { Value::Null },
        "rows": if absent { Value::Null } else { json!(rows) },
    })
}

/// The cells of an object's row.
#[must_use]
pub fn cells(columns: &[Column], object: &Value, now: Timestamp) -> Vec<Value> {
    columns.iter().map(|column| column.cell.read(object, now)).collect()
}

fn row(columns: &[Column], object: &Value, options: Options<'_>) -> Value {
    let included = match options.include {
        Include::None => Value::Null,
        Include::Object => object.clone(),
        Include::Metadata => json!({
            "kind": "PartialObjectMetadata",
            "apiVersion": format!("meta.k8s.io/{}", options.version),
            "metadata": object.get("metadata"),
        }),
    };
    let mut row = json!({"cells": cells(columns, object, options.now), "object": included});
    let is_pod = columns.iter().any(|column| matches!(column.cell, Cell::PodStatus));
    if let (Some(conditions), Some(fields)) = (pod::row_conditions(object).filter(|_| is_pod), row.as_object_mut()) {
        fields.insert("conditions".to_owned(), conditions);
    }
    row
}

fn header(column: &Column) -> Value {
    json!({
        "name": column.name,
        "type": column.kind,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    })
}

fn list_metadata(metadata: &Value) -> Map<String, Value> {
    let known = ["resourceVersion", "continue", "remainingItemCount"].into_iter();
    let fields = known.filter_map(|field| Some((field.to_owned(), metadata.get(field)?.clone())));
    fields.collect()
}

#[cfg(test)]
mod tests;
