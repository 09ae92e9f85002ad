//! What an operator watches and owns, and how a deployment chose to run it.
//!
//! In: a [`Declaration`] (what the macro writes) or the builder's calls (kinds known only at run time). Out: an
//! [`OperatorConfig`], which everything else reads. Checked as a whole by [`OperatorConfig::check`]; no IO.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crate::{
    declaration::{Declaration, FinalizerDeclaration, OnImmutable, Strategy},
    kind::Kind,
};

/// The label that children carry, and that narrows what is watched of their kinds. Its value is the operator's name.
pub const OPERATOR_LABEL: &str = "roperator.dev/operator";

/// The annotation on children that records what was applied.
pub const APPLIED_ANNOTATION: &str = "roperator.dev/applied";

/// How children of one kind are updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildConfig {
    pub(crate) strategy: Strategy,
    pub(crate) on_immutable: OnImmutable,
}

impl ChildConfig {
    /// Children are updated with this strategy.
    #[must_use]
    pub const fn new(strategy: Strategy) -> Self {
        Self {
            strategy,
            on_immutable: OnImmutable::Report,
        }
    }

    /// Server-side apply: the operator owns the fields that it states, and others may own the rest.
    #[must_use]
    pub const fn apply() -> Self {
        Self::new(Strategy::Apply)
    }

    /// A PUT of the desired fields laid over the live object.
    #[must_use]
    pub const fn replace() -> Self {
        Self::new(Strategy::Replace)
    }

    /// Deleted and, once it is gone, created anew.
    #[must_use]
    pub const fn recreate() -> Self {
        Self::new(Strategy::Recreate)
    }

    /// Left as it is until somebody deletes it.
    #[must_use]
    pub const fn on_delete() -> Self {
        Self::new(Strategy::OnDelete)
    }

    /// Children are recreated when an update changes an immutable field, which is reported otherwise.
    #[must_use]
    pub const fn on_immutable_recreate(mut self) -> Self {
        self.on_immutable = OnImmutable::Recreate;
        self
    }
}

/// A declared child kind and how it is updated.
#[derive(Clone, Debug)]
pub(crate) struct ChildKind {
    pub kind: Arc<Kind>,
    pub config: ChildConfig,
}

/// The delays between attempts that fail: doubled from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure. 100 ms unless set.
    pub initial: Duration,
    /// The longest delay, and the one of terminal errors. 600 s unless set.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(100),
            max: Duration::from_secs(600),
        }
    }
}

impl Backoff {
    /// The delay after so many failures in a row.
    #[must_use]
    pub fn delay(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(32);
        self.initial
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(self.max)
    }
}

/// Everything that one operator is, as data.
///
/// ```
/// use roperator::{ChildConfig, Kind, OperatorConfig, k8s_types};
///
/// const ECHO_SERVER: Kind = Kind::namespaced("example.com/v1alpha1", "EchoServer", "echoservers");
/// let config = OperatorConfig::new("echo", ECHO_SERVER)
///     .with_child(k8s_types::core::v1::Pod, ChildConfig::recreate())
///     .with_child(k8s_types::core::v1::Service, ChildConfig::apply())
///     .within_namespace("echoes");
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct OperatorConfig {
    pub(crate) name: String,
    pub(crate) parent: Arc<Kind>,
    pub(crate) children: Vec<ChildKind>,
    pub(crate) field_manager: Option<String>,
    pub(crate) finalizer: Option<String>,
    pub(crate) previous_names: Vec<String>,
    pub(crate) namespaces: BTreeSet<String>,
    /// Whether some were to be named: a list that turns out to be empty means nothing, and not everything.
    names_namespaces: bool,
    pub(crate) operator_label: String,
    pub(crate) applied_annotation: String,
    pub(crate) concurrency: usize,
    pub(crate) handler_deadline: Duration,
    pub(crate) backoff: Backoff,
    pub(crate) resync: Option<Duration>,
    pub(crate) server: ServerConfig,
}

/// What the process serves over HTTP about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// The port; 8080 unless set, 0 for one that is free.
    pub port: u16,
    /// Whether `/health` and `/ready` are served; they are unless set.
    pub expose_health: bool,
    /// Whether `/metrics` is served; it is unless set.
    pub expose_metrics: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            port: 8080,
            expose_health: true,
            expose_metrics: true,
        }
    }
}

impl OperatorConfig {
    /// An operator for parents of a kind. Its name is what its label, field manager and finalizer are made of.
    #[must_use]
    pub fn new(name: impl Into<String>, parent: Kind) -> Self {
        Self {
            name: name.into(),
            parent: Arc::new(parent),
            children: Vec::new(),
            field_manager: None,
            finalizer: None,
            previous_names: Vec::new(),
            namespaces: BTreeSet::new(),
            names_namespaces: false,
            operator_label: OPERATOR_LABEL.to_owned(),
            applied_annotation: APPLIED_ANNOTATION.to_owned(),
            concurrency: 8,
            handler_deadline: Duration::from_secs(30),
            backoff: Backoff::default(),
            resync: None,
            server: ServerConfig::default(),
        }
    }

