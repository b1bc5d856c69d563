//! The three values of an answer.

/// Whether something is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Yes.
    Allowed,
    /// If these conditions hold.
    Conditional(Vec<String>),
    /// No.
    Denied,
}

impl Decision {
    /// Allowed if all of these hold.
    pub(crate) fn when(conditions: Vec<String>) -> Self {
        if conditions.is_empty() { Self::Allowed } else { Self::Conditional(conditions) }
    }

    /// Less is better.
    pub(crate) fn rank(&self) -> usize {
        match self {
            Self::Allowed => 0,
            Self::Conditional(conditions) => conditions.len(),
            Self::Denied => usize::MAX,
        }
    }

    /// The conditions if it is not denied.
    pub(crate) fn conditions(self) -> Option<Vec<String>> {
        match self {
            Self::Allowed => Some(Vec::new()),
            Self::Conditional(conditions) => Some(conditions),
            Self::Denied => None,
        }
    }

    /// The better of two.
    pub(crate) fn or(self, other: Self) -> Self {
        if other.rank() < self.rank() { other } else { self }
    }

    /// Both must hold.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self.conditions(), other.conditions()) {
            (Some(mut a), Some(b)) => {
                a.extend(b);
                Self::when(a)
            }
            _ => Self::Denied,
        }
    }
}
