//! What the tests of dashboards, alerts and runbooks share: reading these files, and finding Prometheus' programs.

pub mod collector;
pub mod files;
pub mod panels;
pub mod prometheus;
pub mod promql;
pub mod tools;
