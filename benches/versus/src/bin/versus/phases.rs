//! What is measured, in order: a running API server and a peer's binary go in; samples come out. Every wait has an end.

use std::time::{Duration, Instant};

use crate::{
    Result,
    board::Place,
    cluster::Cluster,
    peers::{Binaries, Peer, Running},
    report::Samples,
    traffic::Traffic,
};

/// Until all parents are done, cold or in the burst.
const CONVERGED_DEADLINE: Duration = Duration::from_secs(600);
/// Until one update is seen.
const UPDATE_DEADLINE: Duration = Duration::from_secs(10);
/// Until nothing is requested any more.
const REST_DEADLINE: Duration = Duration::from_secs(180);
/// Two looks this far apart that show no request and next to no processor time: the peer rests.
const REST_INTERVAL: Duration = Duration::from_millis(1500);
/// Processor seconds in that interval that are still rest.
const REST_CPU: f64 = 0.05;
/// How long idleness is watched.
const IDLE: Duration = Duration::from_secs(10);
/// Between updates, so that each finds the peer idle.
const PAUSE: Duration = Duration::from_millis(10);

/// How much of it is run.
#[derive(Clone, Copy)]
pub struct Plan {
    pub parents: usize,
    pub updates: usize,
    /// Otherwise only the cold start.
    pub all_phases: bool,
}

/// Runs all phases of one peer.
pub async fn measure(
    cluster: &Cluster,
    binaries: &Binaries,
    peer: Peer,
    plan: Plan,
    samples: &mut Samples,
) -> Result<()> {
    let logs = tempfile::tempdir()?;
    let kubeconfig = cluster.kubeconfig().await?;
    let start = || Running::start(binaries, peer, &kubeconfig, logs.path());

    tokio::time::sleep(REST_INTERVAL).await;
    let before = Mark::take(cluster, 0.0).await?;
    let mut running = start()?;
    let phases = async {
        cold(cluster, before, &mut running, samples).await?;
        if !plan.all_phases || !peer.is_operator() {
            return Ok(());
        }
        idle(cluster, &mut running, samples).await?;
        restart(cluster, &mut running, start, samples).await?;
        updates(cluster, &mut running, plan.updates, samples).await?;
        burst(cluster, &mut running, samples).await
    };
    let outcome: Result<()> = phases.await;
    let outcome = outcome.map_err(|error| format!("{error}{}", running.logged()).into());
    if outcome.is_ok() && running.lines_logged() > 0 {
        samples.add("log", "lines", running.lines_logged() as f64);
    }
    running.stop().await?;
    outcome
}

/// The state of all counters at one moment.
struct Mark {
    traffic: Traffic,
    peer_cpu: f64,
    apiserver_cpu: f64,
}

impl Mark {
    async fn take(cluster: &Cluster, peer_cpu: f64) -> Result<Self> {
        Ok(Self {
            traffic: cluster.traffic().await?,
            peer_cpu,
            apiserver_cpu: cluster.apiserver_cpu()?,
        })
    }
}

/// All parents exist, and the operator starts.
async fn cold(cluster: &Cluster, before: Mark, running: &mut Running, samples: &mut Samples) -> Result<()> {
    const PHASE: &str = "cold";
    cluster.board.aim(0);
    cluster.board.all_reached(CONVERGED_DEADLINE).await?;
    let seconds = running.since.elapsed().as_secs_f64();
    let apiserver_cpu = cluster.apiserver_cpu()? - before.apiserver_cpu;
    samples.add(PHASE, "seconds until all are done", seconds);
    samples.add(PHASE, "parents/s", cluster.parents() as f64 / seconds);

    let after = until_rest(cluster, running, PHASE, samples).await?;
    let traffic = after.traffic - before.traffic;
    let parents = cluster.parents() as f64;
    samples.add(PHASE, "writes/parent", traffic.writes() as f64 / parents);
    samples.add(PHASE, "  of the ConfigMap", traffic.config_writes as f64 / parents);
    samples.add(PHASE, "  of the Service", traffic.service_writes as f64 / parents);
    samples.add(PHASE, "  of the status", traffic.status_writes as f64 / parents);
    samples.add(PHASE, "  of the parent itself", traffic.parent_writes as f64 / parents);
    samples.add(PHASE, "conflicts/parent", traffic.conflicts as f64 / parents);
    samples.add(PHASE, "GETs/parent", traffic.gets as f64 / parents);
    rare(PHASE, traffic, samples);
    samples.add(PHASE, "CPU s of the peer", after.peer_cpu - before.peer_cpu);
    samples.add(PHASE, "CPU s of the API server until done", apiserver_cpu);
    let memory = running.memory()?;
    samples.add(PHASE, "resident MB at rest", memory.now);
    samples.add(PHASE, "resident MB at most", memory.peak);
    Ok(())
}

