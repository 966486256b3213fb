//! Constraints across devices.
