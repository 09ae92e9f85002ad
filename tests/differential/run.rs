//! A case and a client go in; the masked answers come out, one for each step. What a step says is done as it says; nothing
//! here knows what is right.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
    time::Duration,
};

use base64::Engine as _;
use http::Request;
use kube::Client;
use regex::{Captures, Regex};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    mask::{self, Mask},
    pointer,
    script::{Eventually, Step},
    wire::{self, Answer, Opened, Watch},
};

/// How often it looks.
const PAUSE: Duration = Duration::from_millis(50);
/// Field managers that are not named are called so.
const USER_AGENT: &str = "differential/1.0";
/// The headers that count.
const HEADERS: [&str; 4] = ["allow", "content-type", "retry-after", "warning"];

static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$(\$|x\((\d+)\)|[a-z][A-Za-z0-9_]*)").expect("this is a regular expression"));

/// One case on one server.
pub struct Run<'a> {
    client: &'a Client,
    patience: Duration,
    variables: BTreeMap<String, String>,
    mask: Mask,
    watches: BTreeMap<String, Watch>,
}

impl<'a> Run<'a> {
    /// Begins a case: makes its namespace. What comes eventually has to come within `patience`.
    pub async fn new(
        client: &'a Client,
        define: &BTreeMap<String, String>,
        patience: Duration,
    ) -> Result<Self, String> {
        let (namespace, id) = (format!("ns-{}", random_letters()), random_letters());
        let mut run = Self {
            client,
            patience,
            variables: BTreeMap::from([("ns".to_owned(), namespace.clone()), ("id".to_owned(), id.clone())]),
            mask: Mask::new(vec![(namespace.clone(), "$ns".to_owned()), (id, "$id".to_owned())]),
            watches: BTreeMap::new(),
        };
        for (name, text) in define {
            let text = run.expand(text)?;
            run.variables.insert(name.clone(), text);
        }
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        let answer = run.json("POST", "/api/v1/namespaces", &body).await?;
        if answer.status != 201 {
            return Err(format!("no namespace: {}", String::from_utf8_lossy(&answer.body)));
        }
        Ok(run)
    }

    /// Ends the case: its namespace goes, when the server gets to it.
    pub async fn end(self) -> Result<(), String> {
        let path = format!("/api/v1/namespaces/{}", self.expand("$ns")?);
        self.json("DELETE", &path, &json!({})).await.map(drop)
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, text: &str) {
        self.variables.insert(name.to_owned(), text.to_owned());
    }

