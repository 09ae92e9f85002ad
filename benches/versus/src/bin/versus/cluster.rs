//! A fresh API server with the CRD, a role for the peer, and the driver's own writes, which are tallied so that they can
//! be taken off the counts.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{TryStreamExt as _, stream};
use k8s_openapi::{
    api::{
        core::v1::Namespace,
        rbac::v1::{ClusterRole, ClusterRoleBinding},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, CustomResourceExt as _, Resource,
    api::{Patch, PatchParams, PostParams},
    runtime::wait::{await_condition, conditions::is_crd_established},
};
use roperator_testkit::real::RealServer;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use versus::{Site, SiteSpec};

use crate::{
    Result,
    board::Board,
    process,
    stage::{NAMESPACE, PORT, message_of, name_of},
    traffic::Traffic,
};

/// Every Service takes an address of the server's range.
pub const MOST_PARENTS: usize = 50_000;

/// The user that peers are.
const USER: &str = "operator-0";
/// Writers of the driver.
const WRITERS: usize = 8;
const SETUP_DEADLINE: Duration = Duration::from_secs(30);
const PARENTS_DEADLINE: Duration = Duration::from_secs(300);

/// An API server for one peer in one run.
pub struct Cluster {
    server: RealServer,
    client: Client,
    pub board: Arc<Board>,
    watches: JoinSet<()>,
    parents: usize,
    own_writes: AtomicU64,
}

impl Cluster {
    /// Starts the server, and makes all parents.
    pub async fn start(parents: usize) -> Result<Self> {
        let server = RealServer::start().await?;
        stop_controllers(&server)?;
        let client = server.client().await?;
        install(&client).await?;
        let (board, watches) = Board::watch(&client, parents)?;
        let cluster = Self {
            server,
            client,
            board,
            watches,
            parents,
            own_writes: AtomicU64::new(0),
        };
        cluster.create_parents().await?;
        Ok(cluster)
    }

    /// Ends the server.
    pub async fn shutdown(mut self) {
        self.watches.shutdown().await;
        self.server.shutdown().await;
    }

    /// How many parents there are.
    pub fn parents(&self) -> usize {
        self.parents
    }

    /// What else could explain a result.
    pub async fn environment(&self) -> Result<Value> {
        let load = std::fs::read_to_string("/proc/loadavg")?;
        Ok(json!({
            "kubernetes": self.client.apiserver_version().await?.git_version,
            "cores": std::thread::available_parallelism()?.get(),
            "load": load.split(' ').take(3).collect::<Vec<_>>(),
        }))
    }

    /// Writes a kubeconfig of a user whom RBAC binds.
    pub async fn kubeconfig(&self) -> Result<PathBuf> {
        let path = self.server.folder().join("peer.kubeconfig");
        self.server.kubeconfig(&path).await?;
        let mut kubeconfig: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
        let token = serde_json::to_value(self.server.user(USER).auth_info)?["token"].take();
        kubeconfig["users"][0]["user"] = json!({"token": token});
        std::fs::write(&path, kubeconfig.to_string())?;
        Ok(path)
    }

    /// All requests since the start but the driver's own.
    pub async fn traffic(&self) -> Result<Traffic> {
        let mut traffic = Traffic::from_requests(&self.server.requests().await?);
        traffic.parent_writes = traffic
            .parent_writes
            .saturating_sub(self.own_writes.load(Ordering::Relaxed));
        Ok(traffic)
    }

    /// The seconds of processor time that the API server has used.
    pub fn apiserver_cpu(&self) -> Result<f64> {
        process::cpu_seconds(self.server.apiserver_id().ok_or("the API server stopped")?)
    }

    async fn create_parents(&self) -> Result<()> {
        let api = Api::<Site>::namespaced(self.client.clone(), NAMESPACE);
        let params = PostParams::default();
        self.for_all_parents(|number| {
            let site = Site::new(
                &name_of(number),
                SiteSpec {
                    message: message_of(0),
                    port: PORT,
                },
            );
            let (api, params) = (&api, &params);
            async move { api.create(params, &site).await.map(drop) }
        })
        .await?;
        self.board.all_exist(SETUP_DEADLINE).await
    }

    /// Gives all parents a round's message, as fast as the writers can.
    pub async fn patch_parents(&self, round: u32) -> Result<()> {
        let sites = self.sites();
        let sites = &sites;
        self.for_all_parents(|number| async move { patch(sites, number, round).await })
            .await
    }

    /// Gives one parent a round's message.
    pub async fn patch_parent(&self, number: usize, round: u32) -> Result<()> {
        patch(&self.sites(), number, round).await?;
        self.own_writes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn sites(&self) -> Api<Site> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    async fn for_all_parents<F>(&self, write: impl Fn(usize) -> F) -> Result<()>
    where
        F: Future<Output = Result<(), kube::Error>>,
    {
        let write = &write;
        let all = stream::iter((0..self.parents).map(Ok)).try_for_each_concurrent(WRITERS, |number| async move {
            write(number).await?;
            self.own_writes.fetch_add(1, Ordering::Relaxed);
            Ok::<_, kube::Error>(())
        });
        Ok(tokio::time::timeout(PARENTS_DEADLINE, all)
            .await
            .map_err(|_| "the driver's writes took too long")??)
    }
}

async fn patch(sites: &Api<Site>, number: usize, round: u32) -> Result<(), kube::Error> {
    let patch = Patch::Merge(json!({"spec": {"message": message_of(round)}}));
    sites
        .patch(&name_of(number), &PatchParams::default(), &patch)
        .await
        .map(drop)
}

/// The job needs no controller of Kubernetes, and the garbage collector's reads would be counted among the peer's.
fn stop_controllers(server: &RealServer) -> Result<()> {
    for id in server.process_ids() {
        // It may still be the shell that is about to become the controller manager.
        let is_etcd = std::fs::read_to_string(format!("/proc/{id}/comm"))?.trim() == "etcd";
        if !is_etcd && server.apiserver_id() != Some(id) {
            let id = i32::try_from(id)
                .ok()
                .and_then(Pid::from_raw)
                .ok_or("a process id out of range")?;
            kill_process(id, Signal::KILL)?;
        }
    }
    Ok(())
}

async fn install(client: &Client) -> Result<()> {
    create::<Namespace>(client, json!({"metadata": {"name": NAMESPACE}})).await?;
    create::<ClusterRole>(client, json!({"metadata": {"name": "peer"}, "rules": rules()})).await?;
    create::<ClusterRoleBinding>(
        client,
        json!({
            "metadata": {"name": "peer"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "peer"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}],
        }),
    )
    .await?;
    create::<CustomResourceDefinition>(client, crd()?).await?;
    let established = await_condition(Api::all(client.clone()), Site::crd_name(), is_crd_established());
    tokio::time::timeout(SETUP_DEADLINE, established)
        .await
        .map_err(|_| "the CRD is not established")??;
    // Established is said before the paths are served.
    let api = Api::<Site>::namespaced(client.clone(), NAMESPACE);
    let served = async {
        while api.list(&Default::default()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    Ok(tokio::time::timeout(SETUP_DEADLINE, served)
        .await
        .map_err(|_| "the CRD is not served")?)
}

async fn create<K>(client: &Client, object: Value) -> Result<K>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let object: K = serde_json::from_value(object)?;
    Ok(Api::<K>::all(client.clone())
        .create(&PostParams::default(), &object)
        .await?)
}

/// One role for all peers: what any of them needs.
fn rules() -> Value {
    let all = ["get", "list", "watch", "create", "update", "patch", "delete"];
    json!([
        {"apiGroups": ["bench.example.com"], "resources": ["sites", "sites/status", "sites/finalizers"], "verbs": all},
        {"apiGroups": [""], "resources": ["configmaps", "services"], "verbs": all},
        {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
        {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": ["get", "list", "watch"]},
    ])
}

/// One CRD for all peers, whose status has conditions and the observed generation, as the API conventions have it.
fn crd() -> Result<Value> {
    let mut crd = serde_json::to_value(Site::crd())?;
    let status = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
    let fields = status.as_object_mut().ok_or("the CRD has no status")?;
    fields.remove("required");
    let text = json!({"type": "string"});
    fields["properties"]["observedGeneration"] = json!({"type": "integer", "format": "int64"});
    fields["properties"]["conditions"] = json!({
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": text, "status": text, "reason": text, "message": text,
                "lastTransitionTime": {"type": "string", "format": "date-time"},
                "observedGeneration": {"type": "integer", "format": "int64"},
            },
        },
    });
    Ok(crd)
}
