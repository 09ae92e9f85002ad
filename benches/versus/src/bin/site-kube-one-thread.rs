//! The benchmark's operator with kube-rs alone, on tokio's current-thread runtime.

#[path = "site-kube.rs"]
#[expect(dead_code, reason = "its own `main` takes the multi-thread runtime")]
mod site;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), kube::Error> {
    site::serve().await
}
