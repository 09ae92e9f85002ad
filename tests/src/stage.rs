//! A scenario's stage: a namespace of its own on the shared server, an account of its own with exactly the rights that the
//! manifests of its operators grant, and a way to wait for what should come.

use std::{
    fmt::Debug,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        admissionregistration::v1::{MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding},
        authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
        core::v1::{ConfigMap, Namespace},
        rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ObjectMeta, Patch, PatchParams, PostParams},
};
use roperator::{
    Declared, Dynamic, Handler, IntoHandler, Kind, Operator, OperatorConfig, OperatorHandle, Runtime,
    manifest::{ManifestInput, rbac},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    kinds::{Site, SiteOperator, SiteSpec},
    server::Server,
    wire::Wire,
};

/// How long a scenario waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long nothing must happen for it to be rest.
pub const REST: Duration = Duration::from_millis(1500);

/// Installs what all scenarios need: the parents' definitions, the examples' included. Waits until they are served.
pub async fn set_up(client: &Client) {
    use roperator_examples::{
        config_fanout::ConfigFanoutOperator, echo::EchoOperator, temp_namespace::TempNamespaceOperator,
    };
    let own = [SiteOperator::crd(), crate::kinds::RealmOperator::crd()];
    let examples = [
        EchoOperator::crd(),
        TempNamespaceOperator::crd(),
        ConfigFanoutOperator::crd(),
    ];
    for crd in own.iter().chain(&examples) {
        install(client, crd).await;
    }
}

/// Installs a definition and waits until it is served.
pub async fn install(client: &Client, crd: &CustomResourceDefinition) {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let apply = PatchParams::apply("scenarios").force();
    crds.patch(&crd.name_any(), &apply, &Patch::Apply(crd))
        .await
        .expect("the definition");
    eventually("the definition is established", async || {
        let found = crds.get(&crd.name_any()).await.ok()?;
        let conditions = found.status?.conditions?;
        conditions
            .iter()
            .any(|condition| condition.type_ == "Established" && condition.status == "True")
            .then_some(())
    })
    .await;
}

async fn apply<K>(api: &Api<K>, object: &K)
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned,
{
    let params = PatchParams::apply("scenarios").force();
    let applied = api.patch(&object.name_any(), &params, &Patch::Apply(object)).await;
    applied.expect("it can be applied");
}

/// A scenario's place on the server.
pub struct Stage {
    /// The administrator.
    pub client: Client,
    /// The scenario's namespace.
    pub namespace: String,
    /// The operator's wire.
    pub wire: Wire,
    /// The operator's account: a user of this stage alone, as whom the administrator acts.
    pub account: kube::Config,
    user: String,
}

static STAGES: AtomicUsize = AtomicUsize::new(0);

