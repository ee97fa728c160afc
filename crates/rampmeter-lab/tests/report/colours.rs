//! Whether the regimes' colours can be told apart, also by those who see two hues instead of three.

use super::sample;

const REGIMES: [&str; 5] = ["unlimited", "semaphore", "rate-limiter", "rampmeter", "stageflow"];

/// How linear light is seen with full colour vision, and without one of the three kinds of cones
/// (Machado, Oliveira, Fernandes 2009, severity 1).
const EYES: [[[f64; 3]; 3]; 4] = [
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
];

/// Two colours at this distance in CIELAB are plainly two; at 2.3 they can just be told apart.
const APART: f64 = 20.0;
/// WCAG 2.2, 1.4.11: what is drawn stands out from the page by this at least.
const CONTRAST: f64 = 3.0;

#[test]
fn regimes_can_be_told_apart_by_their_colours_whoever_looks() {
    let page = sample::report().html();
    let sheet = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    // Light, dark, and on paper.
    let sets: Vec<&str> = sheet.split(":root {").skip(1).collect();
    assert_eq!(sets.len(), 3);
    for set in sets {
        let card = colour(set, "card");
        let colours = REGIMES.map(|name| (name, colour(set, name)));
        for (name, seen) in colours {
            let contrast = contrast(seen, card);
            assert!(contrast >= CONTRAST, "{name} stands out by {contrast:.1}");
        }
        for (eye, matrix) in EYES.iter().enumerate() {
            for (at, (a, one)) in colours.iter().enumerate() {
                for (b, other) in &colours[at + 1..] {
                    let apart = distance(lab(matrix, *one), lab(matrix, *other));
                    assert!(apart >= APART, "{a} and {b} are {apart:.0} apart to eye {eye}");
                }
            }
        }
    }
}

/// Linear light of the first declaration of that name.
fn colour(set: &str, name: &str) -> [f64; 3] {
    let after = set.split(&format!("--{name}: #")).nth(1).unwrap_or_default();
    let digits: Vec<u8> = after.bytes().take_while(u8::is_ascii_hexdigit).collect();
    let part = |at: usize| {
        // `#fff` is short for `#ffffff`.
        let wide = digits.len() / 3;
        let text: Vec<u8> = [digits[at * wide], digits[at * wide + wide - 1]].into();
        let value = std::str::from_utf8(&text).map(|text| u8::from_str_radix(text, 16));
        let value = f64::from(value.ok().and_then(Result::ok).unwrap_or(0)) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    [part(0), part(1), part(2)]
}

fn light([r, g, b]: [f64; 3]) -> f64 {
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (light(a), light(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn lab(eye: &[[f64; 3]; 3], [r, g, b]: [f64; 3]) -> [f64; 3] {
    let [r, g, b] = eye.map(|row| row[0] * r + row[1] * g + row[2] * b);
    let part = |value: f64| {
        let value = value.max(0.0);
        if value > 0.008_856 { value.cbrt() } else { 7.787 * value + 16.0 / 116.0 }
    };
    let x = part((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
    let y = part(light([r, g, b]));
    let z = part((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}
