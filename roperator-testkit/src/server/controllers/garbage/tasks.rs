//! What is still to be done: tasks go in and come out in the same order, each once however often it was asked for.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::Arc,
};

use crate::server::controllers::head::Uid;

/// Something to be done about an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Task {
    /// See whether it must go, or whether its deletion can go on.
    Delete(Uid),
    /// Free its dependents from it.
    Orphan(Uid),
}

impl Task {
    /// The object.
    pub(super) fn uid(&self) -> &Uid {
        match self {
            Self::Delete(uid) | Self::Orphan(uid) => uid,
        }
    }
}

/// The tasks.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    queue: VecDeque<Task>,
    known: HashSet<Task>,
    /// Tasks that failed, by their objects: they are tried again once something changes.
    parked: BTreeMap<Uid, Vec<Task>>,
}

impl Tasks {
    pub(super) fn push(&mut self, task: Task) {
        if self.known.insert(task.clone()) {
            self.queue.push_back(task);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Task> {
        let task = self.queue.pop_front()?;
        self.known.remove(&task);
        Some(task)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Keeps a task that cannot be done now.
    pub(super) fn park(&mut self, task: Task) {
        let parked = self.parked.entry(Arc::clone(task.uid())).or_default();
        if !parked.contains(&task) {
            parked.push(task);
        }
    }

    /// Tries again what could not be done about an object.
    pub(super) fn resume(&mut self, uid: &str) {
        for task in self.parked.remove(uid).into_iter().flatten() {
            self.push(task);
        }
    }

    /// Tries again everything that could not be done.
    pub(super) fn resume_all(&mut self) {
        for task in std::mem::take(&mut self.parked).into_values().flatten() {
            self.push(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_done_once_in_its_turn() {
        let mut tasks = Tasks::default();
        let (one, other) = (Task::Delete("a".into()), Task::Orphan("a".into()));
        for task in [&one, &other, &one] {
            tasks.push(task.clone());
        }
        assert_eq!(
            (tasks.pop(), tasks.pop(), tasks.pop()),
            (Some(one.clone()), Some(other), None)
        );
        tasks.park(one.clone());
        assert!(tasks.is_empty());
        tasks.resume("b");
        assert!(tasks.is_empty());
        tasks.resume("a");
        assert_eq!(tasks.pop(), Some(one));
    }
}
