//! What a child writes, read within bounds.

use std::future::pending;
use std::io;
use std::os::fd::AsFd;

use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncReadExt};

/// What a child has written to one of its streams, up to a bound.
pub(super) struct Output<R> {
    name: &'static str,
    pipe: Option<R>,
    pub(super) bytes: Vec<u8>,
    max: u64,
}

impl<R: AsyncRead + AsFd + Unpin> Output<R> {
    pub(super) fn new(name: &'static str, pipe: Option<R>, max: u64) -> Self {
        Self { name, pipe, bytes: Vec::new(), max }
    }

    /// Reads along, and returns only if that fails or passes the bound.
    pub(super) async fn fill(&mut self) -> String {
        while let Some(pipe) = &mut self.pipe {
            let mut chunk = [0; 8192];
            match pipe.read(&mut chunk).await {
                Ok(0) => self.pipe = None,
                Ok(n) => {
                    if let Err(over) = self.add(&chunk[..n]) {
                        return over;
                    }
                }
                Err(e) => return self.unreadable(&e),
            }
        }
        pending().await
    }

    /// Reads what is in the pipe now, and does not wait for more: somebody who left the group may
    /// still hold it open. The kernel is asked, since the runtime may not know yet of the last bytes.
    pub(super) fn drain(&mut self) -> Result<(), String> {
        while let Some(pipe) = &self.pipe {
            let mut chunk = [0; 8192];
            match rustix::io::read(pipe.as_fd(), &mut chunk) {
                Ok(0) | Err(Errno::AGAIN) => self.pipe = None,
                Ok(n) => self.add(&chunk[..n])?,
                Err(Errno::INTR) => {}
                Err(e) => return Err(self.unreadable(&e.into())),
            }
        }
        Ok(())
    }

    /// Reads on until the end, for nobody.
    pub(super) async fn discard(&mut self) {
        self.bytes = Vec::new();
        while let Some(pipe) = &mut self.pipe {
            if !matches!(pipe.read(&mut [0; 8192]).await, Ok(1..)) {
                self.pipe = None;
            }
        }
    }

    fn add(&mut self, chunk: &[u8]) -> Result<(), String> {
        if (self.bytes.len() as u64).saturating_add(chunk.len() as u64) > self.max {
            return Err(format!(
                "wrote more than {} bytes to {} and was ended: raise `max_output`, or have it \
                 write less",
                self.max, self.name
            ));
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    fn unreadable(&self, e: &io::Error) -> String {
        format!("was ended, for its {} could not be read: {e}", self.name)
    }
}
