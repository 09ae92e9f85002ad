//! Operators at work in one process: shared watches, a queue each, health and metrics, an orderly end.
//!
//! In: a client, and operators. Out: a process that reconciles until it is told to stop. No decision about an object is
//! taken here.

mod controller;
mod metrics;
mod queue;
mod server;

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use jiff::Timestamp;
use kube::{Client, Config};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::Instant,
};

use self::{
    controller::{Controller, Reconcile},
    metrics::Metrics,
    server::Probe,
};
use crate::{
    api::Api,
    config::{ConfigError, OperatorConfig, ServerConfig},
    connection::connect,
    declaration::Declaration,
    error::Result,
    kind::Kind,
    operator::{Declared, Dispatch, Handler, IntoHandler, Operator, Parent},
    reconcile::{Reconciler, Stores},
    watch::{Store, WatchKey, plan},
};

/// How long turns that run may take to end at shutdown, unless set.
const GRACE: Duration = Duration::from_secs(30);

/// Runs an operator against the cluster of the current kubeconfig or, in a Pod, of its service account, until SIGINT or
/// SIGTERM.
///
/// # Errors
/// When no cluster is configured, the operator's configuration is wrong, or the port for health and metrics is taken.
// Were the future's type one of the operator's, the compiler would tell of a missing handler once for each use of it.
pub fn run<O>(operator: O) -> BoxFuture<'static, Result<()>>
where
    O: Declared + Handler,
    O::Finalization: Dispatch<O, O>,
{
    Box::pin(run_operator(O::config(), operator))
}

/// Runs an operator with a configuration of its own: for kinds that are known only at run time ([`Dynamic`]), or to adapt
/// what a declaration states.
///
/// [`Dynamic`]: crate::Dynamic
///
/// # Errors
/// When no cluster is configured, the configuration is wrong, or the port for health and metrics is taken.
pub async fn run_operator<O, S, I>(config: OperatorConfig, handler: I) -> Result<()>
where
    O: Operator<Finalization: Dispatch<O, I::Handler>>,
    I: IntoHandler<O, S>,
{
    Ok(Runtime::new(client().await?).add_with(config, handler).run().await?)
}

/// A client for the cluster of the current kubeconfig or, in a Pod, of its service account, that leaves retries to the
/// runtime, whose back-off knows the object.
///
/// # Errors
/// When no cluster is configured.
pub async fn client() -> Result<Client, RuntimeError> {
    let config = Config::infer()
        .await
        .map_err(|error| RuntimeError::NoCluster(Box::new(kube::Error::InferConfig(error))))?;
    connect(config).map_err(|error| RuntimeError::NoCluster(Box::new(error)))
}

/// Why operators could not start, or stopped by themselves.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// There is neither a kubeconfig nor a service account.
    #[error("no cluster to run against: {0}; set KUBECONFIG, or run in a Pod with a service account")]
    NoCluster(#[source] Box<kube::Error>),
    /// An operator's configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A handler's parent type is of another kind than its configuration says.
    #[error("operator `{operator}` is configured for {configured}, but its handler is written for {expected}")]
    WrongParent {
        /// The operator's name.
        operator: String,
        /// The configuration's parent kind.
        configured: String,
        /// The handler's.
        expected: String,
    },
    /// A configuration lacks a child kind that its handler may return.
    #[error(
        "operator `{operator}` is configured without {missing}, which its handler declares; start from `{operator}`'s own \
         `config()`, or add it with `with_child`"
    )]
    MissingChild {
        /// The operator's name.
        operator: String,
        /// The declared kind that is not configured.
        missing: String,
    },
    /// Two operators have the same name.
    #[error(
        "two operators are called `{0}`, so that each would take the other's children for its own; give one another name"
    )]
    SameName(String),
    /// There is nothing to run.
    #[error("no operator was added; call `add` or `add_with` before `run`")]
    NoOperator,
    /// The port for health and metrics is taken.
    #[error("{0}")]
    Server(String),
    /// Signals cannot be listened to.
    #[error("SIGINT and SIGTERM cannot be listened to: {0}")]
    Signal(#[source] std::io::Error),
    /// A part of the runtime stopped by itself: a defect of roperator.
    #[error("the runtime stopped unexpectedly: {0}")]
    Stopped(String),
    /// Turns did not end in time at shutdown.
    #[error("turns still ran {} s after the shutdown began, and were aborted", .0.as_secs_f32())]
    Aborted(Duration),
}

