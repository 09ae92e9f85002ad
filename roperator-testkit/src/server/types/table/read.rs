//! Reads the table's lines of types. Their form is documented where they are generated, in `scripts/kube/kinds`. What it
//! does not understand it leaves out.

use std::collections::HashMap;

use super::{Field, Form, Special, Struct, StructId, Type, TypeId};

/// What a name in the table stands for.
#[derive(Clone, Copy)]
enum Declared {
    Struct(StructId),
    Special(Special),
    Named { under: &'static str, message: bool },
}

pub(super) struct Reader {
    declared: HashMap<&'static str, Declared>,
    known: HashMap<&'static str, TypeId>,
    pub(super) types: Vec<Type>,
    pub(super) structs: Vec<Struct>,
    pub(super) structs_by_name: HashMap<&'static str, StructId>,
}

impl Reader {
    /// Reads which names there are, for types refer to later ones.
    pub(super) fn new(text: &'static str) -> Self {
        let (mut declared, mut structs_by_name) = (HashMap::new(), HashMap::new());
        for line in text.lines().filter(|line| !line.starts_with(' ')) {
            match *line.split(' ').collect::<Vec<_>>() {
                ["struct", name, ..] => {
                    let id = StructId(u32::try_from(structs_by_name.len()).unwrap_or(u32::MAX));
                    structs_by_name.insert(name, id);
                    declared.insert(name, Declared::Struct(id));
                }
                ["special", name] => {
                    declared.insert(name, Declared::Special(special(name)));
                }
                ["named", name, under, ref options @ ..] => {
                    let message = options.contains(&"message");
                    declared.insert(name, Declared::Named { under, message });
                }
                _ => {}
            }
        }
        Self {
            declared,
            known: HashMap::new(),
            types: Vec::new(),
            structs: Vec::new(),
            structs_by_name,
        }
    }

    pub(super) fn start(&mut self, words: &'static str) {
        let (name, options) = words.split_once(' ').unwrap_or((words, ""));
        self.structs.push(Struct {
            name,
            go: name.rsplit('.').next().unwrap_or_default(),
            atomic: options == "map=atomic",
            fields: Vec::new(),
            json: Vec::new(),
        });
    }

    pub(super) fn field(&mut self, words: &'static str) {
        // Before the first struct, indented lines are about resources.
        if self.structs.is_empty() {
            return;
        }
        let mut words = words.split(' ');
        let (Some(name), Some(number), Some(expression)) = (words.next(), words.next(), words.next()) else {
            return;
        };
        let mut field = Field {
            name,
            inline: name == "inline",
            number: number.parse().ok(),
            of: self.resolve(expression),
            omit_empty: false,
            omit_zero: false,
            required: false,
            list: None,
            map: None,
            patch_strategy: None,
            patch_key: None,
            default: None,
        };
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("omitempty", _) => field.omit_empty = true,
                ("omitzero", _) => field.omit_zero = true,
                ("required", _) => field.required = true,
                ("list", value) => field.list = Some(value),
                ("map", value) => field.map = Some(value),
                ("patch", value) => field.patch_strategy = Some(value),
                ("key", value) => field.patch_key = Some(value),
                ("default", value) => field.default = Some(value),
                _ => {}
            }
        }
        if let Some(last) = self.structs.last_mut() {
            last.fields.push(field);
        }
    }

    /// The type that an expression of Go's says.
    fn resolve(&mut self, expression: &'static str) -> TypeId {
        if let Some(known) = self.known.get(expression) {
            return *known;
        }
        let found = self.parse(expression);
        let id = TypeId(u32::try_from(self.types.len()).unwrap_or(u32::MAX));
        self.types.push(found);
        self.known.insert(expression, id);
        id
    }

    fn parse(&mut self, expression: &'static str) -> Type {
        let simple = |form| Type {
            form,
            go: expression.to_owned(),
            message: false,
        };
        if expression == "[]uint8" {
            return simple(Form::Bytes);
        }
        if let Some(inner) = expression.strip_prefix('*') {
            let inner = self.resolve(inner);
            let go = format!("*{}", self.go(inner));
            return Type {
                go,
                ..simple(Form::Pointer(inner))
            };
        }
        if let Some(items) = expression.strip_prefix("[]") {
            let items = self.resolve(items);
            let go = format!("[]{}", self.go(items));
            return Type {
                go,
                ..simple(Form::List(items))
            };
        }
        if let Some((key, values)) = expression.strip_prefix("map[").and_then(|rest| rest.split_once(']')) {
            let (key, values) = (self.resolve(key), self.resolve(values));
            let go = format!("map[{}]{}", self.go(key), self.go(values));
            return Type {
                go,
                ..simple(Form::Map { values })
            };
        }
        match expression {
            "bool" => simple(Form::Bool),
            "int32" => simple(Form::Int32),
            "int64" => simple(Form::Int64),
            "float64" => simple(Form::Float64),
            "string" => simple(Form::String),
            name => self.declared(name),
        }
    }

    fn declared(&mut self, name: &'static str) -> Type {
        // Go's messages name a type with the last part of its package's path.
        let parts: Vec<&str> = name.rsplitn(3, '.').take(2).collect();
        let go: Vec<&str> = parts.into_iter().rev().collect();
        let (form, message) = match self.declared.get(name).copied() {
            Some(Declared::Struct(id)) => (Form::Struct(id), false),
            Some(Declared::Named { under, message }) => {
                let under = self.resolve(under);
                let form = self.types.get(under.0 as usize).map(|under| under.form);
                (form.unwrap_or(Form::Special(Special::Json)), message)
            }
            Some(Declared::Special(special)) => (Form::Special(special), false),
            None => (Form::Special(Special::Json), false),
        };
        Type {
            form,
            go: go.join("."),
            message,
        }
    }

    fn go(&self, id: TypeId) -> &str {
        self.types.get(id.0 as usize).map_or("", |found| &found.go)
    }
}

fn special(name: &str) -> Special {
    match name.rsplit('.').next().unwrap_or_default() {
        "Quantity" => Special::Quantity,
        "Time" => Special::Time,
        "MicroTime" => Special::MicroTime,
        "IntOrString" => Special::IntOrString,
        "RawExtension" => Special::Raw,
        "FieldsV1" => Special::Fields,
        "JSONSchemaPropsOrBool" => Special::SchemaOrBool,
        "JSONSchemaPropsOrArray" => Special::SchemaOrArray,
        "JSONSchemaPropsOrStringArray" => Special::SchemaOrStrings,
        _ => Special::Json,
    }
}
