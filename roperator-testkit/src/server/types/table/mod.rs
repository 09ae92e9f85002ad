//! The types in the table: structs with fields that refer to types by number. In go the table's lines, out come types to
//! look up. What is done with them is done elsewhere.

mod read;

use std::collections::HashMap;

use read::Reader;

/// A struct's place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StructId(pub(in crate::server::types) u32);

/// A type's place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypeId(u32);

#[derive(Debug, Default)]
pub struct Table {
    types: Vec<Type>,
    structs: Vec<Struct>,
    by_name: HashMap<&'static str, StructId>,
}

/// A Go type.
#[derive(Debug)]
pub struct Type {
    pub form: Form,
    /// As Go's messages write it: `map[v1.ResourceName]resource.Quantity`.
    pub go: String,
    /// A list that is wrapped in a message of its own in protobuf.
    pub message: bool,
}

/// What values of a type are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    String,
    Bool,
    Int32,
    Int64,
    Float64,
    Bytes,
    Special(Special),
    Struct(StructId),
    Pointer(TypeId),
    List(TypeId),
    Map { values: TypeId },
}

/// The types that have an encoding of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    Quantity,
    Time,
    MicroTime,
    IntOrString,
    /// Any object, kept as it is: `RawExtension`.
    Raw,
    /// The fields that a manager owns, kept as they are: `FieldsV1`.
    Fields,
    /// Any JSON, kept as it is.
    Json,
    SchemaOrBool,
    SchemaOrArray,
    SchemaOrStrings,
}

#[derive(Debug)]
pub struct Struct {
    /// Its name in OpenAPI.
    pub name: &'static str,
    /// Its name in Go, without the package.
    pub go: &'static str,
    /// Merged as a whole.
    pub atomic: bool,
    /// Its fields as they are declared, embedded structs among them.
    pub fields: Vec<Field>,
    /// Its fields as they are in JSON, sorted by name.
    pub json: Vec<JsonField>,
}

#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    /// An embedded struct, whose fields are this one's in JSON.
    pub inline: bool,
    /// The number in protobuf.
    pub number: Option<u32>,
    pub of: TypeId,
    pub omit_empty: bool,
    pub omit_zero: bool,
    pub required: bool,
    /// `atomic`, `set` or `map:KEY,KEY`.
    pub list: Option<&'static str>,
    /// `atomic` or `granular`.
    pub map: Option<&'static str>,
    pub patch_strategy: Option<&'static str>,
    pub patch_key: Option<&'static str>,
    /// The default that OpenAPI tells, as JSON.
    pub default: Option<&'static str>,
}

/// A field as it is in JSON.
#[derive(Debug)]
pub struct JsonField {
    pub field: Field,
    /// The embedded structs that it is in, which Go's messages name.
    pub embedded: Vec<&'static str>,
}

impl Table {
    pub fn read(text: &'static str) -> Self {
        let mut reader = Reader::new(text);
        for line in text.lines() {
            if let Some(words) = line.strip_prefix("struct ") {
                reader.start(words);
            } else if let Some(words) = line.strip_prefix(' ') {
                reader.field(words);
            }
        }
        let mut table = Self {
            types: reader.types,
            structs: reader.structs,
            by_name: reader.structs_by_name,
        };
        for place in 0..table.structs.len() {
            let json = table.flat(place);
            if let Some(found) = table.structs.get_mut(place) {
                found.json = json;
            }
        }
        table
    }

    /// A struct by its name in OpenAPI.
    pub fn named(&self, name: &str) -> Option<StructId> {
        self.by_name.get(name).copied()
    }

    pub fn structs(&self) -> impl Iterator<Item = (StructId, &Struct)> {
        (0..).map(StructId).zip(&self.structs)
    }

    pub fn get(&self, id: StructId) -> &Struct {
        static NONE: Struct = Struct {
            name: "",
            go: "",
            atomic: false,
            fields: Vec::new(),
            json: Vec::new(),
        };
        self.structs.get(id.0 as usize).unwrap_or(&NONE)
    }

    pub fn of(&self, id: TypeId) -> &Type {
        static NONE: Type = Type {
            form: Form::Special(Special::Json),
            go: String::new(),
            message: false,
        };
        self.types.get(id.0 as usize).unwrap_or(&NONE)
    }

    /// The fields of a struct and of those embedded in it. Of equal names the less deep one counts.
    fn flat(&self, place: usize) -> Vec<JsonField> {
        let mut found: Vec<JsonField> = Vec::new();
        let mut level = vec![(place, Vec::new())];
        while !level.is_empty() {
            let mut deeper = Vec::new();
            for (place, embedded) in level {
                let fields = self.structs.get(place).map_or(&[][..], |found| &found.fields);
                for field in fields {
                    if let (true, Form::Struct(inner)) = (field.inline, self.of(field.of).form) {
                        let mut embedded: Vec<_> = embedded.clone();
                        embedded.push(self.get(inner).go);
                        deeper.push((inner.0 as usize, embedded));
                    } else if !found.iter().any(|known| known.field.name == field.name) {
                        found.push(JsonField {
                            field: *field,
                            embedded: embedded.clone(),
                        });
                    }
                }
            }
            level = deeper;
        }
        found.sort_by_key(|field| field.field.name);
        found
    }
}

impl Struct {
    /// A field by its name in JSON.
    pub fn json_field(&self, name: &str) -> Option<&JsonField> {
        let place = self.json.binary_search_by(|field| field.field.name.cmp(name)).ok()?;
        self.json.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table_is_understood() {
        let text = crate::server::types::KUBERNETES;
        let table = Table::read(text);
        let json = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON";
        let fields = table.structs().flat_map(|(_, found)| &found.fields);
        for field in fields {
            let of = table.of(field.of);
            let unknown = of.form == Form::Special(Special::Json) && !of.go.ends_with("v1.JSON");
            assert!(!unknown, "{} of {}: only {json} is JSON", field.name, of.go);
        }
        let lines = text.lines().filter(|line| line.starts_with("struct ")).count();
        assert_eq!(table.structs().count(), lines);
    }

    #[test]
    fn types_read_as_in_go() {
        let table = Table::read(crate::server::types::KUBERNETES);
        let container = table.get(table.named("io.k8s.api.core.v1.ResourceRequirements").unwrap());
        let limits = table.of(container.json_field("limits").unwrap().field.of);
        assert_eq!(limits.go, "v1.ResourceList");
        let volume = table.get(table.named("io.k8s.api.core.v1.Volume").unwrap());
        assert_eq!(volume.json_field("hostPath").unwrap().embedded, ["VolumeSource"]);
        assert_eq!(
            table.of(volume.json_field("hostPath").unwrap().field.of).go,
            "*v1.HostPathVolumeSource"
        );
    }
}
