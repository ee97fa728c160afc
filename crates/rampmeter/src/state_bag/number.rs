//! Adding numbers as JSON has them.

use serde_json::{Number, Value};

/// What is added to a key: a whole number or a float.
#[derive(Clone, Debug)]
pub struct Amount(pub(super) Option<Number>);

macro_rules! from_whole {
    ($($whole:ty),*) => {
        $(impl From<$whole> for Amount {
            fn from(amount: $whole) -> Amount {
                Amount(Some(amount.into()))
            }
        })*
    };
}

from_whole!(i32, i64, u32, u64, usize);

impl From<f64> for Amount {
    /// One that is not finite is refused where it is added.
    fn from(amount: f64) -> Amount {
        Amount(Number::from_f64(amount))
    }
}

/// The sum: exact for whole numbers, rounded as soon as one is a float.
pub(super) fn sum(so_far: Option<&Value>, value: &Value) -> Result<Number, String> {
    let Value::Number(more) = value else { return Err(no_number(value)) };
    match so_far {
        None => Ok(more.clone()),
        Some(Value::Number(so_far)) => add(so_far, more),
        Some(other) => Err(no_number(other)),
    }
}

fn add(a: &Number, b: &Number) -> Result<Number, String> {
    if let (Some(whole_a), Some(whole_b)) = (a.as_i128(), b.as_i128()) {
        let sum = whole_a + whole_b;
        let sum =
            i64::try_from(sum).map(Number::from).or_else(|_| u64::try_from(sum).map(Number::from));
        return sum.map_err(|_| format!("{a} and {b} are more than 64 bits hold"));
    }
    let sum = a.as_f64().zip(b.as_f64()).and_then(|(a, b)| Number::from_f64(a + b));
    sum.ok_or_else(|| format!("{a} and {b} are more than a float holds"))
}

fn no_number(value: &Value) -> String {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("{kind} cannot be added")
}
