//! What the driver and the board agree on: how parents are called and what each round writes into them.

/// Where all parents live.
pub const NAMESPACE: &str = "bench";
/// The port of all Services.
pub const PORT: i32 = 80;

/// The name of a parent.
pub fn name_of(number: usize) -> String {
    format!("site-{number:05}")
}

/// The parent with this name.
pub fn number_of(name: &str) -> Option<usize> {
    name.strip_prefix("site-")?.parse().ok()
}

/// A message; rounds tell messages apart.
pub fn message_of(round: u32) -> String {
    format!("this is message {round}")
}

/// The round of a message.
pub fn round_of(message: &str) -> Option<u32> {
    message.rsplit(' ').next()?.parse().ok()
}
