//! Kubernetes objects in, YAML out: always the same text for the same object.
//!
//! The order is that of people (`apiVersion`, `kind`, `metadata`, `spec`, …) at the top and the alphabet's below.
//! Absent values leave no trace: a `null` in a map and an empty `status` are not written. A `null` in a list is kept,
//! since it means something in an enum. Strings that YAML 1.1 would read as something else (`yes`, `1e3`,
//! `2026-01-01`) are quoted, long ones are folded, those of several lines become block scalars.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;
use serde_saphyr::DoubleQuoted;

/// A value that has no YAML text.
#[derive(Debug, thiserror::Error)]
#[error("an object cannot be written as YAML: {source}")]
pub struct YamlError {
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// One object as one YAML document, with a newline at its end and no `---`.
///
/// # Errors
///
/// When the object's `Serialize` fails, or has map keys that are no strings.
pub fn document<T: Serialize>(object: &T) -> Result<String, YamlError> {
    let value = serde_json::to_value(object).map_err(|source| YamlError { source: source.into() })?;
    serde_saphyr::to_string(&Ordered {
        value: &value,
        place: Place::Root,
    })
    .map_err(|source| YamlError { source: source.into() })
}

/// Objects as a stream of YAML documents with `---` between them.
///
/// # Errors
///
/// When one of them cannot be written; see [`document`].
pub fn documents<'a, T: Serialize + 'a>(objects: impl IntoIterator<Item = &'a T>) -> Result<String, YamlError> {
    let documents = objects.into_iter().map(document).collect::<Result<Vec<_>, _>>()?;
    Ok(documents.join("---\n"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Metadata,
    Below,
}

impl Place {
    /// Keys in this order come first; those that are absent here follow in alphabetical order.
    const fn first(self) -> &'static [&'static str] {
        match self {
            Self::Root => &["apiVersion", "kind", "metadata", "spec"],
            Self::Metadata => &["name", "namespace"],
            Self::Below => &[],
        }
    }

    fn of(self, key: &str) -> Self {
        if self == Self::Root && key == "metadata" {
            Self::Metadata
        } else {
            Self::Below
        }
    }

    fn omits(self, key: &str, value: &Value) -> bool {
        value.is_null()
            || (self == Self::Root && key == "status" && value.as_object().is_some_and(serde_json::Map::is_empty))
    }
}

/// A value that serialises its maps in our order, whatever order `serde_json`'s features give them.
struct Ordered<'a> {
    value: &'a Value,
    place: Place,
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Object(map) => {
                let first = self.place.first();
                let rank = |key: &str| first.iter().position(|known| *known == key).unwrap_or(first.len());
                let mut entries: Vec<_> = map
                    .iter()
                    .filter(|(key, value)| !self.place.omits(key, value))
                    .collect();
                entries.sort_by_key(|(key, _)| (rank(key), *key));
                let mut out = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    out.serialize_entry(
                        key,
                        &Ordered {
                            value,
                            place: self.place.of(key),
                        },
                    )?;
                }
                out.end()
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(|value| Ordered {
                value,
                place: Place::Below,
            })),
            // In front of a block's first word, libyaml and its Go port (kubectl) take a tab for wrong indentation.
            Value::String(text) if text.contains('\n') && text.trim_start_matches(['\n', ' ']).starts_with('\t') => {
                DoubleQuoted(text).serialize(serializer)
            }
            scalar => scalar.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests;
