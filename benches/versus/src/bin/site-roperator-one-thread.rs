//! The benchmark's operator with roperator, on tokio's current-thread runtime.

#[path = "site-roperator.rs"]
#[expect(dead_code, reason = "its own `main` takes the multi-thread runtime")]
mod site;

#[tokio::main(flavor = "current_thread")]
async fn main() -> roperator::Result<()> {
    site::serve().await
}
