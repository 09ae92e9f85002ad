//! Requests about objects: what the path and the verb ask for is found, the body is read, the registry is asked, and what
//! it says is shown in the form that the client accepts.

use std::sync::Arc;

use http::{Response, StatusCode, header};
use serde_json::{Value, json};

use super::{
    Whole, bodies,
    body::Body,
    negotiate::{self, BodyType, Offer, PatchType, Representation},
    options::{Write, delete_options, list_options, write_options},
    path::Objects,
    respond, route, show, watch,
};
use crate::server::{
    registry::{
        Registry,
        body::{Document, Expected, decode_body},
        connect,
        delete::Deleted,
        object::meta,
        options::{DeleteOptions, WriteOptions},
        read::Selection,
        resource::Resource,
        scale, special,
        warnings::Warnings,
        write::{Target, Written, clean, set_namespace},
    },
    status::ApiError,
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
        return respond::nowhere(&target.group);
    };
    let Some(verb) = route::verb(&resource, request, target)? else {
        return Ok(respond::no_page());
    };
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
    let mut response = match verb {
        _ if connect::is_connection(&resource, found.subresource) => found.connect(),
        "get" => found.get(),
        "list" => found.list(target.is_watch),
        "create" => found.create(),
        "update" => found.update(),
        "patch" => found.patch(),
        "delete" => found.delete(),
        _ => found.delete_all(),
    }
    .unwrap_or_else(|error| respond::refusal(request, &error));
    respond::warn(&mut response, &found.warnings.take());
    Ok(response)
}

impl Found<'_> {
    fn accept(&self) -> Result<Representation, ApiError> {
        negotiate::accept(self.request.header(header::ACCEPT), Offer::Objects)
    }

    fn source(&self, representation: Representation) -> show::Source<'_> {
        show::Source {
            registry: self.registry,
            resource: self.resource,
            query: &self.request.query,
            representation,
        }
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
        let representation = self.accept()?;
        let name = self.name.unwrap_or_default();
        let version = self.request.query.get("resourceVersion");
        let object = self.registry.get(self.resource, self.namespace, name, version)?;
        if self.subresource == "scale" {
            let object = crate::server::registry::codec::decode(self.resource, &object)?;
            let scale = scale::of(self.resource, &object)?;
            return self.scale(representation, scale);
        }
        self.source(representation)
            .written(StatusCode::OK, &Written::Stored(object))
    }

    fn scale(&self, representation: Representation, scale: Value) -> Result<Response<Body>, ApiError> {
        let source = show::Source {
            resource: scale::resource()?,
            ..self.source(representation)
        };
        source.written(StatusCode::OK, &Written::Shown(scale))
    }

    fn connect(&self) -> Result<Response<Body>, ApiError> {
        let name = self.name.unwrap_or_default();
        let container = self.request.query.get("container");
        self.registry
            .connect(self.resource, self.namespace, name, self.subresource, container)?;
        Ok(respond::empty(StatusCode::NO_CONTENT))
    }

    fn list(&self, is_watch: bool) -> Result<Response<Body>, ApiError> {
        let representation = self.accept()?;
        let mut options = list_options(&self.request.query)?;
        options.watch |= is_watch;
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
        self.source(representation).list(&list)
    }

    fn create(&self) -> Result<Response<Body>, ApiError> {
        let representation = self.accept()?;
        let kind = negotiate::body_type(self.request.header(header::CONTENT_TYPE), self.resource.is_custom())?;
        let options = write_options(&self.request.query, Write::Create)?;
        if special::is_virtual(self.resource, self.subresource) {
            let document = bodies::document(&self.request.body, kind, self.expected())?;
            let manager = self.request.manager(&options.field_manager);
            let target = self.target(self.name.unwrap_or_default(), &options, &manager);
            let made = special::create(self.registry, &target, document)?;
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
        let representation = self.accept()?;
        let options = write_options(&self.request.query, Write::Update)?;
        let kind = negotiate::body_type(self.request.header(header::CONTENT_TYPE), self.resource.is_custom())?;
        let name = self.name.unwrap_or_default();
        let manager = self.request.manager(&options.field_manager);
        let target = self.target(name, &options, &manager);
        if self.subresource == "scale" {
            let document = bodies::document(&self.request.body, kind, self.expected())?;
            let decoded = self.decode_as(scale::resource()?, document, &options)?;
            let make = |old: &Value| {
                let mut new = decoded.clone();
                self.registry.own_scale(&target, old, &mut new)?;
                Ok(new)
            };
            let scale = self.registry.update_scale(&target, &make)?;
            return self.scale(representation, scale);
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
        let representation = self.accept()?;
        let write = if kind == PatchType::Apply {
            Write::Apply
        } else {
            Write::Patch
        };
        let options = write_options(&self.request.query, write)?;
        let (patch, duplicates) = bodies::patch(&self.request.body, kind)?;
        let name = self.name.unwrap_or_default();
        let manager = self.request.manager(&options.field_manager);
        let target = self.target(name, &options, &manager);
        if self.subresource == "scale" {
            let scale = self.registry.patch_scale(&target, &patch, &duplicates)?;
            return self.scale(representation, scale);
        }
        let (written, created) = self.registry.patch(&target, &patch, &duplicates)?;
        let code = if created { StatusCode::CREATED } else { StatusCode::OK };
        self.shown(code, representation, &written)
    }

    fn delete(&self) -> Result<Response<Body>, ApiError> {
        let representation = self.accept()?;
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
        let representation = self.accept()?;
        let list = list_options(&self.request.query)?;
        let selection = Selection::new(self.resource, &list, None)?;
        let options = self.delete_options()?;
        self.warn_of_deletion(&options);
        let deleted = self
            .registry
            .delete_all(self.resource, self.namespace, &list, &selection, &options)?;
        self.source(representation).list(&deleted)
    }

    fn delete_options(&self) -> Result<DeleteOptions, ApiError> {
        if self.request.body.is_empty() {
            return delete_options(&self.request.query);
        }
        let kind = negotiate::body_type(self.request.header(header::CONTENT_TYPE), false)?;
        bodies::delete_options(&self.request.body, kind)
    }

    fn warn_of_deletion(&self, options: &DeleteOptions) {
        if let Some(warning) = special::deletion_warning(self.resource, options) {
            self.warnings.add(warning.to_owned());
        }
    }

    /// What a body is to be that is sent here.
    fn expected(&self) -> Expected<'_> {
        match self.resource.subresource(self.subresource) {
            Some(part) => Expected {
                api_version: &part.api_version,
                kind: &part.kind,
                is_custom: self.resource.is_custom() && part.kind == self.resource.kind,
            },
            None => self.resource.expected(&self.api_version),
        }
    }

    /// The object that is sent; what is odd about it is warned of.
    fn decode(&self, kind: BodyType, options: &WriteOptions) -> Result<Value, ApiError> {
        let document = bodies::document(&self.request.body, kind, self.expected())?;
        self.decode_as(self.resource, document, options)
    }

    fn decode_as(
        &self,
        resource: &Resource,
        document: Document<'_>,
        options: &WriteOptions,
    ) -> Result<Value, ApiError> {
        let decoded = decode_body(resource, document, options.field_validation)?;
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
        self.source(representation).written(code, written)
    }
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
    let why = format!("UID in precondition: {given}, UID in object meta: {uid}");
    Err(special::precondition_failed(
        target.resource,
        &target.key(),
        target.name,
        &why,
    ))
}
