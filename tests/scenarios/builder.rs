//! Operators built without the macro: kinds known only at run time, JSON children, several operators in a process.

crate::scenarios![shared: ; own: ];
