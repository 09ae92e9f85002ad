//! The two questions that are put to etcd itself, over the JSON gateway on its client port: is it up, and the compaction.
//! Never anything about its content.

use http::Request;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::RealError;

/// A key that nothing is stored under, in base64 (a zero byte): only the answer's header is of interest.
const NO_KEY: &str = "AA==";
/// gRPC's OutOfRange, which the gateway puts where kube's client looks for an HTTP status.
const OUT_OF_RANGE: u16 = 11;

/// A client of etcd.
#[derive(Clone)]
pub(super) struct Etcd {
    http: kube::Client,
}

#[derive(Deserialize)]
struct Answer {
    header: Header,
}

#[derive(Deserialize)]
struct Header {
    /// An int64, which the gateway writes as a string.
    revision: String,
}

impl Etcd {
    pub(super) fn new(port: u16) -> Result<Self, RealError> {
        let address = format!("http://127.0.0.1:{port}").parse().map_err(RealError::config)?;
        // kube's client is a fine HTTP client, and the one that is already here.
        let mut config = kube::Config::new(address);
        config.default_retry = false;
        let http = kube::Client::try_from(config).map_err(RealError::request("make a client for etcd"))?;
        Ok(Self { http })
    }

    pub(super) async fn is_ready(&self) -> bool {
        self.revision().await.is_ok()
    }

    /// Forgets all history up to now.
    pub(super) async fn compact(&self) -> Result<(), RealError> {
        let revision = self.revision().await?;
        let command = json!({"revision": revision, "physical": true});
        match self.post::<Value>("/v3/kv/compaction", &command, "compact etcd").await {
            Err(error) if !is_compacted_already(&error) => Err(error),
            _ => Ok(()),
        }
    }

    async fn revision(&self) -> Result<String, RealError> {
        let question = json!({"key": NO_KEY, "count_only": true});
        let answer: Answer = self.post("/v3/kv/range", &question, "read etcd's revision").await?;
        Ok(answer.header.revision)
    }

    async fn post<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        what: &'static str,
    ) -> Result<T, RealError> {
        let request = Request::post(path)
            .body(body.to_string().into_bytes())
            .map_err(RealError::config)?;
        self.http.request(request).await.map_err(RealError::request(what))
    }
}

fn is_compacted_already(error: &RealError) -> bool {
    let RealError::Request { source, .. } = error else {
        return false;
    };
    matches!(source.as_ref(), kube::Error::Api(status) if status.code == OUT_OF_RANGE)
}