/// Nothing happens.
async fn idle(cluster: &Cluster, running: &mut Running, samples: &mut Samples) -> Result<()> {
    const PHASE: &str = "idle";
    let before = Mark::take(cluster, running.cpu()?).await?;
    tokio::time::sleep(IDLE).await;
    let traffic = cluster.traffic().await? - before.traffic;
    samples.add(PHASE, "requests in 10 s", traffic.requests() as f64);
    samples.add(PHASE, "watches that ended", traffic.watches as f64);
    samples.add(PHASE, "events", traffic.events as f64);
    samples.add(PHASE, "leases (the API server's own too)", traffic.leases as f64);
    samples.add(PHASE, "CPU s of the peer", running.cpu()? - before.peer_cpu);
    Ok(())
}

/// The operator stops, and starts again with everything in place.
async fn restart(
    cluster: &Cluster,
    running: &mut Running,
    start: impl Fn() -> Result<Running>,
    samples: &mut Samples,
) -> Result<()> {
    const PHASE: &str = "restart";
    let before = Mark::take(cluster, 0.0).await?;
    samples.add(PHASE, "seconds to stop", running.stop().await?.as_secs_f64());
    *running = start()?;
    let after = until_rest(cluster, running, PHASE, samples).await?;
    let traffic = after.traffic - before.traffic;
    let parents = cluster.parents() as f64;
    samples.add(PHASE, "writes", traffic.writes() as f64);
    samples.add(PHASE, "writes/parent", traffic.writes() as f64 / parents);
    samples.add(PHASE, "conflicts", traffic.conflicts as f64);
    samples.add(PHASE, "GETs/parent", traffic.gets as f64 / parents);
    rare(PHASE, traffic, samples);
    samples.add(PHASE, "CPU s of the peer", after.peer_cpu);
    samples.add(PHASE, "resident MB at rest", running.memory()?.now);
    Ok(())
}

/// One parent after the other gets another message.
async fn updates(cluster: &Cluster, running: &mut Running, updates: usize, samples: &mut Samples) -> Result<()> {
    const PHASE: &str = "updates";
    let before = Mark::take(cluster, running.cpu()?).await?;
    let (mut config, mut status) = (Vec::new(), Vec::new());
    for round in 1..=u32::try_from(updates)? {
        // A stride that is prime to any number of parents there may be, so that neighbours are not updated in turn.
        let parent = round as usize * 7919 % cluster.parents();
        cluster.patch_parent(parent, round).await?;
        let answered = Instant::now();
        let shown = cluster
            .board
            .shown(parent, round, Place::Config, UPDATE_DEADLINE)
            .await?;
        // The watch may be ahead of the answer.
        config.push(shown.saturating_duration_since(answered).as_secs_f64() * 1e3);
        let shown = cluster
            .board
            .shown(parent, round, Place::Status, UPDATE_DEADLINE)
            .await?;
        status.push(shown.saturating_duration_since(answered).as_secs_f64() * 1e3);
        tokio::time::sleep(PAUSE).await;
    }
    samples.add(
        PHASE,
        "ms until the ConfigMap shows it, p50",
        percentile(&mut config, 0.50),
    );
    samples.add(
        PHASE,
        "ms until the ConfigMap shows it, p99",
        percentile(&mut config, 0.99),
    );
    samples.add(
        PHASE,
        "ms until the status shows it, p50",
        percentile(&mut status, 0.50),
    );
    samples.add(
        PHASE,
        "ms until the status shows it, p99",
        percentile(&mut status, 0.99),
    );
    let after = until_rest(cluster, running, PHASE, samples).await?;
    let traffic = after.traffic - before.traffic;
    let updates = updates as f64;
    samples.add(
        PHASE,
        "writes/update of the ConfigMap",
        traffic.config_writes as f64 / updates,
    );
    samples.add(
        PHASE,
        "writes/update of the Service",
        traffic.service_writes as f64 / updates,
    );
    samples.add(
        PHASE,
        "writes/update of the status",
        traffic.status_writes as f64 / updates,
    );
    samples.add(PHASE, "conflicts/update", traffic.conflicts as f64 / updates);
    samples.add(PHASE, "GETs/update", traffic.gets as f64 / updates);
    rare(PHASE, traffic, samples);
    samples.add(
        PHASE,
        "CPU ms of the peer/update",
        (after.peer_cpu - before.peer_cpu) * 1e3 / updates,
    );
    Ok(())
}

