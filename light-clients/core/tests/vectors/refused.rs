//! Names of refusals, as the vectors give them.

use std::fmt::Debug;

/// The name of an error's innermost variant: `Entry(UnknownKind(7))` is `UnknownKind`.
pub(crate) fn name_of(error: &impl Debug) -> String {
    let text = format!("{error:?}");
    let text = text.strip_prefix("Entry(").unwrap_or(&text);
    text.split(['(', ' ', ')']).next().unwrap_or_default().to_owned()
}
