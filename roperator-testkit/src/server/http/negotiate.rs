//! Which representation an answer has: the `Accept` header in, the best that is served out. And the other way round: what a
//! body is, by its `Content-Type`. Protobuf is read, but never written: who accepts nothing else is refused.

use crate::server::status::ApiError;

/// How an answer is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// As what an object is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Whole,
    /// Its metadata alone: `PartialObjectMetadata`.
    Metadata,
    /// The metadata of a list's objects: `PartialObjectMetadataList`.
    MetadataList,
    /// A row of a table.
    Table,
}

/// The representation of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Representation {
    /// How it is encoded.
    pub encoding: Encoding,
    /// As what the object is shown.
    pub form: Form,
    /// The version of `meta.k8s.io` that a form is of.
    pub version: &'static str,
}

/// What may be asked for at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// Objects and lists, in any form.
    Objects,
    /// What has one form alone.
    Plain,
}

struct Clause<'a> {
    kind: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality: f32,
}

/// The best representation that the client accepts.
///
/// # Errors
///
/// 406 if it accepts none.
pub fn accept(header: Option<&str>, offer: Offer) -> Result<Representation, ApiError> {
    let header = header.unwrap_or_default();
    let json = Representation {
        encoding: Encoding::Json,
        form: Form::Whole,
        version: "v1",
    };
    if header.trim().is_empty() {
        return Ok(json);
    }
    clauses(header)
        .iter()
        .find_map(|clause| {
            let encoding = match clause.kind {
                "application/json" | "application/*" | "*/*" => Encoding::Json,
                "application/yaml" => Encoding::Yaml,
                _ => return None,
            };
            let (form, version) = form(clause, offer)?;
            Some(Representation {
                encoding,
                form,
                version,
            })
        })
        .ok_or_else(not_acceptable)
}

/// The best of these media types that the client accepts; its parameters are not looked at.
#[must_use]
pub fn one_of(header: Option<&str>, offered: &[&'static str]) -> Option<&'static str> {
    let header = header.filter(|header| !header.is_empty()).unwrap_or("*/*");
    clauses(header).into_iter().find_map(|clause| {
        let is_accepted = |offered: &str| match clause.kind.split_once('/') {
            Some(("*", _)) => true,
            Some((kind, "*")) => offered.split('/').next() == Some(kind),
            _ => offered == clause.kind,
        };
        offered.iter().copied().find(|offered| is_accepted(offered))
    })
}

/// What is accepted, the best first.
fn clauses(header: &str) -> Vec<Clause<'_>> {
    let mut clauses: Vec<Clause<'_>> = header.split(',').map(clause).collect();
    clauses.sort_by(|one, other| other.quality.total_cmp(&one.quality));
    clauses
}

fn clause(text: &str) -> Clause<'_> {
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let parameters: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
    let quality = parameters.iter().find(|(name, _)| *name == "q");
    let quality = quality.and_then(|(_, value)| value.parse().ok()).unwrap_or(1.0);
    Clause {
        kind,
        parameters,
        quality,
    }
}

/// The form that a clause asks for and its version, or `None` if it is not to be had here.
fn form(clause: &Clause<'_>, offer: Offer) -> Option<(Form, &'static str)> {
    let get = |name| {
        let found = clause.parameters.iter().find(|(given, _)| *given == name);
        found.map(|(_, value)| *value)
    };
    let Some(kind) = get("as") else {
        return Some((Form::Whole, "v1"));
    };
    let version = ["v1", "v1beta1"]
        .into_iter()
        .find(|version| get("v") == Some(version))?;
    if offer == Offer::Plain || get("g") != Some("meta.k8s.io") {
        return None;
    }
    let form = match kind {
        "PartialObjectMetadata" => Form::Metadata,
        "PartialObjectMetadataList" => Form::MetadataList,
        "Table" => Form::Table,
        _ => return None,
    };
    Some((form, version))
}

