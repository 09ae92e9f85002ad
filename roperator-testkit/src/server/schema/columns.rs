//! Custom resources as tables: a version of a definition and objects in, column definitions and cells out. The caller says
//! what time it is.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::jsonpath::JsonPath;
use super::numbers::{go_float, truncate};
use super::structural::text;

const NAME: &str = "Name must be unique within a namespace. Is required when creating resources, although some resources may \
    allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation \
    idempotence and configuration definition. Cannot be updated. More info: \
    https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
const AGE: &str = "CreationTimestamp is a timestamp representing the server time when this object was created. It is not \
    guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is \
    represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: \
    https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/// The columns of a kind.
#[derive(Debug, Clone)]
pub struct Columns {
    columns: Vec<Column>,
}

#[derive(Debug, Clone)]
struct Column {
    definition: Value,
    kind: String,
    path: Option<JsonPath>,
}

impl Columns {
    /// The columns of a version of a definition: its name and what it asks for, or else its name and its age.
    #[must_use]
    pub fn of_version(version: &Value) -> Self {
        let given = version.get("additionalPrinterColumns").and_then(Value::as_array);
        let columns = given.filter(|columns| !columns.is_empty()).map_or_else(
            || vec![Column::age()],
            |columns| columns.iter().map(Column::new).collect(),
        );
        Self { columns }
    }

    /// `columnDefinitions` of a table.
    #[must_use]
    pub fn definitions(&self) -> Vec<Value> {
        let name = json!({"name": "Name", "type": "string", "format": "name", "description": NAME, "priority": 0});
        let rest = self.columns.iter().map(|column| column.definition.clone());
        std::iter::once(name).chain(rest).collect()
    }

    /// The cells of an object's row.
    #[must_use]
    pub fn cells(&self, object: &Value, now: Timestamp) -> Vec<Value> {
        let name = object
            .get("metadata")
            .map(|metadata| text(metadata, "name"))
            .unwrap_or_default();
        let rest = self.columns.iter().map(|column| column.cell(object, now));
        std::iter::once(Value::from(name)).chain(rest).collect()
    }
}

impl Column {
    fn new(column: &Value) -> Self {
        let path = text(column, "jsonPath");
        let described = text(column, "description");
        let description = if described.is_empty() {
            format!("Custom resource definition column (in JSONPath format): {path}")
        } else {
            described
        };
        let definition = json!({
            "name": text(column, "name"),
            "type": text(column, "type"),
            "format": text(column, "format"),
            "description": description,
            "priority": column.get("priority").cloned().unwrap_or_else(|| 0.into()),
        });
        Self {
            definition,
            kind: text(column, "type"),
            path: JsonPath::parse(&path),
        }
    }

    fn age() -> Self {
        let path = ".metadata.creationTimestamp";
        Self::new(&json!({"name": "Age", "type": "date", "jsonPath": path, "description": AGE}))
    }

    fn cell(&self, object: &Value, now: Timestamp) -> Value {
        let found = self
            .path
            .as_ref()
            .map(|path| path.find(object).unwrap_or_default())
            .unwrap_or_default();
        let Some(value) = found.first() else { return Value::Null };
        match (self.kind.as_str(), value) {
            ("string", value) => go_text(value).into(),
            ("integer", Value::Number(number)) => number
                .as_i64()
                .or_else(|| number.as_f64().map(truncate))
                .map_or(Value::Null, Value::from),
            ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => (*value).clone(),
            ("date", Value::String(time)) => match time.parse::<Timestamp>() {
                Ok(time) => age(time, now).into(),
                Err(_) => "<invalid>".into(),
            },
            _ => Value::Null,
        }
    }
}

/// A value as Go's JSONPath prints it: texts as they are, lists and objects as JSON that may stand in HTML.
pub(super) fn go_text(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => number.as_f64().map_or_else(String::new, go_float),
        other => other
            .to_string()
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026"),
    }
}

/// How long ago a time was, as tables show it.
#[must_use]
pub fn age(time: Timestamp, now: Timestamp) -> String {
    human_duration(now.as_second() - time.as_second() - i64::from(now.subsec_nanosecond() < time.subsec_nanosecond()))
}

fn human_duration(seconds: i64) -> String {
    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    let two = |large: i64, unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit}{small}{small_unit}"),
    };
    let minutes = seconds / 60;
    let hours = seconds / HOUR;
    let days = seconds / DAY;
    let years = seconds / YEAR;
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        _ if days < 8 => two(days, "d", hours % 24, "h"),
        _ if days < 730 => format!("{days}d"),
        _ if years < 8 => two(years, "y", days % 365, "d"),
        _ => format!("{years}y"),
    }
}

/// The metadata that a table's row carries: the whole object's, as a `PartialObjectMetadata`.
#[must_use]
pub fn partial_metadata(object: &Value) -> Value {
    let mut partial = Map::new();
    partial.insert("kind".to_owned(), "PartialObjectMetadata".into());
    partial.insert("apiVersion".to_owned(), "meta.k8s.io/v1".into());
    partial.insert(
        "metadata".to_owned(),
        object.get("metadata").cloned().unwrap_or_else(|| json!({})),
    );
    Value::Object(partial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_kubernetes_writes_them() {
        let cases = [
            (-5, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (11_000, "3h3m"),
            (30_000, "8h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
            (86_400 * 8, "8d"),
            (86_400 * 730, "2y"),
            (86_400 * 731, "2y1d"),
            (86_400 * 365 * 9, "9y"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human_duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn cells_follow_their_types() {
        let version = json!({"additionalPrinterColumns": [
            {"name": "A", "type": "string", "jsonPath": ".spec.a"},
            {"name": "B", "type": "integer", "jsonPath": ".spec.b"},
            {"name": "C", "type": "boolean", "jsonPath": ".spec.c", "priority": 1},
            {"name": "D", "type": "date", "jsonPath": ".spec.d"},
            {"name": "E", "type": "string", "jsonPath": ".spec.list"},
            {"name": "F", "type": "integer", "jsonPath": ".spec.a"},
            {"name": "G", "type": "string", "jsonPath": ".spec.none"},
            {"name": "H", "type": "string", "jsonPath": ".spec.nul"},
            {"name": "I", "type": "string", "jsonPath": ".spec.big"},
            {"name": "J", "type": "string", "jsonPath": ".spec.o"},
            {"name": "K", "type": "date", "jsonPath": ".spec.a"},
            {"name": "L", "type": "number", "jsonPath": ".spec.b"},
        ]});
        let columns = Columns::of_version(&version);
        let now: Timestamp = "2020-01-02T00:00:00Z".parse().unwrap();
        let object = json!({"metadata": {"name": "x"}, "spec": {
            "a": "text", "b": 3.7, "c": true, "d": "2020-01-01T23:59:00Z", "list": [1, "b"],
            "nul": null, "big": 1e21, "o": {"b": 1, "a": "<&"}}});
        assert_eq!(
            Value::from(columns.cells(&object, now)),
            json!([
                "x",
                "text",
                3,
                true,
                "60s",
                "[1,\"b\"]",
                null,
                null,
                "<no value>",
                "1e+21",
                "{\"a\":\"\\u003c\\u0026\",\"b\":1}",
                "<invalid>",
                3.7
            ])
        );
        assert_eq!(columns.definitions()[3]["priority"], 1);
        let plain = Columns::of_version(&json!({}));
        assert_eq!(plain.definitions()[1]["name"], "Age");
    }
}