    /// The configuration that a declaration states.
    #[must_use]
    pub fn from_declaration(declaration: &Declaration) -> Self {
        let mut config = Self::new(declaration.name, (declaration.parent)());
        for child in declaration.children {
            let child_config = ChildConfig {
                strategy: child.strategy,
                on_immutable: child.on_immutable,
            };
            config = config.with_child((child.kind)(), child_config);
        }
        config.field_manager = declaration.field_manager.map(str::to_owned);
        // Whether the operator finalizes is its type's to say; here only the name matters.
        if let FinalizerDeclaration::Named(finalizer) = declaration.finalizer {
            config = config.with_finalizer(finalizer);
        }
        config.previous_names = declaration.previous_names.iter().map(|&name| name.to_owned()).collect();
        config
    }

    /// The operator may create, update and delete children of this kind.
    #[must_use]
    pub fn with_child(mut self, kind: Kind, config: ChildConfig) -> Self {
        self.children.push(ChildKind {
            kind: Arc::new(kind),
            config,
        });
        self
    }

    /// Watches this namespace alone. Called again, it adds another one.
    #[must_use]
    pub fn within_namespace(self, namespace: impl Into<String>) -> Self {
        self.within_namespaces([namespace])
    }

    /// Watches these namespaces alone; all of them where this is never called. An empty list is refused at start, lest what is
    /// left out somewhere else widens what the operator watches.
    #[must_use]
    pub fn within_namespaces<N: Into<String>>(mut self, namespaces: impl IntoIterator<Item = N>) -> Self {
        self.namespaces.extend(namespaces.into_iter().map(Into::into));
        self.names_namespaces = true;
        self
    }

    /// Writes under this field manager instead of the operator's name.
    #[must_use]
    pub fn with_field_manager(mut self, field_manager: impl Into<String>) -> Self {
        self.field_manager = Some(field_manager.into());
        self
    }

    /// Finalizes under this finalizer instead of `roperator.dev/NAME`. Operators that do not finalize add none.
    #[must_use]
    pub fn with_finalizer(mut self, finalizer: impl Into<String>) -> Self {
        self.finalizer = Some(finalizer.into());
        self
    }

