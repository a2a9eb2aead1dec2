//! One place per metric: a field with a doc comment. [`group!`] makes of it the handle that the code holds, the family
//! that Prometheus reads, the help text and the row of the reference page (`docs/metrics.md`).

/// What the reference page and the tests know of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Full name.
    pub name: &'static str,
    /// Help text, with the unit.
    pub help: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Labels of the group.
    pub labels: &'static [&'static str],
    /// The label that the metric adds.
    pub extra: Option<&'static str>,
}

/// Most label sets of one group: 1,000 bridges with both lanes, and some to spare. Past it one shared set, named
/// `overflow`, takes the rest (INV-7): figures blur, memory does not grow.
pub const MAX_LABEL_SETS: usize = 4096;

/// Declares a group of metrics with the same labels.
///
/// `Handle / Families: "prefix_" [labels] { /// help  field: Kind, … }`; a histogram names its buckets after `=`.
macro_rules! group {
    (
        $(#[$gmeta:meta])*
        $handle:ident / $families:ident : $prefix:literal [$($label:ident),*] {
            $( $(#[doc = $help:literal])+ $field:ident : $kind:ty $(= $buckets:expr)? ),+ $(,)?
        }
    ) => {
        $(#[$gmeta])*
        #[derive(Clone)]
        #[allow(missing_debug_implementations)]
        pub struct $handle {
            $( $(#[doc = $help])+ pub $field: $kind ),+
        }

        #[doc = concat!("The families of [`", stringify!($handle), "`].")]
        #[allow(missing_debug_implementations)]
        pub struct $families {
            $( $field: <$kind as $crate::metrics::field::Field>::Family, )+
            made: std::sync::Mutex<std::collections::HashMap<Vec<String>, $handle>>,
            ages: $crate::metrics::field::Ages,
        }

        impl $families {
            /// Names of the group's labels.
            pub const LABELS: &'static [&'static str] = &[$(stringify!($label)),*];

            /// What the group defines.
            pub const DEFINITIONS: &'static [$crate::metrics::group::Definition] = &[
                $( $crate::metrics::group::Definition {
                    name: concat!($prefix, stringify!($field)),
                    help: concat!($($help),+).trim_ascii(),
                    kind: <$kind as $crate::metrics::field::Field>::TYPE,
                    labels: Self::LABELS,
                    extra: <$kind as $crate::metrics::field::Field>::EXTRA,
                } ),+
            ];

            /// Registers the families.
            pub(crate) fn register(
                registry: &prometheus::Registry,
                ages: &$crate::metrics::field::Ages,
            ) -> prometheus::Result<Self> {
                Ok(Self {
                    $( $field: <$kind as $crate::metrics::field::Field>::family(registry, &$crate::metrics::field::Spec {
                        name: concat!($prefix, stringify!($field)),
                        help: concat!($($help),+).trim_ascii(),
                        labels: Self::LABELS,
                        buckets: { #[allow(unused_mut, unused_assignments)] let mut b: &'static [f64] = &[]; $( b = $buckets; )? b },
                    })?, )+
                    made: Default::default(),
                    ages: ages.clone(),
                })
            }

            /// The handle for these labels: made on first use, the same one later. Values are made fit by
            /// [`labels::value`]($crate::metrics::labels::value).
            pub fn of(&self, $($label: &str),*) -> prometheus::Result<$handle> {
                use $crate::metrics::{field::Field, group::MAX_LABEL_SETS};
                let mut values: Vec<String> = vec![$($crate::metrics::labels::value($label).into_owned()),*];
                let mut made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if !made.contains_key(&values) && made.len() >= MAX_LABEL_SETS {
                    for value in &mut values {
                        "overflow".clone_into(value);
                    }
                }
                if let Some(handle) = made.get(&values) {
                    return Ok(handle.clone());
                }
                let texts: Vec<&str> = values.iter().map(String::as_str).collect();
                let handle = $handle {
                    $( $field: <$kind as Field>::handle(&self.$field, &texts, &self.ages)? ),+
                };
                made.insert(values, handle.clone());
                Ok(handle)
            }

            /// Forgets these labels: their series end.
            pub fn forget(&self, $($label: &str),*) {
                use $crate::metrics::field::Field;
                let values: Vec<String> = vec![$($crate::metrics::labels::value($label).into_owned()),*];
                self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&values);
                let texts: Vec<&str> = values.iter().map(String::as_str).collect();
                $( <$kind as Field>::forget(&self.$field, &texts); )+
            }
        }
    };
}
pub(crate) use group;
