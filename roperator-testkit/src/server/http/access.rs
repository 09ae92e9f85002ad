//! Who may call over the network: whoever has the server's token may do everything; others may ask how the server is, as
//! nobody. A request's head in, leave or refusal out. Access control proper does not exist yet.

use http::{Method, StatusCode, header, request::Parts};

use super::path::{Target, parse};
use crate::server::status::{ApiError, Details, GroupResource};

/// Who a request is from, and leave for it.
///
/// # Errors
///
/// 401 for credentials that nobody has, 403 for nobody who asks for more than health and version.
pub fn check(head: &Parts, token: &str) -> Result<(), ApiError> {
    let given = head
        .headers
        .get(header::AUTHORIZATION)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let bearer = given.as_deref().and_then(|given| {
        let (scheme, token) = given.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match bearer {
        Some(bearer) if bearer == token => Ok(()),
        Some(bearer) if !bearer.is_empty() => {
            Err(ApiError::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized"))
        }
        _ => anonymous(head),
    }
}

fn anonymous(head: &Parts) -> Result<(), ApiError> {
    let path = head.uri.path();
    let objects = match parse(path) {
        Target::Objects(objects) => objects,
        Target::Other(segments) => {
            let open = ["healthz", "livez", "readyz", "version"];
            if segments.first().is_some_and(|first| open.contains(&first.as_str())) {
                return Ok(());
            }
            let verb = head.method.as_str().to_ascii_lowercase();
            let message = format!("forbidden: User \"system:anonymous\" cannot {verb} path \"{path}\"");
            let mut error = ApiError::new(StatusCode::FORBIDDEN, "Forbidden", message);
            error.details = Some(Box::default());
            return Err(error);
        }
    };
    let is_watch = objects.is_watch
        || head
            .uri
            .query()
            .is_some_and(|query| query.contains("watch=1") || query.contains("watch=true"));
    let verb = match (&head.method, objects.name.is_some()) {
        (&Method::GET | &Method::HEAD, _) if is_watch => "watch",
        (&Method::GET | &Method::HEAD, true) => "get",
        (&Method::GET | &Method::HEAD, false) => "list",
        (&Method::POST, _) => "create",
        (&Method::PUT, _) => "update",
        (&Method::PATCH, _) => "patch",
        (&Method::DELETE, true) => "delete",
        (&Method::DELETE, false) => "deletecollection",
        _ => "",
    };
    let part = objects
        .subresource
        .as_ref()
        .map_or_else(String::new, |part| format!("/{part}"));
    let place = match &objects.namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    let why = format!(
        "User \"system:anonymous\" cannot {verb} resource \"{}{part}\" in API group \"{}\" {place}",
        objects.resource, objects.group
    );
    let resource = GroupResource::new(objects.group, objects.resource);
    let name = objects.name.unwrap_or_default();
    let mut error = ApiError::forbidden(&resource, &name, &why);
    error.details = Some(Box::new(Details {
        name,
        group: resource.group,
        kind: resource.resource,
        ..Details::default()
    }));
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(path: &str, authorization: Option<&str>) -> Result<(), String> {
        let mut request = http::Request::get(path);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        check(&head, "secret").map_err(|error| format!("{} {}", error.code.as_u16(), error.message))
    }

    #[test]
    fn only_the_token_opens() {
        assert_eq!(ask("/api/v1/pods", Some("Bearer secret")), Ok(()));
        assert_eq!(ask("/readyz", None), Ok(()));
        assert_eq!(ask("/api", Some("Bearer other")), Err("401 Unauthorized".to_owned()));
        assert_eq!(
            ask("/api", None),
            Err("403 forbidden: User \"system:anonymous\" cannot get path \"/api\"".to_owned())
        );
        assert_eq!(
            ask("/api/v1/namespaces/default/pods/x/status", None),
            Err(
                "403 pods \"x\" is forbidden: User \"system:anonymous\" cannot get resource \"pods/status\" in API group \
                 \"\" in the namespace \"default\""
                    .to_owned()
            )
        );
    }
}
