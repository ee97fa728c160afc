//! Figures as people read them: three digits that count, with a unit.

/// In what something is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// How many.
    Count,
    /// Seconds.
    Seconds,
    /// So many in a second.
    PerSecond,
    /// Bytes.
    Bytes,
    /// A share of one.
    Share,
    /// A mere number.
    Ratio,
}

/// A figure with its unit, such as `1,250`, `31.4 ms`, `2 min 5 s`, `512 MiB`, `12 %`.
pub fn show(value: f64, unit: Unit) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if unit == Unit::Seconds && value.abs() >= 119.95 {
        return minutes(value);
    }
    let (factor, suffix) = scale(value, unit);
    format!("{}{suffix}", digits(value / factor))
}

/// What figures up to this one are divided by to be shown in one unit, and that unit's name.
pub(super) fn scale(most: f64, unit: Unit) -> (f64, &'static str) {
    const KIB: f64 = 1_024.0;
    let most = most.abs();
    match unit {
        Unit::Count | Unit::Ratio => (1.0, ""),
        Unit::PerSecond => (1.0, "/s"),
        Unit::Share => (0.01, " %"),
        Unit::Seconds if most == 0.0 || most >= 0.999_5 => (1.0, " s"),
        Unit::Seconds if most >= 0.000_999_5 => (0.001, " ms"),
        Unit::Seconds => (0.000_001, " µs"),
        Unit::Bytes if most >= KIB * KIB * KIB => (KIB * KIB * KIB, " GiB"),
        Unit::Bytes if most >= KIB * KIB => (KIB * KIB, " MiB"),
        Unit::Bytes if most >= KIB => (KIB, " KiB"),
        Unit::Bytes => (1.0, " B"),
    }
}

fn minutes(seconds: f64) -> String {
    let all = seconds.abs().round();
    let (minutes, rest) = ((all / 60.0).floor(), all % 60.0);
    let sign = if seconds < 0.0 { "−" } else { "" };
    if rest == 0.0 {
        format!("{sign}{} min", digits(minutes))
    } else {
        format!("{sign}{} min {rest} s", digits(minutes))
    }
}

/// Three digits that count, no zeros after them, and a comma for each thousand.
pub(super) fn digits(value: f64) -> String {
    let size = value.abs();
    let places = match size {
        0.0..9.995 => 2,
        9.995..99.95 => 1,
        _ => 0,
    };
    let text = format!("{size:.places$}");
    let text = if places > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    if value < 0.0 && text != "0" {
        out.push('−');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_that_count_and_a_unit() {
        for (value, unit, shown) in [
            (0.0, Unit::Count, "0"),
            (1_250.0, Unit::Count, "1,250"),
            (1_234_567.0, Unit::Count, "1,234,567"),
            (3.046, Unit::Ratio, "3.05"),
            (99.96, Unit::Ratio, "100"),
            (-0.001, Unit::Ratio, "0"),
            (-4.0, Unit::Ratio, "−4"),
            (0.0, Unit::Seconds, "0 s"),
            (0.074_93, Unit::Seconds, "74.9 ms"),
            (0.000_12, Unit::Seconds, "120 µs"),
            (0.999_6, Unit::Seconds, "1 s"),
            (12.34, Unit::Seconds, "12.3 s"),
            (119.96, Unit::Seconds, "2 min"),
            (125.2, Unit::Seconds, "2 min 5 s"),
            (5_210.0, Unit::PerSecond, "5,210/s"),
            (536_870_912.0, Unit::Bytes, "512 MiB"),
            (0.125, Unit::Share, "12.5 %"),
            (f64::NAN, Unit::Seconds, "–"),
        ] {
            assert_eq!(show(value, unit), shown);
        }
    }
}
