//! ServiceAccounts: of the secrets that they name, only the names are kept.

use serde_json::{Value, json};

use super::values::{items_mut, text};
use crate::server::registry::strategy::Strategy;

/// What is special about ServiceAccounts.
pub const STRATEGY: Strategy = Strategy {
    prepare_create: keep_names,
    prepare_update: |new, _| keep_names(new),
    ..Strategy::PLAIN
};

fn keep_names(account: &mut Value) {
    for secret in items_mut(account, "secrets") {
        *secret = match text(secret, "name") {
            "" => json!({}),
            name => json!({ "name": name }),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_kept() {
        let mut account = json!({"secrets": [{"name": "x", "namespace": "y", "kind": "Secret"}]});
        keep_names(&mut account);
        assert_eq!(account, json!({"secrets": [{"name": "x"}]}));
    }
}