/// Operators of one process.
///
/// ```no_run
/// # use roperator::{prelude::*, Dynamic, Kind, Runtime};
/// # async fn example() -> Result<()> {
/// # const SITE: Kind = Kind::namespaced("example.com/v1", "Site", "sites");
/// # fn sync(_: &SyncRequest<Dynamic>) -> Result<SyncResponse<Dynamic>> { Ok(SyncResponse::new()) }
/// let handle = Runtime::new(roperator::client().await?)
///     .add_with(OperatorConfig::new("site", SITE), sync)
///     .start()
///     .await?;
/// handle.shutdown().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a runtime does nothing until it is started or run"]
pub struct Runtime {
    client: Client,
    operators: Vec<Added>,
    server: Option<ServerConfig>,
    grace: Duration,
}

/// What turns stores into a reconciler of one operator.
type Build = Box<dyn FnOnce(&Parts) -> Arc<dyn Reconcile> + Send>;

struct Added {
    config: Arc<OperatorConfig>,
    expected: Option<Kind>,
    declaration: Option<Declaration>,
    build: Build,
}

/// What all operators share.
struct Parts {
    api: Api,
    stores: HashMap<WatchKey, Arc<Store>>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Parts {
    fn stores_of(&self, config: &OperatorConfig, kind: &Kind) -> Stores {
        let store = |namespace| {
            self.stores
                .get(&WatchKey {
                    kind: kind.clone(),
                    namespace,
                })
                .cloned()
        };
        match store(None) {
            Some(all) => Stores(vec![all]),
            None => Stores(
                config
                    .namespaces
                    .iter()
                    .filter_map(|namespace| store(Some(namespace.clone())))
                    .collect(),
            ),
        }
    }
}

impl Runtime {
    /// A runtime that uses this client. [`client`] makes one whose retries are the runtime's own.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            operators: Vec::new(),
            server: None,
            grace: GRACE,
        }
    }

    /// Adds an operator as it is declared.
    #[expect(clippy::should_implement_trait, reason = "nobody takes a runtime for a number")]
    pub fn add<O>(self, operator: O) -> Self
    where
        O: Declared + Handler,
        O::Finalization: Dispatch<O, O>,
    {
        self.add_with(O::config(), operator)
    }

    /// Adds an operator with a configuration of its own.
    pub fn add_with<O, S, I>(mut self, config: OperatorConfig, handler: I) -> Self
    where
        O: Operator<Finalization: Dispatch<O, I::Handler>>,
        I: IntoHandler<O, S>,
    {
        let config = Arc::new(config);
        let handler = Arc::new(handler.into_handler());
        let own = config.clone();
        let build = move |parts: &Parts| -> Arc<dyn Reconcile> {
            let parents = parts.stores_of(&own, &own.parent);
            let children = own
                .children
                .iter()
                .map(|child| parts.stores_of(&own, &child.kind))
                .collect();
            let (api, clock) = (parts.api.clone(), parts.clock.clone());
            Arc::new(Reconciler::<O, I::Handler>::new(
                own, handler, api, clock, parents, children,
            ))
        };
        self.operators.push(Added {
            config,
            expected: O::Parent::expected_kind(),
            declaration: O::declaration(),
            build: Box::new(build),
        });
        self
    }

    /// What is served over HTTP about the process, and on which port; what the first operator's configuration says unless
    /// set. Outside a cluster it listens on loopback only.
    pub fn server(mut self, server: ServerConfig) -> Self {
        self.server = Some(server);
        self
    }

    /// The port of `/health`, `/ready` and `/metrics`; 8080 unless set, 0 for one that is free.
    pub fn server_port(mut self, port: u16) -> Self {
        self.server = Some(ServerConfig {
            port,
            ..self.server_config()
        });
        self
    }

    /// What was set here, or else what the first operator's configuration says.
    fn server_config(&self) -> ServerConfig {
        let first = self.operators.first().map(|added| added.config.server);
        self.server.or(first).unwrap_or_default()
    }

    /// How long turns that run may take to end at shutdown; 30 s unless set.
    pub fn shutdown_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Runs until SIGINT or SIGTERM, then shuts down gracefully.
    ///
    /// # Errors
    /// When an operator's configuration is wrong or the port for health and metrics is taken; or when the runtime stops by
    /// itself.
    pub async fn run(self) -> Result<(), RuntimeError> {
        let mut interrupt = signal(tokio::signal::unix::SignalKind::interrupt())?;
        let mut terminate = signal(tokio::signal::unix::SignalKind::terminate())?;
        let mut handle = self.start().await?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            result = handle.ended() => return result,
        }
        handle.shutdown().await
    }

    /// Starts the operators in the background.
    ///
    /// # Errors
    /// When an operator's configuration is wrong or the port for health and metrics is taken.
    pub async fn start(self) -> Result<OperatorHandle, RuntimeError> {
        self.check()?;
        let server_config = self.server_config();
        let listener = server::bind(server_config)
            .await
            .map_err(|error| RuntimeError::Server(error.to_string()))?;
        let address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let metrics = Metrics::new();
        let configs: Vec<_> = self.operators.iter().map(|added| added.config.clone()).collect();
        let stores = plan(&configs)
            .into_iter()
            .map(|spec| (spec.key.clone(), Store::new(spec)))
            .collect();
        let parts = Parts {
            api: Api::new(self.client.clone(), metrics.clone()),
            stores,
            clock: clock(),
        };
        let controllers: Vec<_> = self
            .operators
            .into_iter()
            .map(|added| Controller::new((added.build)(&parts), metrics.of(&added.config.name)))
            .collect();
        let stores: Vec<_> = parts.stores.into_values().collect();
        let process = Arc::new(Process {
            controllers: controllers.clone(),
            stores: stores.clone(),
            metrics: metrics.clone(),
            is_alive: AtomicBool::new(true),
        });
        let (stop, stopped) = watch::channel(false);
        let mut background = JoinSet::new();
        for store in stores {
            background.spawn(store.follow(self.client.clone(), metrics.clone()));
        }
        if let Some(listener) = listener {
            background.spawn(server::serve(listener, server_config, metrics, process.clone()));
        }
        let mut working = JoinSet::new();
        for controller in controllers {
            working.spawn(controller.run(stopped.clone()));
        }
        let task = tokio::spawn(supervise(process.clone(), background, working, stopped, self.grace));
        Ok(OperatorHandle {
            stop,
            task: Some(task),
            process,
            address,
        })
    }

    fn check(&self) -> Result<(), RuntimeError> {
        let mut names = HashSet::new();
        for Added {
            config,
            expected,
            declaration,
            ..
        } in &self.operators
        {
            config.check()?;
            for name in config.names() {
                if !names.insert(name.to_owned()) {
                    return Err(RuntimeError::SameName(name.to_owned()));
                }
            }
            if let Some(expected) = expected.as_ref().filter(|expected| **expected != *config.parent) {
                return Err(RuntimeError::WrongParent {
                    operator: config.name.clone(),
                    configured: config.parent.to_string(),
                    expected: expected.to_string(),
                });
            }
            let declared = declaration.iter().flat_map(|declaration| declaration.children);
            for kind in declared.map(|child| (child.kind)()) {
                if config.children().all(|(configured, _)| *configured != kind) {
                    return Err(RuntimeError::MissingChild {
                        operator: config.name.clone(),
                        missing: kind.to_string(),
                    });
                }
            }
        }
        if names.is_empty() {
            Err(RuntimeError::NoOperator)
        } else {
            Ok(())
        }
    }
}

