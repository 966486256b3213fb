//! `pg_timezone_names`: the time zones known by name, as they stand now.

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::{OffsetComponents, OffsetName, TZ_VARIANTS};

use super::super::segment::{Segment, row};
use crate::{error::Result, session::context::Context};

/// The time zones.
pub(super) fn rows(cx: &Context, out: &mut Segment) -> Result<()> {
    let now = DateTime::from_timestamp_micros(cx.transaction_time).unwrap_or_default().naive_utc();
    for zone in TZ_VARIANTS {
        let offset = zone.offset_from_utc_datetime(&now);
        let abbreviation = offset.abbreviation().unwrap_or_default().to_owned();
        let seconds = offset.fix().local_minus_utc();
        out.push(row![zone.name(), abbreviation, interval(seconds), !offset.dst_offset().is_zero()]);
    }
    Ok(())
}

/// Seconds as an interval's text.
fn interval(seconds: i32) -> String {
    let (sign, seconds) = (if seconds < 0 { "-" } else { "" }, seconds.abs());
    format!("{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