/// All parents get another message at once.
async fn burst(cluster: &Cluster, running: &mut Running, samples: &mut Samples) -> Result<()> {
    const PHASE: &str = "burst";
    const ROUND: u32 = 1_000_000;
    let before = Mark::take(cluster, running.cpu()?).await?;
    cluster.board.aim(ROUND);
    let started = Instant::now();
    cluster.patch_parents(ROUND).await?;
    let patched = started.elapsed().as_secs_f64();
    cluster.board.all_reached(CONVERGED_DEADLINE).await?;
    let seconds = started.elapsed().as_secs_f64();
    samples.add(PHASE, "seconds until all show it", seconds);
    samples.add(PHASE, "  seconds of the driver's patches", patched);
    samples.add(PHASE, "parents/s", cluster.parents() as f64 / seconds);
    let after = until_rest(cluster, running, PHASE, samples).await?;
    let traffic = after.traffic - before.traffic;
    let parents = cluster.parents() as f64;
    samples.add(PHASE, "writes/parent", traffic.writes() as f64 / parents);
    samples.add(PHASE, "conflicts/parent", traffic.conflicts as f64 / parents);
    samples.add(PHASE, "GETs/parent", traffic.gets as f64 / parents);
    rare(PHASE, traffic, samples);
    samples.add(PHASE, "CPU s of the peer", after.peer_cpu - before.peer_cpu);
    let memory = running.memory()?;
    samples.add(PHASE, "resident MB at rest", memory.now);
    samples.add(PHASE, "resident MB at most", memory.peak);
    Ok(())
}

/// What should not happen at all is listed where it does.
fn rare(phase: &'static str, traffic: Traffic, samples: &mut Samples) {
    for (name, count) in [
        ("LISTs", traffic.lists),
        ("refused requests", traffic.refused),
        ("dry runs", traffic.dry_runs),
        ("events", traffic.events),
    ] {
        if count > 0 {
            samples.add(phase, name, count as f64);
        }
    }
}

/// Waits until the peer asks for nothing and does nothing. A peer that never rests is noted, and measured all the same.
async fn until_rest(
    cluster: &Cluster,
    running: &mut Running,
    phase: &'static str,
    samples: &mut Samples,
) -> Result<Mark> {
    let deadline = Instant::now() + REST_DEADLINE;
    let mut last = Mark::take(cluster, running.cpu()?).await?;
    loop {
        tokio::time::sleep(REST_INTERVAL).await;
        let now = Mark::take(cluster, running.cpu()?).await?;
        let is_quiet = now.traffic.requests() == last.traffic.requests() && now.traffic.events == last.traffic.events;
        if is_quiet && now.peer_cpu - last.peer_cpu <= REST_CPU {
            return Ok(now);
        }
        if Instant::now() > deadline {
            samples.add(phase, "NOT AT REST after s", REST_DEADLINE.as_secs_f64());
            return Ok(now);
        }
        last = now;
    }
}

fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