fn signal(kind: tokio::signal::unix::SignalKind) -> Result<tokio::signal::unix::Signal, RuntimeError> {
    tokio::signal::unix::signal(kind).map_err(RuntimeError::Signal)
}

/// Tokio's clock, which tests can stop, with the time of day that it started at.
fn clock() -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
    let (started, since) = (Timestamp::now(), Instant::now());
    Arc::new(move || started.checked_add(since.elapsed()).unwrap_or(Timestamp::MAX))
}

/// Waits for the end: asked for, or by itself, which is a defect.
async fn supervise(
    process: Arc<Process>,
    mut background: JoinSet<()>,
    mut working: JoinSet<()>,
    mut stopped: watch::Receiver<bool>,
    grace: Duration,
) -> Result<(), RuntimeError> {
    let unexpected = tokio::select! {
        _ = stopped.wait_for(|stopped| *stopped) => None,
        Some(ended) = background.join_next() => Some(ended),
        Some(ended) = working.join_next() => Some(ended),
    };
    let result = match unexpected {
        None => {
            let ended = async { while working.join_next().await.is_some() {} };
            tokio::time::timeout(grace, ended)
                .await
                .map_err(|_| RuntimeError::Aborted(grace))
        }
        // A task may also have ended because of the stop, a moment before we were told.
        Some(Ok(())) if *stopped.borrow() => Ok(()),
        Some(ended) => {
            let why = ended
                .err()
                .map_or_else(|| "a part of it ended".to_owned(), |error| error.to_string());
            tracing::error!("the runtime stopped unexpectedly: {why}");
            Err(RuntimeError::Stopped(why))
        }
    };
    if result.is_ok() {
        tracing::info!("shut down: all turns have ended");
    }
    process.is_alive.store(false, Ordering::Relaxed);
    working.abort_all();
    background.abort_all();
    result
}

