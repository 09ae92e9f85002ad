//! Requests about objects: what the path and the verb ask for is found, the body is read, the registry is asked, and what
//! it says is shown in the form that the client accepts.

use std::sync::Arc;

use http::{Method, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{
    Whole,
    body::Body,
    negotiate::{self, BodyType, Offer, PatchType, Representation},
    options::{Write, delete_options, delete_options_of_body, list_options, write_options},
    path::Objects,
    respond, show, watch,
};
use crate::server::{
    registry::{
        Registry,
        body::{Document, decode_body},
        delete::Deleted,
        object::meta,
        options::{DeleteOptions, WriteOptions},
        patching::Patch,
        read::Selection,
        resource::Resource,
        scale, special,
        warnings::Warnings,
        write::{Target, Written, clean, set_namespace},
    },
    status::ApiError,
    types::{Place, Types, proto},
};

/// What a request is about, found.
struct Found<'a> {
    registry: &'a Arc<Registry>,
    request: &'a Whole,
    resource: &'a Arc<Resource>,
    namespace: &'a str,
    name: Option<&'a str>,
    subresource: &'a str,
    api_version: String,
    warnings: Warnings,
}

/// Answers a request about objects.
///
/// # Errors
///
/// The refusal.
pub fn answer(registry: &Arc<Registry>, request: &Whole, target: &Objects) -> Result<Response<Body>, ApiError> {
    let Some(resource) = registry.resource(&target.group, &target.version, &target.resource) else {
        return if registry.serves(&target.group, &target.version) {
            Err(ApiError::no_such_resource())
        } else {
            Ok(respond::text(StatusCode::NOT_FOUND, "404 page not found\n"))
        };
    };
    let is_one = target.name.is_some();
    if target.namespace.is_some() != resource.namespaced && (is_one || target.namespace.is_some() || !is_read(request))
    {
        return Err(ApiError::no_such_resource());
    }
    let found = Found {
        registry,
        request,
        resource: &resource,
        namespace: target.namespace.as_deref().unwrap_or_default(),
        name: target.name.as_deref(),
        subresource: target.subresource.as_deref().unwrap_or_default(),
        api_version: resource.api_version(),
        warnings: Warnings::default(),
    };
    if let Some(deprecation) = &resource.deprecation {
        found.warnings.add(deprecation.clone());
    }
    let verb = verb(&request.method, is_one);
    if found.subresource.is_empty() {
        if !resource.can(verb) && !matches!(verb, "list" | "watch") {
            return Err(ApiError::method_not_allowed());
        }
    } else {
        let Some(subresource) = resource.subresource(found.subresource) else {
            return Err(ApiError::no_such_resource());
        };
        if !subresource.verbs.iter().any(|known| known == verb) {
            return Err(ApiError::method_not_allowed());
        }
    }
    let answered = match verb {
        "get" if target.is_watch => found.list(true),
        "get" => found.get(),
        "list" => found.list(target.is_watch),
        "create" => found.create(),
        "update" => found.update(),
        "patch" => found.patch(),
        "delete" => found.delete(),
        "deletecollection" => found.delete_all(),
        _ => Err(ApiError::method_not_allowed()),
    };
    let mut response = answered.unwrap_or_else(|error| respond::error(&error));
    respond::warn(&mut response, &found.warnings.take());
    Ok(response)
}

fn is_read(request: &Whole) -> bool {
    matches!(request.method, Method::GET | Method::HEAD | Method::DELETE)
}

fn verb(method: &Method, is_one: bool) -> &'static str {
    match (method.as_str(), is_one) {
        ("GET" | "HEAD", true) => "get",
        ("GET" | "HEAD", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", true) => "delete",
        ("DELETE", false) => "deletecollection",
        _ => "",
    }
}

