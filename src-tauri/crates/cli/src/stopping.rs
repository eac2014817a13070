//! Requests to end the program.

use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// Stops the work where nothing is lost at the first request, and ends the program at the second.
pub(crate) fn listen() -> CancellationToken {
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        let Ok(mut requests) = Requests::new() else {
            return;
        };
        requests.next().await;
        eprintln!("Stopping; press Ctrl-C again to end at once.");
        stop.cancel();
        requests.next().await;
        std::process::exit(Exit::Stopped.code().into());
    });
    cancel
}

/// Ctrl-C in the terminal, and a system or service manager that wants the program to end.
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

/// Ctrl-C and Ctrl-Break in the console, its window that is closed, and the system that shuts down.
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
