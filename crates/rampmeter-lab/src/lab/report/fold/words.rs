//! What the figures mean.

const WORDS: [(&str, &str); 17] = [
    ("regime", "What decides when calls start."),
    ("asked", "Calls that somebody asked for. Those that other calls make are not counted here."),
    (
        "good",
        "Calls that their tool answered, or something that stood in for it: a cached answer, another \
              tool, a fixed value.",
    ),
    ("in time", "Good calls answered by their turn's deadline; all good ones where there is none."),
    (
        "p50, p95, p99",
        "So many of a hundred good calls were answered within it, counted from when they were \
                       asked for: the least value that so many do not exceed.",
    ),
    ("wait", "From when a call was asked for until it was first inside its tool."),
    ("inside", "Calls inside tools at one moment, as the tools themselves count them."),
    ("waiting, queue", "Calls asked for, not answered, and inside no tool."),
    ("throttles, turned away", "Attempts that a tool's server answered with 429 or 503."),
    (
        "lost",
        "Calls that nobody ever had an answer to: their process died, or the scenario was over.",
    ),
    (
        "goodput",
        "Good calls in time, in each second from the first ask to the last answer; to the end, if a call never \
         had one.",
    ),
    (
        "throughput",
        "Calls that came as far as a tool and were answered, in each second of the same.",
    ),
    (
        "share",
        "A flow's part of all time inside tools, while there is not enough for all; what it is \
               entitled to is what its weight and its demand come to then.",
    ),
    ("recovery", "From a fault's end until good answers come as before it."),
    (
        "memory",
        "The most bytes that tools held at once; in real time, by how much the process grew.",
    ),
    (
        "knee",
        "The concurrency with the greatest goodput divided by how long a call stays inside \
              (Kleinrock 1979).",
    ),
    (
        "the law",
        "The Universal Scalability Law (Gunther 2007), fitted to answers per second against calls inside, while any are; its \
                 best is where it is greatest.",
    ),
];

pub(super) fn words() -> Vec<(String, String)> {
    WORDS.iter().map(|(word, meaning)| ((*word).to_owned(), (*meaning).to_owned())).collect()
}
