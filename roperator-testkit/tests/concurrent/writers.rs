//! Somebody who writes, and others do, too, to the same objects.

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    NAMESPACES,
    client::{APPLY, Client, MERGE, revision},
    random::Random,
    records::{Claim, Records},
    watchers::path,
};

const NAMES: usize = 6;

pub struct Writer {
    number: usize,
    client: Client,
    records: Records,
    random: Random,
}

impl Writer {
    pub const fn new(number: usize, client: Client, records: Records, random: Random) -> Self {
        Self {
            number,
            client,
            records,
            random,
        }
    }

    pub async fn run(mut self, writes: usize, progress: watch::Sender<usize>) {
        for round in 0..writes {
            let all = path(self.random.of(&NAMESPACES));
            let name = format!("n{}", self.random.below(NAMES));
            let one = format!("{all}/{name}");
            match self.random.below(10) {
                0..3 => self.create(&all, &name).await,
                3..5 => self.replace(&one, round).await,
                5..7 => self.patch(&one, round).await,
                7 => self.apply(&one, &name, round).await,
                8 => self.delete(&one).await,
                _ => self.hold(&one).await,
            }
            progress.send_modify(|made| *made += 1);
        }
    }

    fn labels(&mut self) -> Value {
        match self.random.below(5) {
            0 => json!({"tier": "x", "odd": null}),
            1 => json!({"tier": "y", "odd": "1"}),
            2 => json!({"tier": "z", "odd": null}),
            3 => json!({"tier": null, "odd": "1"}),
            _ => json!({"tier": null, "odd": null}),
        }
    }

    async fn create(&mut self, all: &str, name: &str) {
        let mut labels = self.labels();
        labels.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        // Some of them are large: what watches have to say comes in pieces.
        let large = "x".repeat(self.random.of(&[1, 100, 20_000]));
        let object = json!({"metadata": {"name": name, "labels": labels}, "data": {"large": large}});
        let (code, answer) = self.client.create(all, &object).await;
        self.note(code, &answer, &[201, 409], None);
    }

    async fn replace(&self, one: &str, round: usize) {
        let (code, mut object) = self.client.get(one).await;
        if code != 200 {
            return;
        }
        let before = revision(&object);
        object["data"][format!("w{}", self.number)] = format!("put {round}").into();
        let (code, answer) = self.client.send("PUT", one, "application/json", &object).await;
        self.note(code, &answer, &[200, 404, 409], Some(Claim::Replaced(before)));
    }

    async fn patch(&mut self, one: &str, round: usize) {
        let mut data = json!({});
        data[format!("w{}", self.number)] = match self.random.below(4) {
            0 => Value::Null,
            _ => format!("patch {round}").into(),
        };
        let patch = json!({"metadata": {"labels": self.labels()}, "data": data});
        let (code, answer) = self.client.send("PATCH", one, MERGE, &patch).await;
        let claim = Claim::Patched(data.as_object().unwrap().clone());
        self.note(code, &answer, &[200, 404], Some(claim));
    }

    async fn apply(&self, one: &str, name: &str, round: usize) {
        let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        object["data"] = json!({});
        object["data"][format!("a{}", self.number)] = round.to_string().into();
        let one = format!("{one}?fieldManager=w{}&force=true", self.number);
        let (code, answer) = self.client.send("PATCH", &one, APPLY, &object).await;
        self.note(code, &answer, &[200, 201], None);
    }

    async fn delete(&self, one: &str) {
        let (code, answer) = self.client.delete(one).await;
        self.note(code, &answer, &[200, 404], None);
    }

    /// Puts a finalizer on an object, or takes it away.
    async fn hold(&mut self, one: &str) {
        let finalizers = self.random.of(&[&["concurrent.test/held"][..], &[]]);
        let patch = json!({"metadata": {"finalizers": finalizers}});
        let (code, answer) = self.client.send("PATCH", one, MERGE, &patch).await;
        // What is being deleted is not given finalizers.
        self.note(code, &answer, &[200, 404, 422], None);
    }

    fn note(&self, code: u16, answer: &Value, expected: &[u16], claim: Option<Claim>) {
        assert!(expected.contains(&code), "{code}: {answer}");
        if code < 300 {
            self.records.written(answer, claim);
        }
    }
}
