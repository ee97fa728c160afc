//! A small HTTP server on loopback, written out so that it takes and sends any bytes.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Answers every request by one function, and keeps what it was asked.
pub(super) struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// A message whenever a connection has ended.
    pub(super) ended: mpsc::UnboundedReceiver<()>,
    /// A message whenever an answer was sent, or as much of it as there is.
    pub(super) answered: mpsc::UnboundedReceiver<()>,
}

/// One request as it came.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// As in `GET /a?b=c`.
    pub(super) line: String,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Server {
    /// `answer` gives the whole of an answer; one that ends in `…` goes on for ever.
    pub(super) async fn start(answer: impl Fn(&Asked) -> String + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (end, ended) = mpsc::unbounded_channel();
        let (sent, answered) = mpsc::unbounded_channel();
        let answer = Arc::new(answer);
        let kept = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, kept) = (answer.clone(), kept.clone());
                let (end, sent) = (end.clone(), sent.clone());
                tokio::spawn(async move {
                    serve(stream, &*answer, &kept, &sent).await;
                    let _ = end.send(());
                });
            }
        });
        Server { port, asked, ended, answered }
    }

    /// The same answer to all.
    pub(super) async fn saying(answer: &str) -> Server {
        let answer = answer.to_owned();
        Server::start(move |_| answer.clone()).await
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What it was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// A whole answer.
pub(super) fn answer(status: &str, headers: &[&str], body: &str) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

pub(super) fn ok(body: &str) -> String {
    answer("200 OK", &[], body)
}

async fn serve(
    mut stream: TcpStream,
    answer: &(dyn Fn(&Asked) -> String + Send + Sync),
    kept: &Mutex<Vec<Asked>>,
    sent: &mpsc::UnboundedSender<()>,
) {
    let Some(asked) = read(&mut stream).await else { return };
    kept.lock().unwrap().push(asked.clone());
    let answer = answer(&asked);
    let (whole, endless) = match answer.strip_suffix('…') {
        Some(beginning) => (beginning, true),
        None => (answer.as_str(), false),
    };
    let _ = stream.write_all(whole.as_bytes()).await;
    let _ = sent.send(());
    if endless {
        // Ends when the other side closes.
        while matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {}
    }
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let line = lines.next()?.strip_suffix(" HTTP/1.1")?.to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let mut asked = Asked { line, headers: headers.collect(), body: String::new() };
    let length: usize = asked.header("content-length").map_or(0, |it| it.parse().unwrap());
    while bytes.len() < head_end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    asked.body = String::from_utf8_lossy(&bytes[head_end + 4..]).into_owned();
    Some(asked)
}
