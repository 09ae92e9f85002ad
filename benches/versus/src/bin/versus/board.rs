//! What the driver sees: three raw watches go in; which parents have what they shall have, and since when, comes out.
//! Only the few fields in question are parsed, so that watching costs little of the processors that the peers need.

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::TryStreamExt as _;
use kube::{Client, core::WatchEvent};
use serde::Deserialize;
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    Result,
    stage::{NAMESPACE, PORT, number_of, round_of},
};

/// Longer than any run.
const WATCH_SECONDS: u32 = 7200;

/// The state of all parents.
pub struct Board {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    cells: Vec<Cell>,
    target: u32,
    /// How many parents have not reached the target.
    pending: usize,
    /// Why a watch ended, which none may.
    broken: Option<String>,
}

/// What is seen of one parent. Rounds number the messages.
#[derive(Clone, Default)]
struct Cell {
    exists: bool,
    has_service: bool,
    config: Option<(u32, Instant)>,
    status: Option<(u32, Instant)>,
}

impl Cell {
    fn has_reached(&self, target: u32) -> bool {
        let is_at = |seen: &Option<(u32, Instant)>| seen.is_some_and(|(round, _)| round == target);
        self.exists && self.has_service && is_at(&self.config) && is_at(&self.status)
    }
}

/// Where a message is looked for.
#[derive(Clone, Copy)]
pub enum Place {
    /// In the ConfigMap.
    Config,
    /// In the parent's status.
    Status,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Sites,
    Configs,
    Services,
}

impl Source {
    const ALL: [Self; 3] = [Self::Sites, Self::Configs, Self::Services];

    fn path(self) -> &'static str {
        match self {
            Self::Sites => "/apis/bench.example.com/v1/namespaces/bench/sites",
            Self::Configs => "/api/v1/namespaces/bench/configmaps",
            Self::Services => "/api/v1/namespaces/bench/services",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Sites => "",
            Self::Configs => "-config",
            Self::Services => "-svc",
        }
    }
}

/// As much of an object of any of the three kinds as matters here.
#[derive(Clone, Deserialize)]
struct Seen {
    metadata: Name,
    #[serde(default)]
    data: Data,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Deserialize)]
struct Name {
    name: String,
}

#[derive(Clone, Default, Deserialize)]
struct Data {
    message: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
struct Spec {
    #[serde(default)]
    ports: Vec<Port>,
}

#[derive(Clone, Deserialize)]
struct Port {
    port: i32,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    ready: bool,
    observed_message: Option<String>,
}

impl Board {
    /// Watches until the tasks are dropped.
    pub fn watch(client: &Client, parents: usize) -> Result<(Arc<Self>, JoinSet<()>)> {
        debug_assert!(Source::ALL.iter().all(|source| source.path().contains(NAMESPACE)));
        let state = State {
            cells: vec![Cell::default(); parents],
            pending: parents,
            ..State::default()
        };
        let board = Arc::new(Self {
            state: Mutex::new(state),
            changed: Notify::new(),
        });
        let mut tasks = JoinSet::new();
        for source in Source::ALL {
            let (client, board) = (client.clone(), board.clone());
            tasks.spawn(async move {
                let ended = board.follow(client, source).await;
                let reason = ended
                    .err()
                    .map_or_else(|| "it ended".to_owned(), |error| error.to_string());
                board.lock().broken = Some(format!("the driver's watch of {} broke: {reason}", source.path()));
                board.changed.notify_waiters();
            });
        }
        Ok((board, tasks))
    }

    /// From now on, this round's message is what all parents shall show.
    pub fn aim(&self, target: u32) {
        let mut state = self.lock();
        state.target = target;
        state.pending = state.cells.iter().filter(|cell| !cell.has_reached(target)).count();
    }

    /// Waits until all parents exist.
    pub async fn all_exist(&self, limit: Duration) -> Result<()> {
        let all = |state: &State| state.cells.iter().all(|cell| cell.exists).then_some(());
        self.until(limit, "not all parents are seen", all).await
    }

    /// Waits until all parents have reached the target.
    pub async fn all_reached(&self, limit: Duration) -> Result<()> {
        let what = "not all parents have their children and status";
        let reached = self
            .until(limit, what, |state| (state.pending == 0).then_some(()))
            .await;
        reached.map_err(|error| {
            let state = self.lock();
            format!("{error}: {} of {} have not", state.pending, state.cells.len()).into()
        })
    }

    /// Waits until a parent shows a round's message, and says since when.
    pub async fn shown(&self, parent: usize, round: u32, place: Place, limit: Duration) -> Result<Instant> {
        self.until(limit, "an update is not seen", |state| {
            let cell = state.cells.get(parent)?;
            let seen = match place {
                Place::Config => cell.config,
                Place::Status => cell.status,
            };
            seen.filter(|(seen, _)| *seen == round).map(|(_, at)| at)
        })
        .await
    }

    async fn until<T>(&self, limit: Duration, what: &str, mut check: impl FnMut(&State) -> Option<T>) -> Result<T> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            {
                let state = self.lock();
                if let Some(found) = check(&state) {
                    return Ok(found);
                }
                if let Some(broken) = &state.broken {
                    return Err(broken.clone().into());
                }
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return Err(format!("{what} after {} s", limit.as_secs()).into());
            }
        }
    }

    async fn follow(&self, client: Client, source: Source) -> Result<()> {
        // From version 0 the server sends all that exists first: no list is needed.
        let path = format!(
            "{}?watch=true&resourceVersion=0&timeoutSeconds={WATCH_SECONDS}",
            source.path()
        );
        let events = client
            .request_events::<Seen>(http::Request::get(path).body(Vec::new())?)
            .await?;
        let mut events = pin!(events);
        while let Some(event) = events.try_next().await? {
            match event {
                WatchEvent::Added(seen) | WatchEvent::Modified(seen) => self.note(source, seen, true),
                WatchEvent::Deleted(seen) => self.note(source, seen, false),
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(status) => return Err(status.message.into()),
            }
        }
        Ok(())
    }

    fn note(&self, source: Source, seen: Seen, exists: bool) {
        let now = Instant::now();
        let mut state = self.lock();
        let target = state.target;
        let number = seen.metadata.name.strip_suffix(source.suffix()).and_then(number_of);
        let Some(cell) = number.and_then(|number| state.cells.get_mut(number)) else {
            return;
        };
        let had_reached = cell.has_reached(target);
        match source {
            Source::Sites => {
                cell.exists = exists;
                let round = seen.status.observed_message.as_deref().and_then(round_of);
                advance(&mut cell.status, round.filter(|_| exists && seen.status.ready), now);
            }
            Source::Configs => {
                let round = seen.data.message.as_deref().and_then(round_of);
                advance(&mut cell.config, round.filter(|_| exists), now);
            }
            Source::Services => cell.has_service = exists && seen.spec.ports.iter().any(|port| port.port == PORT),
        }
        match (had_reached, cell.has_reached(target)) {
            (false, true) => state.pending -= 1,
            (true, false) => state.pending += 1,
            _ => {}
        }
        drop(state);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the time at which a round was seen first.
fn advance(shown: &mut Option<(u32, Instant)>, round: Option<u32>, now: Instant) {
    if shown.map(|(round, _)| round) != round {
        *shown = round.map(|round| (round, now));
    }
}