impl Stage {
    /// A stage with a namespace of its own.
    pub async fn new(server: &Server) -> Self {
        let number = STAGES.fetch_add(1, Ordering::Relaxed);
        let client = server.client().await.expect("a client");
        let namespace = format!("scenario-{number}");
        let object = Namespace {
            metadata: ObjectMeta {
                name: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        Api::<Namespace>::all(client.clone())
            .create(&PostParams::default(), &object)
            .await
            .expect("a namespace");
        let user = format!("operator-of-{namespace}");
        let mut account = server.admin();
        let value = user.parse().expect("a header's value");
        account
            .headers
            .push((http::HeaderName::from_static("impersonate-user"), value));
        Self {
            client,
            namespace,
            wire: Wire::default(),
            account,
            user,
        }
    }

    /// A configuration as scenarios want it: this stage's namespace alone, short delays.
    #[must_use]
    pub fn config(&self, config: OperatorConfig) -> OperatorConfig {
        config
            .within_namespace(&self.namespace)
            .with_backoff(Duration::from_millis(50), Duration::from_secs(2))
            .with_handler_deadline(Duration::from_secs(10))
    }

    /// The configuration of a declared operator, as scenarios want it.
    #[must_use]
    pub fn config_of<O: Declared>(&self) -> OperatorConfig {
        self.config(O::config())
    }

    /// The configuration of an operator without types for [`Site`] parents, as scenarios want it.
    #[must_use]
    pub fn dynamic_config(&self, name: &str) -> OperatorConfig {
        self.config(OperatorConfig::new(name, <Site as roperator::TypedKind>::kind_of()))
    }

    /// Grants the operator's account what its manifests grant, where they grant it, and waits until that holds.
    pub async fn grant(&self, config: &OperatorConfig) {
        let parent = config.parent();
        let manifests = rbac::rbac(&ManifestInput::from_config(config), &parent.crd_name(), &self.namespace);
        let rules = manifests.cluster_role.rules.unwrap_or_default();
        // The names of a cluster's objects are shared with other stages.
        self.bind(&format!("{}-{}", self.namespace, config.name()), rules).await;
        for (role, mut binding) in manifests.roles {
            let namespace = role.namespace().unwrap_or_default();
            binding.subjects = Some(self.subjects());
            apply(&Api::namespaced(self.client.clone(), &namespace), &role).await;
            apply(&Api::namespaced(self.client.clone(), &namespace), &binding).await;
        }
        let namespace = config.namespaces().last().map(str::to_owned);
        self.wait_allowed(parent, namespace.filter(|_| parent.is_namespaced()))
            .await;
    }

    /// Grants the operator's account these rules, everywhere.
    pub async fn bind(&self, name: &str, rules: Vec<PolicyRule>) {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        };
        let role = ClusterRole {
            metadata: metadata.clone(),
            rules: Some(rules),
            aggregation_rule: None,
        };
        let binding = ClusterRoleBinding {
            metadata,
            role_ref: RoleRef {
                api_group: Some("rbac.authorization.k8s.io".to_owned()),
                kind: "ClusterRole".to_owned(),
                name: name.to_owned(),
            },
            subjects: Some(self.subjects()),
        };
        apply(&Api::all(self.client.clone()), &role).await;
        apply(&Api::all(self.client.clone()), &binding).await;
    }

    fn subjects(&self) -> Vec<Subject> {
        vec![Subject {
            kind: "User".to_owned(),
            name: self.user.clone(),
            ..Subject::default()
        }]
    }

    /// The authoriser sees bindings a moment after they are made.
    async fn wait_allowed(&self, parent: &Kind, namespace: Option<String>) {
        let reviews: Api<SubjectAccessReview> = Api::all(self.client.clone());
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(self.user.clone()),
                resource_attributes: Some(ResourceAttributes {
                    group: Some(parent.group().to_owned()),
                    resource: Some(parent.plural().to_owned()),
                    verb: Some("watch".to_owned()),
                    namespace,
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        eventually("the rights hold", async || {
            let answer = reviews.create(&PostParams::default(), &review).await.ok()?;
            answer.status?.allowed.then_some(())
        })
        .await;
    }

    /// The operator's client, over the wire.
    #[must_use]
    pub fn operator_client(&self) -> Client {
        self.wire.client(self.account.clone())
    }

    /// Grants what is needed and starts an operator, over the wire, with the configuration of [`Self::config_of`].
    pub async fn start<O>(&self, operator: O) -> OperatorHandle
    where
        O: Declared + Handler,
        O::Finalization: roperator::Dispatch<O, O>,
    {
        self.start_with::<O, _, _>(self.config_of::<O>(), operator).await
    }

    /// Grants what is needed and starts an operator, over the wire.
    pub async fn start_with<O, S, I>(&self, config: OperatorConfig, handler: I) -> OperatorHandle
    where
        O: Operator<Finalization: roperator::Dispatch<O, I::Handler>>,
        I: IntoHandler<O, S>,
    {
        self.grant(&config).await;
        let runtime = Runtime::new(self.operator_client())
            .server_port(0)
            .add_with(config, handler);
        let handle = runtime.start().await.expect("the operator starts");
        self.ready(&handle).await;
        handle
    }

    /// Starts an operator without types, over the wire.
    pub async fn start_dynamic<S, I>(&self, config: OperatorConfig, handler: I) -> OperatorHandle
    where
        I: IntoHandler<Dynamic, S>,
    {
        self.start_with::<Dynamic, S, I>(config, handler).await
    }

    /// Waits until the operator reconciles.
    pub async fn ready(&self, handle: &OperatorHandle) {
        eventually("the operator is ready", async || {
            let unready = handle.unready();
            if unready.is_empty() { Some(()) } else { None }
        })
        .await;
    }

    /// Creates a [`Site`].
    pub async fn site(&self, name: &str, message: &str) -> Site {
        self.create(Site::new(
            name,
            SiteSpec {
                message: message.to_owned(),
                ..SiteSpec::default()
            },
        ))
        .await
    }

    /// The API of a kind in this stage's namespace.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates an object.
    pub async fn create<K>(&self, object: K) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
    {
        self.api::<K>()
            .create(&PostParams::default(), &object)
            .await
            .expect("it can be created")
    }

    /// Merges JSON into an object, as somebody else than the operator.
    pub async fn edit<K>(&self, name: &str, patch: serde_json::Value) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let params = PatchParams {
            field_manager: Some("somebody".to_owned()),
            ..PatchParams::default()
        };
        self.api::<K>()
            .patch(name, &params, &Patch::Merge(patch))
            .await
            .expect("it can be edited")
    }

    /// Deletes an object, as somebody else than the operator.
    pub async fn delete<K>(&self, name: &str)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        self.api::<K>()
            .delete(name, &DeleteParams::background())
            .await
            .expect("it can be deleted");
    }

    /// Waits for an object for which `is_it` says so.
    pub async fn wait_for<K>(&self, name: &str, what: &str, is_it: impl Fn(&K) -> bool) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let api = self.api::<K>();
        let mut last = None;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(found) = api.get_opt(name).await {
                if let Some(found) = found.as_ref().filter(|found| is_it(found)) {
                    return found.clone();
                }
                last = found;
            }
            assert!(
                Instant::now() < deadline,
                "{what}: not within {PATIENCE:?}; `{name}` is {last:#?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until an object is gone.
    pub async fn wait_gone<K>(&self, name: &str)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let api = self.api::<K>();
        let deadline = Instant::now() + PATIENCE;
        let mut last = None;
        loop {
            match api.get_opt(name).await {
                Ok(None) => return,
                Ok(found) => last = found,
                Err(_) => {}
            }
            assert!(
                Instant::now() < deadline,
                "`{name}` is not gone within {PATIENCE:?}: {last:#?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for a ConfigMap whose `message` is this one.
    pub async fn wait_message(&self, name: &str, message: &str) -> ConfigMap {
        let is_it = |found: &ConfigMap| {
            found
                .data
                .as_ref()
                .and_then(|data| data.get("message"))
                .map(String::as_str)
                == Some(message)
        };
        self.wait_for(name, &format!("it says {message:?}"), is_it).await
    }

    /// Waits until a [`Site`]'s condition has a status and a reason (any, where it is empty), and returns its message.
    pub async fn wait_condition(&self, site: &str, type_: &str, status: &str, reason: &str) -> String {
        let has = |found: &Site| {
            condition(found, type_).is_some_and(|(s, r, _)| s == status && (reason.is_empty() || r == reason))
        };
        let found = self
            .wait_for::<Site>(site, &format!("{type_} is {status} ({reason})"), has)
            .await;
        condition(&found, type_)
            .map(|(_, _, message)| message)
            .unwrap_or_default()
    }

    /// Waits until the operator sends nothing but watches for [`REST`], and returns what it sent before.
    pub async fn rest(&self) -> Vec<crate::wire::Sent> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let before = self.wire.others().len();
            tokio::time::sleep(REST).await;
            let others = self.wire.others();
            if others.len() == before {
                return others;
            }
            assert!(
                Instant::now() < deadline,
                "the operator does not come to rest: {others:#?}"
            );
        }
    }
}

/// A condition of a [`Site`]: status, reason, message.
#[must_use]
pub fn condition(site: &Site, type_: &str) -> Option<(String, String, String)> {
    conditions(site)
        .into_iter()
        .find(|(t, ..)| t == type_)
        .map(|(_, status, reason, message)| (status, reason, message))
}

/// All conditions of a [`Site`]: type, status, reason, message.
#[must_use]
pub fn conditions(site: &Site) -> Vec<(String, String, String, String)> {
    let text = |condition: &serde_json::Value, member: &str| {
        condition
            .get(member)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    site.status
        .as_ref()
        .and_then(|status| status.conditions.as_ref())
        .into_iter()
        .flatten()
        .map(|condition| {
            (
                text(condition, "type"),
                text(condition, "status"),
                text(condition, "reason"),
                text(condition, "message"),
            )
        })
        .collect()
}

/// Polls until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What scenarios about children share: an operator without types whose children follow from the parent's message.
impl Stage {
    /// Starts an operator called `site` with children of these kinds: those that `desired` makes of a parent's message,
    /// as JSON. Their names get the parent's name and `-` in front; the status is the message.
    pub async fn start_desired(
        &self,
        kinds: &[(roperator::Kind, roperator::ChildConfig)],
        desired: impl Fn(&str) -> Vec<serde_json::Value> + Send + Sync + 'static,
    ) -> OperatorHandle {
        let config = self.dynamic_config("site");
        let config = kinds
            .iter()
            .fold(config, |config, (kind, child)| config.with_child(kind.clone(), *child));
        self.start_desired_with(config, desired).await
    }

    /// The same with a configuration of one's own.
    pub async fn start_desired_with(
        &self,
        config: OperatorConfig,
        desired: impl Fn(&str) -> Vec<serde_json::Value> + Send + Sync + 'static,
    ) -> OperatorHandle {
        let sync =
            move |request: &roperator::SyncRequest<Dynamic>| -> roperator::Result<roperator::SyncResponse<Dynamic>> {
                let parent = request.parent_object();
                let spec = parent.to_value();
                let message = spec
                    .pointer("/spec/message")
                    .and_then(serde_json::Value::as_str)
                    .unwrap_or_default();
                // Stated in full: what the schema defaults is another scenario's matter.
                let status = json!({"message": message, "observed": 0});
                let children = desired(message).into_iter().map(|mut child| {
                    let name = child
                        .pointer("/metadata/name")
                        .and_then(serde_json::Value::as_str)
                        .unwrap_or_default();
                    let name = format!("{}-{name}", parent.name());
                    if let Some(metadata) = child.get_mut("metadata").and_then(serde_json::Value::as_object_mut) {
                        metadata.insert("name".to_owned(), name.into());
                        metadata.insert("namespace".to_owned(), parent.namespace().unwrap_or_default().into());
                    }
                    child
                });
                Ok(roperator::SyncResponse::from_status(status).children(children))
            };
        self.start_dynamic(config, sync).await
    }

    /// Sets a [`Site`]'s message.
    pub async fn say(&self, site: &str, message: &str) {
        self.edit::<Site>(site, json!({"spec": {"message": message}})).await;
    }

    /// Waits until a [`Site`]'s status has caught up with its spec and says that all is well.
    pub async fn wait_settled(&self, site: &str) -> Site {
        let is_settled = |found: &Site| {
            let observed = found.status.as_ref().and_then(|status| status.observed_generation);
            observed == found.metadata.generation
                && condition(found, "Ready").is_some_and(|(status, ..)| status == "True")
        };
        self.wait_for(site, "it has settled", is_settled).await
    }

    /// What was asked of a kind beside lists and watches, in order, each with its answer: `POST 201`, `APPLY 200`, `JSON PATCH 200`.
    #[must_use]
    pub fn asked(&self, plural: &str) -> Vec<String> {
        let of_kind = |sent: &crate::wire::Sent| {
            let mut path = sent.path.split('/').skip_while(|segment| *segment != plural);
            path.next().is_some() && (sent.method != http::Method::GET || path.next().is_some())
        };
        self.wire
            .others()
            .iter()
            .filter(|sent| of_kind(sent))
            .map(ToString::to_string)
            .collect()
    }
}

/// Kinds and namespaces of a scenario's own.
impl Stage {
    /// A kind in a group of this stage's own, which no other scenario's operator sees. It is not installed.
    #[must_use]
    pub fn own_kind(&self, kind: &str, scope: roperator::Scope) -> Kind {
        let plural = format!("{}s", kind.to_lowercase());
        Kind::dynamic(format!("{}.example.com/v1", self.namespace), kind, plural, scope)
    }

    /// Installs the definition of a kind that no Rust type stands for.
    pub async fn install(&self, kind: &Kind) {
        install(&self.client, &crate::kinds::definition(kind)).await;
    }

    /// The API of a kind that no Rust type stands for, in this stage's namespace if it has namespaces.
    #[must_use]
    pub fn api_of(&self, kind: &Kind) -> Api<DynamicObject> {
        self.api_in(kind, &self.namespace)
    }

    /// The same in any namespace.
    #[must_use]
    pub fn api_in(&self, kind: &Kind, namespace: &str) -> Api<DynamicObject> {
        let resource = ApiResource {
            group: kind.group().to_owned(),
            version: kind.version().to_owned(),
            api_version: kind.api_version().to_owned(),
            kind: kind.kind().to_owned(),
            plural: kind.plural().to_owned(),
        };
        if kind.is_namespaced() {
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        }
    }

    /// Creates an object of a kind that no Rust type stands for.
    pub async fn create_of(&self, kind: &Kind, name: &str, spec: serde_json::Value) -> DynamicObject {
        self.create_in(kind, &self.namespace, name, spec).await
    }

    /// The same in any namespace.
    pub async fn create_in(&self, kind: &Kind, namespace: &str, name: &str, spec: serde_json::Value) -> DynamicObject {
        let json = json!({
            "apiVersion": kind.api_version(), "kind": kind.kind(), "metadata": {"name": name}, "spec": spec,
        });
        let object = serde_json::from_value(json).expect("an object");
        let created = self
            .api_in(kind, namespace)
            .create(&PostParams::default(), &object)
            .await;
        created.expect("it can be created")
    }

    /// Lets admission mutate the stage's objects of a core kind, and waits until it does. A policy stands in for a webhook: it
    /// goes through the same admission, and needs no server of ours.
    pub async fn admit<K>(
        &self,
        plural: &str,
        operations: &[&str],
        mutation: serde_json::Value,
        probe: &K,
        is_admitted: impl Fn(&K) -> bool,
    ) where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
    {
        let name = format!("{plural}.{}.example.com", self.namespace);
        let metadata = json!({"name": name});
        let rule = json!({"apiGroups": [""], "apiVersions": ["v1"], "resources": [plural], "operations": operations});
        let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": self.namespace}});
        let policy = json!({"metadata": metadata, "spec": {
            "reinvocationPolicy": "IfNeeded",
            "matchConstraints": {"namespaceSelector": selector, "resourceRules": [rule]},
            "mutations": [mutation],
        }});
        let binding = json!({"metadata": metadata, "spec": {"policyName": name}});
        let policy: MutatingAdmissionPolicy = serde_json::from_value(policy).expect("a policy");
        let binding: MutatingAdmissionPolicyBinding = serde_json::from_value(binding).expect("a binding");
        let params = PostParams::default();
        let policies = Api::all(self.client.clone());
        policies.create(&params, &policy).await.expect("the policy");
        let bindings = Api::all(self.client.clone());
        bindings.create(&params, &binding).await.expect("its binding");
        let dry_run = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        eventually("the policy is in force", async || {
            let made = self.api::<K>().create(&dry_run, probe).await.ok()?;
            is_admitted(&made).then_some(())
        })
        .await;
    }

    /// Creates a namespace beside the stage's own, which the operator's account may use as well.
    pub async fn other_namespace(&self, suffix: &str) -> String {
        let name = format!("{}-{suffix}", self.namespace);
        let metadata = ObjectMeta {
            name: Some(name.clone()),
            ..ObjectMeta::default()
        };
        let namespace = Namespace {
            metadata,
            ..Namespace::default()
        };
        Api::<Namespace>::all(self.client.clone())
            .create(&PostParams::default(), &namespace)
            .await
            .expect("a namespace");
        name
    }

    /// Starts the operators of a runtime, on a port of its own, and waits until they reconcile.
    pub async fn launch(&self, runtime: Runtime) -> OperatorHandle {
        let handle = runtime.server_port(0).start().await.expect("the operators start");
        self.ready(&handle).await;
        handle
    }
}

/// A parameter of a request's query, decoded.
#[must_use]
pub fn parameter(sent: &crate::wire::Sent, name: &str) -> Option<String> {
    let pairs = sent.query.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.into_iter().find(|(key, _)| *key == name)?.1.replace('+', " ");
    let mut parts = value.split('%');
    let mut decoded = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (byte, rest) = part.split_at_checked(2)?;
        decoded.push(u8::from_str_radix(byte, 16).ok()?);
        decoded.extend(rest.as_bytes());
    }
    String::from_utf8(decoded).ok()
}

/// What scenarios about faults share.
impl Stage {
    /// Creates a [`Site`] with this many children, where its handler is [`fan_out`](crate::kinds::fan_out).
    pub async fn site_of(&self, name: &str, message: &str, count: u32) -> Site {
        let spec = SiteSpec {
            message: message.to_owned(),
            count,
            ..SiteSpec::default()
        };
        self.create(Site::new(name, spec)).await
    }

    /// The ConfigMaps of this stage, whole, by name: equal only if nobody has written to any of them.
    pub async fn config_maps(&self) -> std::collections::BTreeMap<String, ConfigMap> {
        let all = self.api::<ConfigMap>().list(&kube::api::ListParams::default()).await;
        let all = all.expect("a list").items.into_iter();
        all.map(|object| (object.name_any(), object)).collect()
    }
}

/// Where handlers can be made to wait.
#[derive(Clone, Default)]
pub struct Gate(std::sync::Arc<(tokio::sync::watch::Sender<bool>, AtomicUsize)>);

impl Gate {
    /// Whoever comes waits from now on.
    pub fn close(&self) {
        self.0.0.send_replace(true);
    }

    /// All go on, those that wait included.
    pub fn open(&self) {
        self.0.0.send_replace(false);
    }

    /// Waits while the gate is closed.
    pub async fn pass(&self) {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        let mut closed = self.0.0.subscribe();
        let _ = closed.wait_for(|closed| !*closed).await;
    }

    /// How many have come so far.
    #[must_use]
    pub fn came(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    /// Waits until this many have come.
    pub async fn wait_came(&self, number: usize) {
        eventually("handlers come to the gate", async || {
            (self.came() >= number).then_some(())
        })
        .await;
    }
}

/// An answer over plain HTTP.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub code: u16,
    /// The status line and the headers.
    pub head: String,
    /// The body.
    pub body: String,
}

/// GETs a path; `None` where nobody listens.
pub async fn http_get(address: std::net::SocketAddr, path: &str) -> Option<Answer> {
    use std::io::{Read, Write};

    let request = format!("GET {path} HTTP/1.1\r\nhost: scenario\r\nconnection: close\r\n\r\n");
    let exchange = move || {
        let mut stream = std::net::TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let code = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer {
            code,
            head: head.to_owned(),
            body: body.to_owned(),
        })
    };
    tokio::task::spawn_blocking(exchange).await.expect("it does not panic")
}

/// The value of a metric with these labels among others, such as `result="success"`.
#[must_use]
pub fn metric(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let is_it = |line: &&str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with([' ', '{'])) && labels.iter().all(|label| line.contains(label))
    };
    text.lines().find(is_it)?.rsplit(' ').next()?.parse().ok()
}
