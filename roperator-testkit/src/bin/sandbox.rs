//! The in-process API server alone, for kubectl and every other client: `sandbox [--listen 127.0.0.1:PORT]
//! [--kubeconfig PATH]`. Prints `ready` when it serves; stops on SIGINT and SIGTERM.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use roperator_testkit::server::ApiServer;
use tracing_subscriber::EnvFilter;

/// A Kubernetes API server in memory. Everything in it is gone when it stops.
#[derive(Debug, Parser)]
struct Options {
    /// Where to listen: a loopback address; port 0 chooses a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS", value_parser = address)]
    listen: SocketAddr,
    /// Where to write the kubeconfig; removed again at the end. Each sandbox needs one of its own.
    #[arg(long, default_value = "sandbox.kubeconfig", value_name = "PATH")]
    kubeconfig: PathBuf,
}

/// An address as people write it.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let parsed = local.as_deref().unwrap_or(text).parse();
    parsed.map_err(|_| "expected an address of this machine and a port, such as 127.0.0.1:6443 or localhost:6443")
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    // Before anything is promised, so that a signal right after `ready` finds its handler.
    let stop = stop_signal()?;
    let server = ApiServer::start();
    let served = server.serve(options.listen).await?;
    served.write_kubeconfig(&options.kubeconfig)?;
    let kubeconfig = Kubeconfig {
        path: options.kubeconfig.clone(),
        text: served.kubeconfig(),
    };
    say(&served.url(), &kubeconfig.path)?;
    stop.await;
    Ok(())
}

fn say(url: &str, kubeconfig: &std::path::Path) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "serving {url}")?;
    // Other terminals may be elsewhere.
    writeln!(out, "export KUBECONFIG={}", std::path::absolute(kubeconfig)?.display())?;
    writeln!(out, "ready")?;
    out.flush()
}

/// The file that holds the token: gone with the server, unless it is another's by then.
struct Kubeconfig {
    path: PathBuf,
    text: String,
}

impl Drop for Kubeconfig {
    fn drop(&mut self) {
        if std::fs::read_to_string(&self.path).is_ok_and(|there| there == self.text) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
