//! Requests and watches, within the process or over HTTPS.

use http_body_util::BodyExt as _;
use kube::{
    Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use roperator_testkit::server::{ApiServer, serve::Served};
use serde_json::Value;

pub const MERGE: &str = "application/merge-patch+json";
pub const APPLY: &str = "application/apply-patch+yaml";

#[derive(Clone)]
pub struct Client(kube::Client);

/// The code of an answer, and its body.
pub type Answer = (u16, Value);

impl Client {
    pub fn within(server: &ApiServer) -> Self {
        Self(kube::Client::new(server.clone(), "default"))
    }

    pub async fn over(served: &Served) -> Self {
        let kubeconfig = Kubeconfig::from_yaml(&served.kubeconfig()).unwrap();
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        Self(kube::Client::try_from(config).unwrap())
    }

    pub async fn send(&self, method: &str, path: &str, content_type: &str, body: &Value) -> Answer {
        let response = self.response(method, path, content_type, body).await;
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (code, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    pub async fn create(&self, path: &str, object: &Value) -> Answer {
        self.send("POST", path, "application/json", object).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "application/json", &Value::Null).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, "application/json", &Value::Null).await
    }

    pub async fn list(&self, path: &str, query: &str) -> List {
        let (code, list) = self.get(&format!("{path}?{query}")).await;
        assert_eq!(code, 200, "{list}");
        List(list)
    }

    /// Begins a watch; `None` if there is nothing to watch.
    pub async fn watch(&self, path: &str, query: &str) -> Option<Watch> {
        let path = format!("{path}?watch=1&{query}");
        let response = self.response("GET", &path, "application/json", &Value::Null).await;
        (response.status() == 200).then(|| Watch {
            body: response.into_body(),
            read: Vec::new(),
        })
    }

    async fn response(&self, method: &str, path: &str, content_type: &str, body: &Value) -> http::Response<Body> {
        let request = http::Request::builder().method(method).uri(path);
        let request = request.header("content-type", content_type);
        let body = match body {
            Value::Null => Body::empty(),
            body => Body::from(body.to_string().into_bytes()),
        };
        self.0.send(request.body(body).unwrap()).await.unwrap()
    }
}

/// A list as it was answered.
pub struct List(pub Value);

impl List {
    /// Its items as single objects are shown.
    pub fn items(&self) -> Vec<Value> {
        let kind = self.0["kind"].as_str().unwrap().trim_end_matches("List").to_owned();
        let mut items = self.0["items"].as_array().unwrap().clone();
        for item in &mut items {
            item["apiVersion"] = self.0["apiVersion"].clone();
            item["kind"] = kind.clone().into();
        }
        items
    }

    pub fn revision(&self) -> u64 {
        revision(&self.0)
    }
}

/// The events of a watch.
pub struct Watch {
    body: Body,
    read: Vec<u8>,
}

impl Watch {
    /// The next event; `None` at the end.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let rest = self.read.split_off(end + 1);
                let line = std::mem::replace(&mut self.read, rest);
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = self.body.frame().await?.ok()?;
            self.read.extend(frame.into_data().unwrap_or_default());
        }
    }
}

pub fn revision(object: &Value) -> u64 {
    let version = object["metadata"]["resourceVersion"].as_str();
    version.unwrap_or_else(|| panic!("{object}")).parse().unwrap()
}

pub fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap().to_owned()
}

/// The namespace and the name of an object.
pub fn key(object: &Value) -> String {
    let field = |name: &str| object["metadata"][name].as_str().unwrap_or_default();
    format!("{}/{}", field("namespace"), field("name"))
}