    /// Names that the operator had before, and field managers and finalizers of its that were set to something else:
    /// children with their label, fields of their field manager and parents with their finalizer are taken over.
    #[must_use]
    pub fn with_previous_names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.previous_names.extend(names.into_iter().map(Into::into));
        self
    }

    /// The key of the label that children carry, `roperator.dev/operator` unless set.
    #[must_use]
    pub fn with_operator_label(mut self, key: impl Into<String>) -> Self {
        self.operator_label = key.into();
        self
    }

    /// The key of the annotation that records what was applied, `roperator.dev/applied` unless set.
    #[must_use]
    pub fn with_applied_annotation(mut self, key: impl Into<String>) -> Self {
        self.applied_annotation = key.into();
        self
    }

    /// How many parents are reconciled at a time, at least one; 8 unless set. One parent is never reconciled twice at a time.
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.max(1);
        self
    }

    /// How long a handler may take, more than nothing; 30 s unless set.
    #[must_use]
    pub fn with_handler_deadline(mut self, deadline: Duration) -> Self {
        self.handler_deadline = deadline;
        self
    }

    /// The delays between attempts that fail, the first of them more than nothing; 100 ms to 600 s unless set.
    #[must_use]
    pub fn with_backoff(mut self, initial: Duration, max: Duration) -> Self {
        self.backoff = Backoff {
            initial,
            max: max.max(initial),
        };
        self
    }

    /// Runs every parent's sync again this long after its last one, even if nothing changed; never unless set, and not at once. A
    /// response's own [`resync_after`](crate::SyncResponse::resync_after) goes first.
    #[must_use]
    pub fn with_resync(mut self, period: Duration) -> Self {
        self.resync = Some(period);
        self
    }

    /// The port of `/health`, `/ready` and `/metrics`; 8080 unless set.
    #[must_use]
    pub fn with_server_port(mut self, port: u16) -> Self {
        self.server.port = port;
        self
    }

    /// Whether `/health` and `/ready` are served; they are unless set.
    #[must_use]
    pub fn expose_health(mut self, expose: bool) -> Self {
        self.server.expose_health = expose;
        self
    }

    /// Whether `/metrics` is served; it is unless set.
    #[must_use]
    pub fn expose_metrics(mut self, expose: bool) -> Self {
        self.server.expose_metrics = expose;
        self
    }

    /// The operator's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parents' kind.
    #[must_use]
    pub fn parent(&self) -> &Kind {
        &self.parent
    }

    /// The declared child kinds.
    pub fn children(&self) -> impl Iterator<Item = (&Kind, ChildConfig)> {
        self.children.iter().map(|child| (&*child.kind, child.config))
    }

    /// The field manager that writes are made under.
    #[must_use]
    pub fn field_manager(&self) -> &str {
        self.field_manager.as_deref().unwrap_or(&self.name)
    }

    /// The finalizer, whether or not the operator finalizes.
    #[must_use]
    pub fn finalizer(&self) -> String {
        self.finalizer.clone().unwrap_or_else(|| default_finalizer(&self.name))
    }

    /// The namespaces that are watched; none means all.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.iter().map(String::as_str)
    }

    /// All finalizers that are this operator's: its own and those of its previous names.
    pub(crate) fn own_finalizers(&self) -> Vec<String> {
        std::iter::once(self.finalizer())
            .chain(std::iter::once(default_finalizer(&self.name)))
            .chain(self.previous_names.iter().map(|name| {
                if name.contains('/') {
                    name.clone()
                } else {
                    default_finalizer(name)
                }
            }))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Whether a field manager is this operator's, now or by a previous name.
    pub(crate) fn is_own_manager(&self, manager: &str) -> bool {
        self.own_managers().any(|own| own == manager)
    }

    /// All field managers that are this operator's.
    pub(crate) fn own_managers(&self) -> impl Iterator<Item = &str> {
        [self.field_manager(), &self.name]
            .into_iter()
            .chain(self.previous_names.iter().map(String::as_str))
    }

    /// The operator's names, the present one first: those that can be its label's value.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let previous = self
            .previous_names
            .iter()
            .map(String::as_str)
            .filter(|name| is_dns_label(name));
        std::iter::once(self.name.as_str()).chain(previous)
    }

    /// The declared child kind of an `apiVersion` and `kind`.
    pub(crate) fn child(&self, api_version: &str, kind: &str) -> Option<&ChildKind> {
        self.children
            .iter()
            .find(|child| child.kind.api_version() == api_version && child.kind.kind() == kind)
    }

    /// Whether objects of a namespace are watched.
    pub(crate) fn watches_namespace(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.contains(namespace)
    }

    /// Checks the configuration as a whole.
    ///
    /// # Errors
    /// All that is wrong with it, each with its mend.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        let name = &self.name;
        if !is_dns_label(name) {
            problems.push(format!(
                "`{name}` cannot name an operator: it becomes a label's value and part of a finalizer; use lower-case letters, \
                 digits and `-`, at most 63 of them"
            ));
        }
        if self.previous_names.contains(&self.name) {
            problems.push(format!(
                "`{}` is both the present and a previous name; remove it from the previous ones",
                self.name
            ));
        }
        let manager = self.field_manager();
        if manager.is_empty() || manager.len() > 128 || manager.chars().any(char::is_control) {
            problems.push(format!(
                "`{manager}` cannot be a field manager: 1 to 128 printable characters are needed"
            ));
        }
        for (what, key) in [
            ("label", &self.operator_label),
            ("annotation", &self.applied_annotation),
        ] {
            if !is_qualified_name(key) {
                problems.push(format!(
                    "`{key}` cannot be the key of a {what}: at most 63 letters, digits, `-`, `_` and `.` are needed, with a \
                     domain and `/` before them if any"
                ));
            }
        }
        let finalizer = self.finalizer();
        if !finalizer
            .split_once('/')
            .is_some_and(|(domain, name)| !domain.is_empty() && !name.is_empty())
        {
            problems.push(format!(
                "the finalizer `{finalizer}` has no domain; write it like `example.com/{}`",
                self.name
            ));
        }
        problems.extend(self.wrong_namespaces());
        problems.extend(self.wrong_times());
        for (place, child) in self.children.iter().enumerate() {
            if self
                .children
                .iter()
                .take(place)
                .any(|earlier| earlier.kind == child.kind)
            {
                problems.push(format!("{} is declared twice; remove one of the two", child.kind));
            }
            let is_other_version = |earlier: &&ChildKind| {
                earlier.kind != child.kind
                    && (earlier.kind.group(), earlier.kind.kind()) == (child.kind.group(), child.kind.kind())
            };
            if let Some(earlier) = self.children.iter().take(place).find(is_other_version) {
                problems.push(format!(
                    "{} and {} are versions of the same kind, so that each child would be seen twice; remove one of the two",
                    earlier.kind, child.kind
                ));
            }
            if child.kind == self.parent {
                problems.push(format!(
                    "{} is both the parent and a child; an operator cannot own its own parents",
                    child.kind
                ));
            }
            if self.parent.is_namespaced() && !child.kind.is_namespaced() {
                problems.push(format!(
                    "{} is cluster-scoped and the parent {} is namespaced; the garbage collector would delete such a child: \
                     make the parent cluster-scoped or remove the child",
                    child.kind, self.parent
                ));
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError {
                operator: self.name.clone(),
                problems,
            })
        }
    }

    fn wrong_namespaces(&self) -> Vec<String> {
        if self.names_namespaces && self.namespaces.is_empty() {
            let problem =
                "its list of namespaces is empty; name one, or leave `within_namespaces` out to watch all of them";
            return vec![problem.to_owned()];
        }
        let wrong = self.namespaces.iter().filter(|namespace| !is_dns_label(namespace));
        let problem = |namespace: &String| {
            format!("`{namespace}` cannot be a namespace: use lower-case letters, digits and `-`, at most 63 of them")
        };
        wrong.map(problem).collect()
    }

    fn wrong_times(&self) -> Vec<String> {
        let times = [
            ("a resync", self.resync, "leave `with_resync` out for none"),
            (
                "a handler's deadline",
                Some(self.handler_deadline),
                "no handler would end before it",
            ),
            (
                "the first delay of the back-off",
                Some(self.backoff.initial),
                "what fails would be tried again without a pause",
            ),
        ];
        let wrong = times
            .into_iter()
            .filter(|(_, time, _)| time.is_some_and(|time| time.is_zero()));
        wrong.map(|(what, _, why)| format!("{what} of 0 s: {why}")).collect()
    }
}

