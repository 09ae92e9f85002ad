//! The whole story of an operator, with no cluster: an API server is started, an `EchoServer` is created, edited, broken and
//! deleted, and what the operator does about it is told.
//!
//! `-- --stay` keeps everything up and prints a kubeconfig for kubectl.

use std::{
    error::Error,
    net::Ipv4Addr,
    process::ExitCode,
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::core::v1::{Pod, Service},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::Timestamp,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use roperator::{Declared, OperatorHandle, Runtime};
use roperator_examples::echo::{EchoOperator, EchoServer, EchoServerSpec};
use roperator_testkit::server::ApiServer;
use serde_json::json;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(30);
const NAME: &str = "hello";
const USAGE: &str = "usage: demo [--stay]\n  --stay  keeps everything up and prints a kubeconfig for kubectl";

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(filter())
        .with_writer(std::io::stderr)
        .init();
    let stay = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [stay] if stay == "--stay" => true,
        [help] if help == "--help" || help == "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match tell(stay).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the demo failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn filter() -> tracing_subscriber::EnvFilter {
    tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| "error,kube_client=off,kube_runtime=off".into())
}

async fn tell(stay: bool) -> Outcome {
    let started = Instant::now();
    let server = ApiServer::start();
    let client = Client::new(server.clone(), "default");
    say(started, "an API server runs, in this process");

    install(&client, &EchoOperator::crd()).await?;
    say(started, "the definition of EchoServer is installed");

    let operator = Runtime::new(client.clone())
        .server_port(0)
        .add(EchoOperator)
        .start()
        .await?;
    ready(&operator).await?;
    say(started, "the operator watches EchoServers, Pods and Services");

    let story = Story {
        started,
        echos: namespaced(&client),
        pods: namespaced(&client),
        services: namespaced(&client),
    };
    story.create().await?;
    story.edit().await?;
    story.repair().await?;
    if stay {
        stay_up(&server, operator).await?;
    } else {
        story.delete().await?;
        operator.shutdown().await?;
        say(started, "the operator has shut down: that was all");
    }
    Ok(())
}

struct Story {
    started: Instant,
    echos: Api<EchoServer>,
    pods: Api<Pod>,
    services: Api<Service>,
}

impl Story {
    async fn create(&self) -> Outcome {
        let spec = EchoServerSpec {
            service_name: "echo".to_owned(),
            image: "echo:1".to_owned(),
        };
        self.echos
            .create(&PostParams::default(), &EchoServer::new(NAME, spec))
            .await?;
        self.say("EchoServer `hello` is created");
        let pod = eventually("the Pod", async || self.pods.get_opt("hello-server").await.ok()?).await?;
        let service = eventually("the Service", async || self.services.get_opt("echo").await.ok()?).await?;
        self.say(&format!(
            "  its Pod `{}` and its Service `{}` are there; nothing runs Pods here",
            pod.name_any(),
            service.name_any()
        ));
        self.run_pod().await
    }

    /// Nothing runs Pods here, so that somebody has to write in the place of a kubelet.
    async fn run_pod(&self) -> Outcome {
        self.wait_ready(false).await?;
        let since = Time(Timestamp::now());
        let pod = self.pods.get("hello-server").await?;
        let containers: Vec<_> = pod.spec.into_iter().flat_map(|spec| spec.containers).collect();
        let containers = containers.iter().map(|container| {
            json!({
                "name": container.name, "image": container.image, "imageID": "", "restartCount": 0,
                "ready": true, "started": true, "state": {"running": {"startedAt": since}},
            })
        });
        let status = json!({"status": {
            "phase": "Running",
            "conditions": [{"type": "ContainersReady", "status": "True"}, {"type": "Ready", "status": "True"}],
            "containerStatuses": containers.collect::<Vec<_>>(),
        }});
        self.pods
            .patch_status("hello-server", &PatchParams::default(), &Patch::Merge(status))
            .await?;
        self.say("  in the place of a kubelet, the demo writes that the Pod runs and is ready");
        self.wait_ready(true).await?;
        self.say("  the operator says so in the status of `hello`");
        Ok(())
    }