impl Found<'_> {
    fn accept(&self, offer: Offer) -> Result<Representation, ApiError> {
        negotiate::accept(self.request.header(header::ACCEPT), offer)
    }

    fn target<'b>(&'b self, name: &'b str, options: &'b WriteOptions, manager: &'b str) -> Target<'b> {
        Target {
            resource: self.resource,
            namespace: self.namespace,
            name,
            subresource: self.subresource,
            options,
            manager,
            warnings: &self.warnings,
        }
    }

    fn get(&self) -> Result<Response<Body>, ApiError> {
        let representation = self.accept(Offer::Objects)?;
        let name = self.name.unwrap_or_default();
        if special::is_virtual(self.resource, self.subresource) {
            return Err(ApiError::method_not_allowed());
        }
        let version = self.request.query.get("resourceVersion");
        let object = self.registry.get(self.resource, self.namespace, name, version)?;
        if self.subresource == "scale" {
            let object = crate::server::registry::codec::decode(self.resource, &object)?;
            let scale = scale::of(self.resource, &object)?;
            return Ok(respond::value(StatusCode::OK, representation, &scale));
        }
        show::written(
            self.registry,
            self.resource,
            StatusCode::OK,
            representation,
            &self.request.query,
            &Written::Stored(object),
        )
    }

    fn list(&self, is_watch: bool) -> Result<Response<Body>, ApiError> {
        let representation = self.accept(Offer::Lists)?;
        let mut options = list_options(&self.request.query)?;
        options.watch |= is_watch;
        if !self.resource.can(if options.watch { "watch" } else { "list" }) {
            return Err(ApiError::method_not_allowed());
        }
        let selection = Selection::new(self.resource, &options, self.name)?;
        if options.watch {
            let query = &self.request.query;
            return watch::answer(
                self.registry,
                self.resource,
                self.namespace,
                &options,
                selection,
                representation,
                query,
            );
        }
        let list = self
            .registry
            .list(self.resource, self.namespace, &options, &selection)?;
        show::list(self.registry, self.resource, representation, &self.request.query, &list)
    }

    fn create(&self) -> Result<Response<Body>, ApiError> {
        let representation = self.accept(Offer::Objects)?;
        let kind = negotiate::body_type(self.request.header(header::CONTENT_TYPE), self.resource.is_custom())?;
        let options = write_options(&self.request.query, Write::Create)?;
        if special::is_virtual(self.resource, self.subresource) {
            let document = read_document(&self.request.body, kind, self.served())?;
            let name = self.name.unwrap_or_default();
            let made = special::create(
                self.registry,
                self.resource,
                self.subresource,
                self.namespace,
                name,
                document,
            )?;
            return Ok(respond::value(StatusCode::CREATED, representation, &made));
        }
        let mut object = self.decode(kind, &options)?;
        clean(&mut object);
        let name = meta(&object, "name").to_owned();
        let manager = self.request.manager(&options.field_manager);
        let target = self.target(&name, &options, &manager);
        let written = self.registry.create(&target, object)?;
        self.shown(StatusCode::CREATED, representation, &written)
    }

    fn update(&self) -> Result<Response<Body>, ApiError> {
        let representation = self.accept(Offer::Objects)?;
        let options = write_options(&self.request.query, Write::Update)?;
        let kind = negotiate::body_type(self.request.header(header::CONTENT_TYPE), self.resource.is_custom())?;
        let name = self.name.unwrap_or_default();
        let manager = self.request.manager(&options.field_manager);
        let target = self.target(name, &options, &manager);
        if self.subresource == "scale" {
            let document = read_document(&self.request.body, kind, ("autoscaling/v1", "Scale"))?;
            let decoded = decode_body(scale::resource()?, document, options.field_validation)?;
            let make = |old: &Value| {
                let mut new = decoded.object.clone();
                self.registry.own_scale(&target, old, &mut new)?;
                Ok(new)
            };
            let scale = self.registry.update_scale(&target, &make)?;
            return Ok(respond::value(StatusCode::OK, representation, &scale));
        }
        let mut object = self.decode(kind, &options)?;
        set_namespace(&target, &mut object)?;
        check_name(name, &object)?;
        let make = |live: Option<&Value>| {
            let mut new = object.clone();
            check_uid(&target, &new, live)?;
            self.registry.own(&target, live, &mut new);
            Ok(new)
        };
        let creates = self.resource.strategy.creates_on_update && self.subresource.is_empty();
        let (written, created) = self.registry.update(&target, creates, &make)?;
        let code = if created { StatusCode::CREATED } else { StatusCode::OK };
        self.shown(code, representation, &written)
    }

    fn patch(&self) -> Result<Response<Body>, ApiError> {
        let content_type = self.request.header(header::CONTENT_TYPE);
        let kind = negotiate::patch_type(content_type, self.resource.is_custom())?;
        let representation = self.accept(Offer::Objects)?;
        let write = if kind == PatchType::Apply {
            Write::Apply
        } else {
            Write::Patch
        };
        let options = write_options(&self.request.query, write)?;
        let (patch, duplicates) = read_patch(&self.request.body, kind)?;
        let name = self.name.unwrap_or_default();
        let manager = self.request.manager(&options.field_manager);
        let target = self.target(name, &options, &manager);
        if self.subresource == "scale" {
            let scale = self.registry.patch_scale(&target, &patch, &duplicates)?;
            return Ok(respond::value(StatusCode::OK, representation, &scale));
        }
        let (written, created) = self.registry.patch(&target, &patch, &duplicates)?;
        let code = if created { StatusCode::CREATED } else { StatusCode::OK };
        self.shown(code, representation, &written)
    }

    fn delete(&self) -> Result<Response<Body>, ApiError> {
        let representation = self.accept(Offer::Objects)?;
        let options = self.delete_options()?;
        self.warn_of_deletion(&options);
        let name = self.name.unwrap_or_default();
        match self.registry.delete(self.resource, self.namespace, name, &options)? {
            Deleted::Marked(written) => {
                let orphans = options.orphan_dependents == Some(false);
                let code = if orphans { StatusCode::ACCEPTED } else { StatusCode::OK };
                self.shown(code, representation, &written)
            }
            Deleted::Gone(last) if special::answers_with_object(self.resource) => {
                self.shown(StatusCode::OK, representation, &Written::Shown(last))
            }
            Deleted::Gone(last) => {
                let status = json!({
                    "kind": "Status",
                    "apiVersion": "v1",
                    "metadata": {},
                    "status": "Success",
                    "details": self.details(name, meta(&last, "uid")),
                });
                Ok(respond::value(StatusCode::OK, representation, &status))
            }
        }
    }

    fn details(&self, name: &str, uid: &str) -> Value {
        let mut details = json!({"name": name, "kind": self.resource.plural, "uid": uid});
        if let (Some(map), false) = (details.as_object_mut(), self.resource.group.is_empty()) {
            map.insert("group".to_owned(), self.resource.group.clone().into());
        }
        details
    }

    fn delete_all(&self) -> Result<Response<Body>, ApiError> {
        let representation = self.accept(Offer::Lists)?;
        let list = list_options(&self.request.query)?;
        let selection = Selection::new(self.resource, &list, None)?;
        let options = self.delete_options()?;
        self.warn_of_deletion(&options);
        let takes = |object: &crate::server::store::Object| selection.takes(object);
        let deleted = self
            .registry
            .delete_all(self.resource, self.namespace, &takes, &options)?;
        show::objects(
            self.registry,
            self.resource,
            representation,
            &self.request.query,
            &deleted,
        )
    }

    fn delete_options(&self) -> Result<DeleteOptions, ApiError> {
        if self.request.body.is_empty() {
            return delete_options(&self.request.query);
        }
        let kind = negotiate::body_type(self.request.header(header::CONTENT_TYPE), false)?;
        let document = read_document(&self.request.body, kind, ("meta.k8s.io/v1", "DeleteOptions"))?;
        let types = Types::kubernetes();
        let Some(id) = types.kind("meta.k8s.io", "v1", "DeleteOptions") else {
            return Err(ApiError::internal("there is no DeleteOptions among the built-in kinds"));
        };
        let decoded = types.decode(id, document.value);
        let decoded = decoded.map_err(|error| ApiError::bad_request(error.to_string()))?;
        delete_options_of_body(&decoded.object)
    }

    fn warn_of_deletion(&self, options: &DeleteOptions) {
        if let Some(warning) = special::deletion_warning(self.resource, options) {
            self.warnings.add(warning.to_owned());
        }
    }

    /// The `apiVersion` and the kind of what is sent here.
    fn served(&self) -> (&str, &str) {
        match self.resource.subresource(self.subresource) {
            Some(part) if !self.subresource.is_empty() => (&part.api_version, &part.kind),
            _ => (&self.api_version, &self.resource.kind),
        }
    }

    /// The object that is sent; what is odd about it is warned of.
    fn decode(&self, kind: BodyType, options: &WriteOptions) -> Result<Value, ApiError> {
        let document = read_document(&self.request.body, kind, self.served())?;
        let decoded = decode_body(self.resource, document, options.field_validation)?;
        let complaints = decoded.complaints.into_iter();
        complaints.for_each(|text| self.warnings.add(text));
        Ok(decoded.object)
    }

    fn shown(
        &self,
        code: StatusCode,
        representation: Representation,
        written: &Written,
    ) -> Result<Response<Body>, ApiError> {
        let query = &self.request.query;
        show::written(self.registry, self.resource, code, representation, query, written)
    }
}

