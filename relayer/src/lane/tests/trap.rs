//! A call that panics the first time that it is made.

use tokio::sync::watch;

/// Which call, and how often it was made since the trap was set.
#[derive(Default)]
pub(crate) struct Trap(watch::Sender<(&'static str, usize)>);

impl Trap {
    /// The next call of this name ends in a panic. Gives how often it is made from now on.
    pub(crate) fn set(&self, call: &'static str) -> watch::Receiver<(&'static str, usize)> {
        self.0.send_replace((call, 0));
        self.0.subscribe()
    }

    /// A call is made.
    pub(crate) fn step(&self, call: &'static str) {
        let mut first = false;
        self.0.send_if_modified(|(named, times)| {
            let it = *named == call;
            first = it && *times == 0;
            *times += usize::from(it);
            it
        });
        assert!(!first, "asked to panic in {call}");
    }
}
