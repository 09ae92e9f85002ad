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
    /// Tasks that failed: they are tried again once something changes.
    parked: HashSet<Task>,
    /// The objects whose change resumes a task. It may have been resumed by another of them already.
    resumed_by: BTreeMap<Uid, Vec<Task>>,
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

    /// Keeps a task that cannot be done now, until its object or one of these others changes.
    pub(super) fn park(&mut self, task: Task, others: &[Uid]) {
        for uid in others.iter().chain([task.uid()]) {
            let resumed = self.resumed_by.entry(Arc::clone(uid)).or_default();
            if !resumed.contains(&task) {
                resumed.push(task.clone());
            }
        }
        self.parked.insert(task);
    }

    /// Tries again what waited for a change of an object.
    pub(super) fn resume(&mut self, uid: &str) {
        for task in self.resumed_by.remove(uid).into_iter().flatten() {
            if self.parked.remove(&task) {
                self.push(task);
            }
        }
    }

    /// Tries again everything that could not be done.
    pub(super) fn resume_all(&mut self) {
        for task in std::mem::take(&mut self.resumed_by).into_values().flatten() {
            if self.parked.remove(&task) {
                self.push(task);
            }
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
    }

    #[test]
    fn a_parked_task_is_resumed_once_by_any_of_its_objects() {
        let mut tasks = Tasks::default();
        let task = Task::Orphan("a".into());
        for resuming in ["a", "b"] {
            tasks.park(task.clone(), &["b".into()]);
            tasks.resume("c");
            assert!(tasks.is_empty());
            tasks.resume(resuming);
            assert_eq!(tasks.pop(), Some(task.clone()));
            for uid in ["a", "b"] {
                tasks.resume(uid);
            }
            assert!(tasks.is_empty(), "it was resumed by {resuming} already");
        }
        tasks.park(task.clone(), &["b".into()]);
        tasks.resume_all();
        assert_eq!((tasks.pop(), tasks.pop()), (Some(task), None));
    }
}