/// What is wrong with an operator's configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("operator `{operator}`: {}", problems.join("; "))]
pub struct ConfigError {
    /// The operator's name.
    pub operator: String,
    /// Each problem with its mend.
    pub problems: Vec<String>,
}

fn default_finalizer(name: &str) -> String {
    format!("roperator.dev/{name}")
}

/// The key of a label or an annotation: a name, with a domain before it or not.
fn is_qualified_name(text: &str) -> bool {
    let (domain, name) = text
        .split_once('/')
        .map_or((None, text), |(domain, name)| (Some(domain), name));
    let is_edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    (1..=63).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && is_edge(name.chars().next())
        && is_edge(name.chars().next_back())
        && domain.is_none_or(|domain| domain.len() <= 253 && domain.split('.').all(is_dns_label))
}

pub(crate) fn is_dns_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: Kind = Kind::namespaced("example.com/v1", "Site", "sites");

    #[test]
    fn reports_every_problem_at_once() {
        let node = Kind::cluster("v1", "Node", "nodes");
        let config = OperatorConfig::new("Bad_Name", PARENT)
            .with_child(node.clone(), ChildConfig::apply())
            .with_child(node, ChildConfig::apply())
            .with_child(PARENT, ChildConfig::apply())
            .with_finalizer("nodomain");
        assert_eq!(config.check().unwrap_err().problems.len(), 6);
    }

    #[test]
    fn namespaces_that_cannot_be_and_times_of_nothing_are_refused() {
        let problems = |config: OperatorConfig| config.check().unwrap_err().problems;
        let site = || OperatorConfig::new("a", PARENT);
        assert_eq!(
            problems(site().within_namespaces(["", "Bad_NS", "a/../b", "fine"])).len(),
            3
        );
        assert!(problems(site().within_namespaces::<String>([]))[0].contains("is empty"));
        assert_eq!(
            site().within_namespaces::<String>([]).within_namespace("a").check(),
            Ok(())
        );
        let times = site()
            .with_resync(Duration::ZERO)
            .with_handler_deadline(Duration::ZERO)
            .with_backoff(Duration::ZERO, Duration::from_secs(1));
        assert_eq!(problems(times).len(), 3);
    }

    #[test]
    fn backs_off_from_the_first_to_the_last_delay() {
        let backoff = Backoff::default();
        assert_eq!(backoff.delay(1), Duration::from_millis(100));
        assert_eq!(backoff.delay(2), Duration::from_millis(200));
        assert_eq!(backoff.delay(4_000_000_000), Duration::from_secs(600));
    }

    #[test]
    fn previous_names_are_the_operators_own() {
        let config = OperatorConfig::new("new", PARENT).with_previous_names(["old"]);
        assert_eq!(config.own_finalizers(), ["roperator.dev/new", "roperator.dev/old"]);
        assert!(config.is_own_manager("old") && !config.is_own_manager("other"));
    }

    #[test]
    fn two_versions_of_a_kind_are_refused() {
        const V1: Kind = Kind::namespaced("autoscaling/v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers");
        const V2: Kind = Kind::namespaced("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers");
        let config = OperatorConfig::new("a", PARENT)
            .with_child(V1, ChildConfig::apply())
            .with_child(V2, ChildConfig::apply());
        let error = config.check().unwrap_err();
        assert!(error.problems[0].contains("versions of the same kind"), "{error}");
    }
}