fn not_acceptable() -> ApiError {
    ApiError::not_acceptable(
        "only the following media types are accepted: application/json, application/yaml, \
         application/vnd.kubernetes.protobuf",
    )
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyType {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Kubernetes' protobuf envelope.
    Protobuf,
}

/// What a body is that holds an object.
///
/// # Errors
///
/// 415 for what is not understood.
pub fn body_type(header: Option<&str>, is_custom: bool) -> Result<BodyType, ApiError> {
    match whole_media_type(header).as_deref() {
        Some("" | "application/json") => return Ok(BodyType::Json),
        Some("application/yaml") => return Ok(BodyType::Yaml),
        Some("application/vnd.kubernetes.protobuf") if !is_custom => return Ok(BodyType::Protobuf),
        _ => {}
    }
    Err(ApiError::unsupported_media_type(
        "the body of the request was in an unknown format - accepted media types include: application/json, \
         application/yaml, application/vnd.kubernetes.protobuf",
    ))
}

/// What a patch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchType {
    /// A list of operations.
    Json,
    /// RFC 7396.
    Merge,
    /// Kubernetes' own merge, for built-in kinds.
    Strategic,
    /// Server-side apply.
    Apply,
}

/// What a patch is.
///
/// # Errors
///
/// 415 for what is not taken here: custom kinds have no strategic merge.
pub fn patch_type(header: Option<&str>, is_custom: bool) -> Result<PatchType, ApiError> {
    match media_type(header) {
        "application/json-patch+json" => return Ok(PatchType::Json),
        "application/merge-patch+json" => return Ok(PatchType::Merge),
        "application/strategic-merge-patch+json" if !is_custom => return Ok(PatchType::Strategic),
        "application/apply-patch+yaml" => return Ok(PatchType::Apply),
        _ => {}
    }
    // Routes of built-in kinds have refused others before.
    Err(ApiError::unsupported_media_type(
        "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, \
         application/merge-patch+json, application/apply-patch+yaml",
    ))
}

/// The media type of a body that holds an object, in lower case; `None` if its parameters are none.
fn whole_media_type(header: Option<&str>) -> Option<String> {
    let parameters = header.unwrap_or_default().split(';').skip(1).map(str::trim);
    let mut names = parameters.filter(|parameter| !parameter.is_empty());
    let is_fine = names.all(|parameter| parameter.split_once('=').is_some_and(|(name, _)| !name.is_empty()));
    is_fine.then(|| media_type(header).to_ascii_lowercase())
}

/// The media type of a patch: its letters count.
fn media_type(header: Option<&str>) -> &str {
    let header = header.unwrap_or_default();
    header.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_that_is_accepted_is_chosen() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        assert_eq!(accept(Some(table), Offer::Objects).unwrap().form, Form::Table);
        assert_eq!(accept(Some(table), Offer::Plain).unwrap().form, Form::Whole);
        let go = "application/vnd.kubernetes.protobuf,application/json";
        assert_eq!(accept(Some(go), Offer::Objects).unwrap().encoding, Encoding::Json);
        assert!(accept(Some("application/xml"), Offer::Objects).is_err());
        let metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1beta1";
        let chosen = accept(Some(metadata), Offer::Objects).unwrap();
        assert_eq!((chosen.form, chosen.version), (Form::MetadataList, "v1beta1"));
        let yaml = "application/json;q=0.5, application/yaml";
        assert_eq!(accept(Some(yaml), Offer::Objects).unwrap().encoding, Encoding::Yaml);
    }

    #[test]
    fn strategic_merge_is_for_built_in_kinds() {
        let strategic = Some("application/strategic-merge-patch+json; charset=utf-8");
        assert_eq!(patch_type(strategic, false).unwrap(), PatchType::Strategic);
        assert_eq!(patch_type(strategic, true).unwrap_err().code, 415);
    }
}
