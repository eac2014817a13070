//! Requests to stop the program.

use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// Stops the operation gracefully at the first request, and exits at the second.
pub(crate) fn listen() -> CancellationToken {
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        let Ok(mut requests) = Requests::new() else {
            return;
        };
        requests.next().await;
        eprintln!("Stopping; press Ctrl-C again to exit immediately.");
        stop.cancel();
        requests.next().await;
        std::process::exit(Exit::Stopped.code().into());
    });
    cancel
}

/// Ctrl-C in the terminal, or SIGTERM from the system or a service manager.
#[cfg(unix)]
struct Requests([tokio::signal::unix::Signal; 2]);

#[cfg(unix)]
impl Requests {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        ]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// Ctrl-C or Ctrl-Break in the console, its window being closed, or the system shutting down.
#[cfg(windows)]
struct Requests {
    interrupt: tokio::signal::windows::CtrlC,
    pause: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl Requests {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};
        Ok(Self {
            interrupt: ctrl_c()?,
            pause: ctrl_break()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.pause.recv() => {}
            _ = self.close.recv() => {}
            _ = self.shutdown.recv() => {}
        }
    }
}
