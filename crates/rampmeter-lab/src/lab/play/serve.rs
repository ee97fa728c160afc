//! A process that plays what it is told on its standard input.

use std::io::{self, BufWriter, Read, Write};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use super::super::record::{CallRecord, Facts};
use super::play_telling;
use super::wire::{Line, Order};

/// Reads an [`Order`], plays it, and writes [`Line`]s, each record as soon as its call is answered:
/// whatever ends this process, what was known by then has been told.
///
/// # Errors
/// The order cannot be read, or what is written is not taken.
pub fn serve(mut stdin: impl Read, stdout: impl Write + Send + 'static) -> io::Result<()> {
    let mut text = String::new();
    stdin.read_to_string(&mut text)?;
    let order: Order = serde_json::from_str(&text)?;
    drop(text);
    let (told, records) = channel();
    // Not on the loop of the calls: it must not wait for whoever reads.
    let writing = thread::Builder::new().name("records".to_owned());
    let writing = writing.spawn(move || write_records(&records, stdout))?;
    let facts = match order.terms() {
        Err(broken) => Facts { broken: Some(broken), ..Facts::default() },
        Ok(terms) => {
            let telling = move |record: &CallRecord| {
                // Whoever does not read any more wants nothing any more.
                let _ = told.send(record.clone());
            };
            play_telling(&terms, &order.script, &order.job, Some(Box::new(telling))).facts
        }
    };
    let stdout = writing.join().map_err(|_| io::Error::other("the writer of records panicked"))?;
    write_line(&mut stdout?, &Line::Facts(Box::new(facts)))
}

/// Writes what comes, and lets go of it whenever there is nothing more at the moment.
fn write_records<W: Write>(records: &Receiver<CallRecord>, stdout: W) -> io::Result<W> {
    let mut stdout = BufWriter::new(stdout);
    loop {
        let record = match records.try_recv() {
            Ok(record) => record,
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {
                stdout.flush()?;
                match records.recv() {
                    Ok(record) => record,
                    Err(_) => break,
                }
            }
        };
        serde_json::to_writer(&mut stdout, &Line::Record(record))?;
        stdout.write_all(b"\n")?;
    }
    stdout.into_inner().map_err(io::IntoInnerError::into_error)
}

fn write_line(stdout: &mut impl Write, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    stdout.write_all(&text)?;
    stdout.flush()
}
