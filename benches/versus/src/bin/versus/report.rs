//! Samples of all runs go in; medians and ratios, as tables for people and as JSON, come out.

use std::{fmt, path::Path};

use serde_json::{Map, Value, json};

use crate::{Result, peers::Peer};

/// Named values, by phase, in the order in which they were measured.
#[derive(Default)]
pub struct Samples(Vec<Sample>);

struct Sample {
    phase: &'static str,
    metric: &'static str,
    value: f64,
}

impl Samples {
    pub fn add(&mut self, phase: &'static str, metric: &'static str, value: f64) {
        self.0.push(Sample { phase, metric, value });
    }

    fn get(&self, phase: &str, metric: &str) -> Option<f64> {
        self.0
            .iter()
            .find(|sample| sample.phase == phase && sample.metric == metric)
            .map(|sample| sample.value)
    }

    fn json(&self) -> Value {
        let mut phases = Map::new();
        for Sample { phase, metric, value } in &self.0 {
            if let Value::Object(metrics) = phases.entry(*phase).or_insert_with(|| json!({})) {
                metrics.insert(metric.trim().to_owned(), json!(value));
            }
        }
        phases.into()
    }
}

/// One peer in one run.
pub struct Run {
    peer: Peer,
    number: usize,
    parents: usize,
    pub environment: Value,
    pub samples: Samples,
    failure: Option<String>,
}

impl Run {
    pub fn new(peer: Peer, number: usize, parents: usize) -> Self {
        Self {
            peer,
            number,
            parents,
            environment: Value::Null,
            samples: Samples::default(),
            failure: None,
        }
    }

    /// What was measured before stays.
    pub fn fail(&mut self, failure: String) {
        eprintln!("  failed: {failure}");
        self.failure = Some(failure);
    }

    fn json(&self) -> Value {
        json!({
            "peer": self.peer.name(),
            "run": self.number,
            "parents": self.parents,
            "environment": self.environment,
            "failure": self.failure,
            "samples": self.samples.json(),
        })
    }
}

/// All runs.
pub struct Report {
    parents: usize,
    updates: usize,
    runs: Vec<Run>,
}

impl Report {
    pub fn new(parents: usize, updates: usize) -> Self {
        Self {
            parents,
            updates,
            runs: Vec::new(),
        }
    }

    pub fn add(&mut self, run: Run) {
        self.runs.push(run);
    }

    pub fn has_failures(&self) -> bool {
        self.runs.iter().any(|run| run.failure.is_some())
    }

    /// Every value of every run, as JSON.
    pub fn write(&self, path: &Path) -> Result<()> {
        let runs: Vec<Value> = self.runs.iter().map(Run::json).collect();
        let json = json!({"parents": self.parents, "updates": self.updates, "runs": runs});
        Ok(std::fs::write(path, format!("{json:#}\n"))?)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sizes: Vec<usize> = self.runs.iter().map(|run| run.parents).collect();
        sizes.sort_unstable();
        sizes.dedup();
        for parents in sizes {
            let runs: Vec<&Run> = self.runs.iter().filter(|run| run.parents == parents).collect();
            Table { runs: &runs }.write(parents, f)?;
        }
        for run in &self.runs {
            if let Some(failure) = &run.failure {
                writeln!(
                    f,
                    "\nFAILED: {} in run {} with {} parents: {failure}",
                    run.peer, run.number, run.parents
                )?;
            }
        }
        Ok(())
    }
}

/// The runs with one number of parents.
struct Table<'a> {
    runs: &'a [&'a Run],
}

impl Table<'_> {
    fn write(&self, parents: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peers: Vec<Peer> = Peer::ALL
            .into_iter()
            .filter(|peer| self.of(*peer).next().is_some())
            .collect();
        let others: Vec<Peer> = match peers.first() {
            Some(Peer::Roperator) => peers.iter().copied().filter(|peer| *peer != Peer::Roperator).collect(),
            _ => Vec::new(),
        };
        let times = peers.iter().map(|peer| self.of(*peer).count()).max().unwrap_or(0);
        writeln!(
            f,
            "\n{parents} parents, median of {times} {}; ratios: roperator / peer in the same run, median",
            if times == 1 { "run" } else { "runs" }
        )?;
        let mut phase = "";
        for (this, metric) in self.rows() {
            if this != phase {
                phase = this;
                write!(f, "\n{phase:<39}")?;
                for peer in &peers {
                    write!(f, "{peer:>21}")?;
                }
                for peer in &others {
                    write!(f, "{:>22}", format!("/{peer}"))?;
                }
                writeln!(f)?;
            }
            write!(f, "  {metric:<37}")?;
            for peer in &peers {
                let values = self.of(*peer).filter_map(|run| run.samples.get(phase, metric));
                write!(f, "{:>21}", median(values.collect()).map_or("–".to_owned(), number))?;
            }
            for peer in &others {
                let ratio = self.ratio(*peer, phase, metric);
                write!(f, "{:>22}", ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn of(&self, peer: Peer) -> impl Iterator<Item = &Run> {
        self.runs.iter().copied().filter(move |run| run.peer == peer)
    }

    /// All phases and metrics that any run has, each at its place.
    fn rows(&self) -> Vec<(&'static str, &'static str)> {
        let mut rows: Vec<(&'static str, &'static str)> = Vec::new();
        for sample in self.runs.iter().flat_map(|run| &run.samples.0) {
            let row = (sample.phase, sample.metric);
            if !rows.contains(&row) {
                // Behind the last of the same phase.
                let place = rows
                    .iter()
                    .rposition(|(phase, _)| *phase == row.0)
                    .map_or(rows.len(), |last| last + 1);
                rows.insert(place, row);
            }
        }
        rows
    }

    fn ratio(&self, peer: Peer, phase: &str, metric: &str) -> Option<f64> {
        let ratios = self.of(peer).filter_map(|run| {
            let ours = self.of(Peer::Roperator).find(|ours| ours.number == run.number)?;
            let (ours, theirs) = (ours.samples.get(phase, metric)?, run.samples.get(phase, metric)?);
            (theirs != 0.0).then_some(ours / theirs)
        });
        median(ratios.collect())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

/// Three digits, or all before the point.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        size if size < 0.1 => 4,
        size if size < 10.0 => 2,
        size if size < 1000.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}
