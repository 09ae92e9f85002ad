//! The comparison: arguments go in; every peer does the same job against a fresh API server of its own, run by run, one
//! after the other; tables and a JSON file come out.

mod board;
mod cluster;
mod peers;
mod phases;
mod process;
mod report;
mod stage;
mod traffic;

use std::{error::Error, path::PathBuf, time::Duration};

use clap::Parser;

use crate::{
    cluster::Cluster,
    peers::{Binaries, Peer},
    phases::Plan,
    report::{Report, Run},
};

/// Any error: the driver only ever reports them.
type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How long a peer may take for the whole of a run, whatever happens.
const RUN_DEADLINE: Duration = Duration::from_secs(45 * 60);

/// Compares operators that do the same job. KUBEBUILDER_ASSETS names the folder of the API server.
#[derive(Parser)]
struct Arguments {
    /// Parents of every run.
    #[arg(long, default_value_t = 1000)]
    parents: usize,
    /// Runs of every peer, interleaved.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Updates, one at a time, for the latency.
    #[arg(long, default_value_t = 300)]
    updates: usize,
    /// Parents of one further run of every peer, cold only, for memory at scale; 0 for none.
    #[arg(long, default_value_t = 5000)]
    at_scale: usize,
    /// The peers to run.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Peer::DEFAULT)]
    only: Vec<Peer>,
    /// Where the results go.
    #[arg(long, default_value = "results.json")]
    out: PathBuf,
    /// Does it work at all? One run with 100 parents and 30 updates.
    #[arg(long)]
    quick: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    if arguments.quick {
        (arguments.parents, arguments.runs, arguments.updates, arguments.at_scale) = (100, 1, 30, 0);
    }
    if arguments.parents == 0 || arguments.parents > cluster::MOST_PARENTS || arguments.at_scale > cluster::MOST_PARENTS
    {
        return Err(format!("between 1 and {} parents", cluster::MOST_PARENTS).into());
    }
    let binaries = peers::build(&arguments.only).await?;
    let mut report = Report::new(arguments.parents, arguments.updates);
    let full = Plan {
        parents: arguments.parents,
        updates: arguments.updates,
        all_phases: true,
    };
    for number in 1..=arguments.runs {
        for &peer in &arguments.only {
            report.add(run(&binaries, peer, number, full).await);
            report.write(&arguments.out)?;
        }
    }
    if arguments.at_scale > 0 {
        let cold = Plan {
            parents: arguments.at_scale,
            updates: 0,
            all_phases: false,
        };
        for &peer in arguments.only.iter().filter(|peer| peer.is_operator()) {
            report.add(run(&binaries, peer, 1, cold).await);
            report.write(&arguments.out)?;
        }
    }
    println!("{report}");
    if report.has_failures() {
        Err("some runs failed, see above".into())
    } else {
        Ok(())
    }
}

/// One peer, once, on a server that nobody used before.
async fn run(binaries: &Binaries, peer: Peer, number: usize, plan: Plan) -> Run {
    eprintln!("run {number}, {} parents: {peer}", plan.parents);
    let mut run = Run::new(peer, number, plan.parents);
    let measured = async {
        let cluster = Cluster::start(plan.parents).await?;
        run.environment = cluster.environment().await?;
        let result = phases::measure(&cluster, binaries, peer, plan, &mut run.samples).await;
        cluster.shutdown().await;
        result
    };
    match tokio::time::timeout(RUN_DEADLINE, measured).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => run.fail(error.to_string()),
        Err(_) => run.fail(format!("not done after {} s", RUN_DEADLINE.as_secs())),
    }
    run
}
