//! The way to a cluster: kube's configuration in, kube's client out, whose failures name the server that was meant. It makes
//! no requests of its own.

use std::{error::Error as StdError, iter::successors};

use kube::{Client, Config, client::ClientBuilder};
use tower::util::MapErrLayer;

use crate::error::{BoxError, chain};

/// The API server gave no answer, or with its certificate one that does not prove who it is.
#[derive(Debug, thiserror::Error)]
#[error("the API server at {url} {problem}")]
struct Unanswered {
    url: String,
    problem: &'static str,
    source: BoxError,
}

const UNREACHABLE: &str = "cannot be reached (is it running, and is it the one that you mean?)";
const UNTRUSTED: &str = "is not the one that the configuration trusts (one that was set up anew has a new kubeconfig)";

/// A client that leaves retries to the runtime, whose back-off knows the object.
///
/// # Errors
/// When the configuration contradicts itself, or names files that cannot be read.
pub(crate) fn connect(mut config: Config) -> kube::Result<Client> {
    config.default_retry = false;
    let url = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    let builder = ClientBuilder::try_from(config)?;
    let naming = MapErrLayer::new(move |source| named(&url, source));
    Ok(builder.with_layer(&naming).build())
}

fn named(url: &str, source: BoxError) -> BoxError {
    // Errors of kube's own are about the client: credentials, say, that cannot be had.
    if source.is::<kube::Error>() {
        return source;
    }
    let is_untrusted = is_about_certificates(&*source);
    Box::new(Unanswered {
        url: url.to_owned(),
        problem: if is_untrusted { UNTRUSTED } else { UNREACHABLE },
        source,
    })
}

/// Whether a handshake failed for the server's certificate. The libraries that make handshakes are the user's choice, and
/// their errors are not ours to name.
fn is_about_certificates(error: &(dyn StdError + 'static)) -> bool {
    let told = chain(error);
    told.contains("invalid peer certificate") || told.contains("certificate verify failed")
}

/// An error and its causes in one line. What was tried is left out where the server cannot be reached.
pub(crate) fn told(error: &(dyn StdError + 'static)) -> String {
    let mut causes = successors(Some(error), |&error| error.source());
    chain(causes.find(|cause| cause.is::<Unanswered>()).unwrap_or(error))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use k8s_openapi::api::core::v1::Pod;
    use kube::Api;

    use super::*;

    async fn failure(config: Config) -> kube::Error {
        let pods: Api<Pod> = Api::all(connect(config).unwrap());
        pods.get("any").await.unwrap_err()
    }

    #[tokio::test]
    async fn a_server_that_cannot_be_reached_is_named() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = format!("http://{free}");
        let told = told(&failure(Config::new(url.parse().unwrap())).await);
        let wanted = format!("the API server at {url} cannot be reached (");
        assert!(told.starts_with(&wanted), "{told}");
        assert!(told.contains("Connection refused"), "{told}");
    }

    #[test]
    fn a_server_that_proves_to_be_another_is_told_apart() {
        let source = std::io::Error::other("invalid peer certificate: UnknownIssuer");
        let told = told(&*named("https://server", source.into()));
        let wanted = "the API server at https://server is not the one that the configuration trusts (";
        assert!(told.starts_with(wanted), "{told}");
        assert!(told.ends_with("UnknownIssuer"), "{told}");
    }

    #[test]
    fn what_the_client_itself_lacks_is_not_blamed_on_the_server() {
        let own: BoxError = Box::new(kube::Error::TlsRequired);
        assert!(named("https://server", own).is::<kube::Error>());
    }

    #[test]
    fn any_other_error_is_told_from_its_beginning() {
        let status = kube::core::Status::failure("no", "Forbidden");
        let error = kube::Error::Api(status.boxed());
        assert_eq!(told(&error), chain(&error));
    }
}