    async fn wait_ready(&self, ready: bool) -> Outcome {
        eventually("the status", async || {
            let status = self.echos.get(NAME).await.ok()?.status?;
            (status.ready == ready).then_some(())
        })
        .await
    }

    async fn edit(&self) -> Outcome {
        let before = self.pods.get("hello-server").await?.uid();
        let edit = json!({"spec": {"image": "echo:2"}});
        self.echos
            .patch(NAME, &PatchParams::default(), &Patch::Merge(edit))
            .await?;
        self.say("`hello` gets another image");
        eventually("the new Pod", async || {
            let pod = self.pods.get_opt("hello-server").await.ok()??;
            let image = pod.spec.as_ref()?.containers.first()?.image.clone()?;
            (pod.uid() != before && image == "echo:2").then_some(())
        })
        .await?;
        self.say("  its Pod is deleted and created anew with it");
        self.run_pod().await
    }

    async fn repair(&self) -> Outcome {
        let edit = json!({"spec": {"selector": {"app": "something-else"}}});
        self.services
            .patch("echo", &PatchParams::default(), &Patch::Merge(edit))
            .await?;
        self.say("somebody breaks the Service's selector");
        eventually("the repair", async || {
            let service = self.services.get("echo").await.ok()?;
            (service.spec?.selector?.get("app")? == NAME).then_some(())
        })
        .await?;
        self.say("  the operator has repaired it");
        self.services.delete("echo", &DeleteParams::default()).await?;
        self.say("somebody deletes the Service");
        eventually("the new Service", async || self.services.get_opt("echo").await.ok()?).await?;
        self.say("  the operator has created it again");
        Ok(())
    }

    async fn delete(&self) -> Outcome {
        self.echos.delete(NAME, &DeleteParams::default()).await?;
        self.say("`hello` is deleted");
        eventually("the end of its Service", async || {
            self.services.get_opt("echo").await.ok()?.is_none().then_some(())
        })
        .await?;
        self.say("  the garbage collector has taken its children");
        Ok(())
    }

    fn say(&self, what: &str) {
        say(self.started, what);
    }
}

/// Lets kubectl in, until Ctrl-C.
async fn stay_up(server: &ApiServer, operator: OperatorHandle) -> Outcome {
    let served = server.serve((Ipv4Addr::LOCALHOST, 0).into()).await?;
    let kubeconfig = std::env::temp_dir().join(format!("roperator-demo-{}.kubeconfig", std::process::id()));
    served.write_kubeconfig(&kubeconfig)?;
    println!(
        "\neverything stays up until Ctrl-C; try:\n  export KUBECONFIG={}",
        kubeconfig.display()
    );
    println!("  kubectl get echoservers,pods,services");
    println!("  kubectl delete service echo                # it comes back");
    println!(
        "  kubectl edit echoserver {NAME}              # another image makes another Pod, which nobody runs here: it stays Pending"
    );
    tokio::signal::ctrl_c().await?;
    operator.shutdown().await?;
    std::fs::remove_file(kubeconfig)?;
    Ok(())
}

async fn install(client: &Client, crd: &CustomResourceDefinition) -> Outcome {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    crds.create(&PostParams::default(), crd).await?;
    eventually("the definition", async || {
        let conditions = crds.get(&crd.name_any()).await.ok()?.status?.conditions?;
        conditions
            .iter()
            .any(|condition| condition.type_ == "Established" && condition.status == "True")
            .then_some(())
    })
    .await
}

async fn ready(operator: &OperatorHandle) -> Outcome {
    eventually("the operator", async || operator.unready().is_empty().then_some(())).await
}

fn namespaced<K>(client: &Client) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
{
    Api::namespaced(client.clone(), "default")
}

async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> Outcome<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            return Err(format!("{what} did not come within {} s", PATIENCE.as_secs()).into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn say(started: Instant, what: &str) {
    println!("{:7.3} s  {what}", started.elapsed().as_secs_f64());
}
