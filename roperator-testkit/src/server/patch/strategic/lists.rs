//! How lists are merged: those of scalars by value, those of objects by a key. Data in: two lists. Data out: one.

use serde_json::Value;

use super::{DIRECTIVE, Fault, Fields, Strategist};
use crate::server::patch::go;
use crate::server::shape::ShapeId;

/// How one list is merged.
#[derive(Clone, Copy)]
pub(super) struct Merging<'a, 's> {
    pub strategist: Strategist<'a>,
    /// The field that tells items apart; `None` for scalars.
    pub key: Option<&'s str>,
    /// The shape of the items.
    pub items: ShapeId,
}

impl Merging<'_, '_> {
    /// Merges a list of a patch into a list, or deletes its scalars from it.
    pub fn merge(self, original: Vec<Value>, patch: Vec<Value>, deletes: bool) -> Result<Vec<Value>, Fault> {
        if original.is_empty() && patch.is_empty() {
            return Ok(original);
        }
        let of_maps = element_type(&[&original, &patch])? == "map[string]interface {}";
        if !of_maps {
            if deletes {
                return Ok(original.into_iter().filter(|item| !patch.contains(item)).collect());
            }
            let mut both = original.clone();
            both.extend(patch.iter().cloned());
            return self.order(deduplicated(both), &patch, &original);
        }
        let Some(key) = self.key else {
            return Err(Fault::Other(
                "cannot merge lists without merge key for struct".to_owned(),
            ));
        };
        let (original, patch) = self.obey_directives(original, patch, key)?;
        let merged = self.merge_maps(original.clone(), &patch, key)?;
        self.order(merged, &patch, &original)
    }

    /// Deletes and replaces what the patch says; what is left of both lists is to be merged.
    fn obey_directives(
        self,
        mut original: Vec<Value>,
        patch: Vec<Value>,
        key: &str,
    ) -> Result<(Vec<Value>, Vec<Value>), Fault> {
        let mut rest = Vec::with_capacity(patch.len());
        let mut replaces = false;
        for item in patch {
            let Some(fields) = item.as_object() else {
                rest.push(item);
                continue;
            };
            match fields.get(DIRECTIVE) {
                None => rest.push(item),
                Some(Value::String(directive)) if directive == "delete" => {
                    let gone = fields.get(key).ok_or_else(|| Fault::no_merge_key(fields, key))?;
                    original.retain(|item| item.get(key) != Some(gone));
                }
                Some(Value::String(directive)) if directive == "replace" => replaces = true,
                Some(Value::String(directive)) if directive == "merge" => {
                    let message = "merging lists cannot yet be specified in the patch";
                    return Err(Fault::Other(message.to_owned()));
                }
                Some(other) => return Err(Fault::unknown_directive(other, fields)),
            }
        }
        Ok(if replaces { (rest, Vec::new()) } else { (original, rest) })
    }

    fn merge_maps(self, mut original: Vec<Value>, patch: &[Value], key: &str) -> Result<Vec<Value>, Fault> {
        for item in patch {
            let fields = item
                .as_object()
                .ok_or_else(|| Fault::wrong_type("map[string]interface {}", item))?;
            let named = fields.get(key).ok_or_else(|| Fault::no_merge_key(fields, key))?;
            match original.iter_mut().find(|item| item.get(key) == Some(named)) {
                Some(known) => {
                    let theirs = known.as_object().cloned().unwrap_or_default();
                    let merged = self.strategist.merge(theirs, fields.clone(), self.items)?;
                    *known = Value::Object(merged);
                }
                None => original.push(item.clone()),
            }
        }
        Ok(original)
    }

    /// Whether the items of a patch are in the order that the patch asks for.
    pub fn check_order(self, patch: &[Value], wanted: &[Value]) -> Result<(), Fault> {
        if patch.is_empty() || wanted.is_empty() {
            return Ok(());
        }
        let mut kept = Vec::new();
        for item in patch {
            match (self.key, item) {
                (Some(_), Value::Object(fields)) if fields.get(DIRECTIVE).is_some_and(|it| it == "delete") => {}
                (Some(_), Value::Object(_)) | (None, _) => kept.push(item),
                (Some(_), other) => return Err(Fault::wrong_type("map[string]interface {}", other)),
            }
        }
        let mut kept = kept.into_iter().peekable();
        let mut wanting = wanted.iter();
        while let Some(item) = kept.peek().copied() {
            if item.get(DIRECTIVE).is_some() {
                kept.next();
                continue;
            }
            let Some(next) = wanting.next() else {
                return Err(Fault::Other(format!(
                    "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
                    go::print_list(patch),
                    go::print_list(wanted)
                )));
            };
            if self.same(item, next)? {
                kept.next();
            }
        }
        Ok(())
    }

    fn same(self, left: &Value, right: &Value) -> Result<bool, Fault> {
        match self.key {
            None => Ok(left == right),
            Some(key) => Ok(keyed(left, key)? == keyed(right, key)?),
        }
    }
}

/// What tells an item apart.
pub(super) fn keyed<'v>(item: &'v Value, key: &str) -> Result<&'v Value, Fault> {
    let fields: &Fields = item
        .as_object()
        .ok_or_else(|| Fault::wrong_type("map[string]interface {}", item))?;
    fields.get(key).ok_or_else(|| Fault::no_merge_key(fields, key))
}

/// The one type of all items of some lists.
pub(super) fn element_type(lists: &[&[Value]]) -> Result<&'static str, Fault> {
    let mut types = lists.iter().copied().flatten().map(go::type_name);
    let Some(first) = types.next() else {
        return Err(Fault::Other("no elements in any of the given slices".to_owned()));
    };
    if first == "[]interface {}" {
        return Err(Fault::Impossible);
    }
    if types.any(|other| other != first) {
        let lists: Vec<String> = lists.iter().map(|list| go::print_list(list)).collect();
        return Err(Fault::Other(format!(
            "list element types are not identical: [{}]",
            lists.join(" ")
        )));
    }
    Ok(first)
}

/// Every item once. The last item takes the place of one that is there again, as in the real server.
fn deduplicated(mut items: Vec<Value>) -> Vec<Value> {
    let mut place = 0;
    while place < items.len() {
        let mut other = place + 1;
        while other < items.len() {
            if items.get(place) == items.get(other) {
                items.swap_remove(other);
            } else {
                other += 1;
            }
        }
        place += 1;
    }
    items
}