    /// Does what a step says, and gives the answer that is to be compared.
    pub async fn step(&mut self, step: &Step) -> Result<Value, String> {
        if let Some(name) = &step.r#await {
            return self.events(name, step.events).await;
        }
        if let Some(body) = &step.install {
            return self.install(body).await;
        }
        if let Some(name) = &step.watch {
            let request = self.request(step)?;
            return match wire::watch(self.client, request).await? {
                Opened::Refused(answer) => self.judge(step, &answer),
                Opened::Watch(watch) => {
                    self.watches.insert(name.clone(), watch);
                    Ok(json!({"status": 200}))
                }
            };
        }
        let answer = self.send(step).await?;
        self.judge(step, &answer)
    }

    /// The events of a watch, up to the first about an object of this name.
    pub async fn events_until(&mut self, watch: &str, name: &str) -> Result<Vec<Value>, String> {
        let mut events = Vec::new();
        loop {
            let event = self.events(watch, Some(1)).await?["events"][0].take();
            let is_last = event["object"]["metadata"]["name"] == name;
            events.push(event);
            if is_last || events.last() == Some(&Value::Null) {
                return Ok(events);
            }
        }
    }

    /// Sends the step's request, again and again if it waits for something.
    async fn send(&self, step: &Step) -> Result<Answer, String> {
        let deadline = Instant::now() + self.patience;
        loop {
            let answer = wire::send(self.client, self.request(step)?).await?;
            match &step.eventually {
                Some(goal) if !self.is_reached(goal, &answer)? => {
                    if Instant::now() > deadline {
                        let body = String::from_utf8_lossy(&answer.body);
                        return Err(format!(
                            "what is to come did not come within {:?}: {body}",
                            self.patience
                        ));
                    }
                }
                _ => return Ok(answer),
            }
            sleep(PAUSE).await;
        }
    }

    fn is_reached(&self, goal: &Eventually, answer: &Answer) -> Result<bool, String> {
        if goal.status.is_some_and(|status| status != answer.status) {
            return Ok(false);
        }
        let Some(place) = &goal.at else { return Ok(true) };
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let found = pointer::select(&body, &self.expand(place)?).into_iter().next();
        Ok(match &goal.is {
            Some(value) => found == Some(&self.expand_value(value)?),
            None => found.is_none() == goal.absent,
        })
    }

    /// Notes what the step saves, and masks the answer.
    fn judge(&mut self, step: &Step, answer: &Answer) -> Result<Value, String> {
        let mut body: Value = serde_json::from_slice(&answer.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&answer.body).into_owned()));
        if let (Some(name), Some(version)) = (text(&body, "/metadata/name"), text(&body, "/metadata/resourceVersion")) {
            let (name, version) = (format!("rv_{name}"), version.to_owned());
            self.variables.insert(name, version);
        }
        for (name, place) in &step.save {
            let found = pointer::select(&body, &self.expand(place)?).into_iter().next();
            let text = match found {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => return Err(format!("there is no {place} to save in {body:#}")),
            };
            self.variables.insert(name.clone(), text);
        }
        mask::collections(&mut body);
        for place in &step.mask {
            pointer::mask(&mut body, &self.expand(place)?);
        }
        if !step.keep.is_empty() {
            let parts = step
                .keep
                .iter()
                .map(|place| Ok((place.clone(), pointer::kept(&body, &self.expand(place)?))));
            body = Value::Object(parts.collect::<Result<_, String>>()?);
        }
        self.mask.value(&mut body);
        let mut judged = Map::from_iter([("status".to_owned(), answer.status.into())]);
        let headers = self.headers(answer);
        if !headers.is_empty() {
            judged.insert("headers".to_owned(), Value::Object(headers));
        }
        judged.insert("body".to_owned(), body);
        Ok(Value::Object(judged))
    }

    /// The headers that count; that JSON comes as JSON goes without saying.
    fn headers(&mut self, answer: &Answer) -> Map<String, Value> {
        let mut headers = Map::new();
        for name in HEADERS {
            let values = answer.headers.get_all(name).iter();
            let mut values: Vec<Value> = values
                .map(|value| self.mask.text(&String::from_utf8_lossy(value.as_bytes())).into())
                .collect();
            if values.len() > 1 {
                headers.insert(name.to_owned(), Value::Array(values));
            } else if let Some(value) = values.pop()
                && (name != "content-type" || value != "application/json")
            {
                headers.insert(name.to_owned(), value);
            }
        }
        headers
    }

    async fn events(&mut self, name: &str, count: Option<usize>) -> Result<Value, String> {
        let watch = self
            .watches
            .get(name)
            .ok_or_else(|| format!("there is no watch {name}"))?;
        let mut events = Value::Array(watch.events(count).await?);
        mask::collections(&mut events);
        self.mask.value(&mut events);
        Ok(json!({"events": events}))
    }

    /// Creates a CustomResourceDefinition and waits until each of its versions is served.
    async fn install(&mut self, body: &Value) -> Result<Value, String> {
        const PATH: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let body = self.expand_value(body)?;
        let answer = self.json("POST", PATH, &body).await?;
        if answer.status != 201 {
            return Err(format!("not installed: {}", String::from_utf8_lossy(&answer.body)));
        }
        let [group, plural] = ["/spec/group", "/spec/names/plural"].map(|place| text(&body, place).unwrap_or_default());
        let versions = pointer::select(&body, "/spec/versions/*");
        let deadline = Instant::now() + self.patience;
        for version in versions.into_iter().filter(|version| version["served"] == true) {
            let path = format!(
                "/apis/{group}/{}/{plural}",
                version["name"].as_str().unwrap_or_default()
            );
            // Twice in a row: the first answers may come from two sides of the installation.
            let mut good = 0;
            while good < 2 {
                let answer = self.json("GET", &path, &Value::Null).await?;
                good = if answer.status == 200 { good + 1 } else { 0 };
                if Instant::now() > deadline {
                    return Err(format!("{path} is not served within {:?}", self.patience));
                }
                sleep(PAUSE).await;
            }
        }
        Ok(json!({"status": 201}))
    }

    async fn json(&self, method: &str, path: &str, body: &Value) -> Result<Answer, String> {
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("user-agent", USER_AGENT);
        let request = request.header("content-type", "application/json").body(body);
        wire::send(self.client, request.map_err(|error| error.to_string())?).await
    }

    fn request(&self, step: &Step) -> Result<Request<Vec<u8>>, String> {
        let line = self.expand(step.send.as_deref().unwrap_or_default())?;
        let (method, target) = line
            .split_once(' ')
            .ok_or_else(|| format!("`{line}` is no request line"))?;
        let mut request = Request::builder()
            .method(method)
            .uri(encode(target))
            .header("user-agent", USER_AGENT);
        for (name, value) in &step.headers {
            request = request.header(name, self.expand(value)?);
        }
        let body = self.body(step)?;
        let kind = step
            .r#type
            .as_deref()
            .or(body.as_ref().and(Some("json")))
            .map(content_type);
        if let Some(kind) = kind.filter(|kind| *kind != "none") {
            request = request.header("content-type", kind);
        }
        let request = request.body(body.unwrap_or_default());
        request.map_err(|error| format!("`{line}`: {error}"))
    }

    fn body(&self, step: &Step) -> Result<Option<Vec<u8>>, String> {
        if let Some(body) = &step.body {
            return Ok(Some(self.expand_value(body)?.to_string().into_bytes()));
        }
        if let Some(raw) = &step.raw {
            return Ok(Some(self.expand(raw)?.into_bytes()));
        }
        let decode = |text: &String| {
            let text: String = text.split_whitespace().collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(text);
            bytes.map_err(|error| format!("the body is no base64: {error}"))
        };
        step.base64.as_ref().map(decode).transpose()
    }

    fn expand_value(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => self.expand(text)?.into(),
            Value::Array(items) => items
                .iter()
                .map(|item| self.expand_value(item))
                .collect::<Result<_, _>>()?,
            Value::Object(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, value)| Ok((self.expand(key)?, self.expand_value(value)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other => other.clone(),
        })
    }

    /// Puts in the variables: `$name`, `$x(n)` for as many letters x, `$$` for a dollar sign.
    fn expand(&self, text: &str) -> Result<String, String> {
        let mut unknown = None;
        let expanded = VARIABLE.replace_all(text, |found: &Captures| {
            let name = &found[1];
            if let Some(count) = found.get(2) {
                return "x".repeat(count.as_str().parse().unwrap_or_default());
            }
            match self.variables.get(name) {
                _ if name == "$" => "$".to_owned(),
                Some(text) => text.clone(),
                None => {
                    unknown = Some(name.to_owned());
                    String::new()
                }
            }
        });
        match unknown {
            Some(name) => Err(format!("there is no variable {name} for `{text}`")),
            None => Ok(expanded.into_owned()),
        }
    }
}

fn text<'a>(value: &'a Value, place: &str) -> Option<&'a str> {
    value.pointer(place).and_then(Value::as_str)
}

fn content_type(name: &str) -> &str {
    match name {
        "json" => "application/json",
        "yaml" => "application/yaml",
        "protobuf" => "application/vnd.kubernetes.protobuf",
        "json-patch" => "application/json-patch+json",
        "merge" => "application/merge-patch+json",
        "strategic" => "application/strategic-merge-patch+json",
        "apply" => "application/apply-patch+yaml",
        other => other,
    }
}

/// Encodes what may not stand in a URI, so that request lines stay readable.
fn encode(target: &str) -> String {
    let mut encoded = String::new();
    for byte in target.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Ten letters, which no other case has.
fn random_letters() -> String {
    let mut number = RandomState::new().hash_one(0);
    (0..10)
        .map(|_| {
            let letter = b'a' + u8::try_from(number % 26).unwrap_or_default();
            number /= 26;
            char::from(letter)
        })
        .collect()
}