/// Reads a body that holds an object. One of protobuf need not say what it is: `expected` is then meant.
fn read_document<'a>(body: &'a [u8], kind: BodyType, expected: (&str, &str)) -> Result<Document<'a>, ApiError> {
    match kind {
        BodyType::Json => Document::parse(body)
            .map_err(|why| ApiError::bad_request(format!("couldn't get version/kind; json parse error: {why}"))),
        BodyType::Yaml => read_yaml(body).map(Document::of),
        BodyType::Protobuf => {
            let refused = |why: &dyn std::fmt::Display| {
                ApiError::bad_request(format!(
                    "the object provided is unrecognized (must be of type {}): {why}",
                    expected.1
                ))
            };
            let envelope = proto::envelope(body).map_err(|error| refused(&error))?;
            let or = |given: &str, expected: &str| if given.is_empty() { expected } else { given }.to_owned();
            let (api_version, kind) = (or(&envelope.api_version, expected.0), or(&envelope.kind, expected.1));
            let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
            let types = Types::kubernetes();
            let Some(id) = types.kind(group, version, &kind) else {
                let why = format!("no kind \"{kind}\" is registered for version \"{api_version}\"");
                return Err(ApiError::bad_request(why));
            };
            let mut value = types.from_protobuf(id, envelope.raw).map_err(|error| refused(&error))?;
            if let Some(map) = value.as_object_mut() {
                map.insert("apiVersion".to_owned(), api_version.into());
                map.insert("kind".to_owned(), kind.into());
            }
            Ok(Document::of(value))
        }
    }
}