/// What the probes and metrics look at.
struct Process {
    controllers: Vec<Arc<Controller>>,
    stores: Vec<Arc<Store>>,
    metrics: Arc<Metrics>,
    is_alive: AtomicBool,
}

impl Probe for Process {
    fn dead(&self) -> Option<String> {
        (!self.is_alive.load(Ordering::Relaxed)).then(|| "the runtime has stopped".to_owned())
    }

    fn unready(&self) -> Vec<String> {
        let waiting = self.stores.iter().filter_map(|store| {
            let health = store.health().borrow().clone();
            match health.problem {
                Some(problem) => Some(problem),
                None if !health.synced => Some(format!("{} is being listed", store.key().kind)),
                None => None,
            }
        });
        let starting = self.controllers.iter().filter(|controller| !controller.is_ready());
        waiting
            .chain(starting.map(|controller| format!("operator `{}` is starting", controller.name())))
            .collect()
    }

    fn refresh(&self) {
        let mut cached: HashMap<&Kind, usize> = HashMap::new();
        for store in &self.stores {
            *cached.entry(&store.key().kind).or_default() += store.len();
        }
        cached
            .into_iter()
            .for_each(|(kind, objects)| self.metrics.cached(kind, objects));
        self.controllers
            .iter()
            .for_each(|controller| controller.refresh_metrics());
    }
}

/// Operators that run in the background. Dropping it stops them at once.
pub struct OperatorHandle {
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<Result<(), RuntimeError>>>,
    process: Arc<Process>,
    address: Option<SocketAddr>,
}

impl OperatorHandle {
    /// Whether the operators run.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.is_finished())
    }

    /// What the operators still wait for before they reconcile; empty once they do. `/ready` answers the same.
    #[must_use]
    pub fn unready(&self) -> Vec<String> {
        self.process.unready()
    }

    /// Where `/health`, `/ready` and `/metrics` are served.
    #[must_use]
    pub fn server_address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The metrics, as `/metrics` has them.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.process.refresh();
        self.process.metrics.encode()
    }

    /// Returns when the operators stop by themselves.
    async fn ended(&mut self) -> Result<(), RuntimeError> {
        match &mut self.task {
            Some(task) => task
                .await
                .unwrap_or_else(|error| Err(RuntimeError::Stopped(error.to_string()))),
            None => Ok(()),
        }
    }

    /// Takes no new turn, waits for those that run (for the grace period at most), and stops.
    ///
    /// # Errors
    /// When turns had to be aborted, or the runtime had stopped by itself.
    pub async fn shutdown(mut self) -> Result<(), RuntimeError> {
        // Nobody listens any more when the runtime has stopped by itself.
        let _ = self.stop.send(true);
        match self.task.take() {
            Some(task) => task
                .await
                .unwrap_or_else(|error| Err(RuntimeError::Stopped(error.to_string()))),
            None => Ok(()),
        }
    }

    /// Stops at once; turns that run are aborted.
    pub fn shutdown_now(self) {
        drop(self);
    }
}

impl Drop for OperatorHandle {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
