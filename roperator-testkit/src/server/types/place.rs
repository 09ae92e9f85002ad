//! Where in a JSON document something is, as Go's strict decoder writes it: `spec.containers[0].foo`. Data only.

use std::fmt::{self, Display, Write as _};

/// A step into a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// To the value of a key.
    Key(String),
    /// To an item of a list.
    Index(usize),
}

impl Step {
    /// Which item the step is to.
    pub(super) const fn number(&self) -> Option<usize> {
        match self {
            Self::Key(_) => None,
            Self::Index(index) => Some(*index),
        }
    }
}

/// The way to a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Place(pub Vec<Step>);

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if depth == 0 => f.write_str(key)?,
                Step::Key(key) => {
                    f.write_char('.')?;
                    f.write_str(key)?;
                }
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A place while a document is walked: it costs nothing until it is needed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a, S> {
    Root,
    At(&'a Path<'a, S>, S),
}

impl<'a, S> Path<'a, S> {
    /// The steps, the last one first.
    pub(super) fn backwards(&'a self) -> impl Iterator<Item = &'a S> {
        let mut rest = self;
        std::iter::from_fn(move || match rest {
            Path::Root => None,
            Path::At(parent, step) => {
                rest = parent;
                Some(step)
            }
        })
    }
}