fn read_yaml(body: &[u8]) -> Result<Value, ApiError> {
    let refused = |why: String| ApiError::bad_request(format!("error decoding YAML: {why}"));
    let text = std::str::from_utf8(body).map_err(|error| refused(error.to_string()))?;
    serde_saphyr::from_str(text).map_err(|error| refused(error.to_string()))
}

fn read_patch(body: &[u8], kind: PatchType) -> Result<(Patch, Vec<String>), ApiError> {
    if kind == PatchType::Apply {
        // Most clients send JSON, which is YAML, and is read faster.
        let config = match Document::parse(body) {
            Ok(document) => return Ok((Patch::Apply(document.value), duplicates(&document.duplicates))),
            Err(_) => read_yaml(body)?,
        };
        return Ok((Patch::Apply(config), Vec::new()));
    }
    let document = Document::parse(body).map_err(|why| {
        ApiError::bad_request(match kind {
            PatchType::Strategic => why,
            _ => format!("error decoding patch: {why}"),
        })
    })?;
    let duplicates = duplicates(&document.duplicates);
    let patch = match kind {
        PatchType::Json => Patch::Json(document.value),
        PatchType::Strategic => Patch::Strategic(document.value),
        PatchType::Merge | PatchType::Apply => Patch::Merge(document.value),
    };
    Ok((patch, duplicates))
}

fn duplicates(places: &[Place]) -> Vec<String> {
    places
        .iter()
        .map(|place| format!("duplicate field \"{place}\""))
        .collect()
}

fn check_name(name: &str, object: &Value) -> Result<(), ApiError> {
    let given = meta(object, "name");
    if given == name {
        return Ok(());
    }
    Err(ApiError::bad_request(if given.is_empty() {
        format!("the name of the object ({name} based on URL) was undeterminable: name must be provided")
    } else {
        format!("the name of the object ({given}) does not match the name on the URL ({name})")
    }))
}

/// A client that sends a uid means that object.
fn check_uid(target: &Target<'_>, new: &Value, live: Option<&Value>) -> Result<(), ApiError> {
    let (given, uid) = (meta(new, "uid"), live.map_or("", |live| meta(live, "uid")));
    if given.is_empty() || given == uid {
        return Ok(());
    }
    let resource = target.resource;
    let path = special::storage_path(resource);
    let key = target.key();
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: /registry/{path}/{key}, ResourceVersion: 0, AdditionalErrorMsg: \
         Precondition failed: UID in precondition: {given}, UID in object meta: {uid}"
    );
    Err(ApiError::conflict(&resource.group_resource(), target.name, &why))
}
