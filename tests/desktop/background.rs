use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

/// A program beside the test; it ends with this value.
#[derive(Debug)]
pub(crate) struct Background(Child);

impl Background {
    /// Starts a program.
    ///
    /// # Panics
    /// When it is not there: `cargo xtask setup` installs what these tests need.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::spawn(command.stdin(Stdio::null()))
    }

    /// Starts a program that reads `input` to its end.
    pub(crate) fn start_with_input(command: &mut Command, input: &str) -> Self {
        let mut started = Self::spawn(command.stdin(Stdio::piped()));
        let mut pipe = started.0.stdin.take().expect("its input is a pipe");
        pipe.write_all(input.as_bytes())
            .expect("the program reads its input");
        started
    }

    fn spawn(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        Self(command.spawn().unwrap_or_else(|error| {
            panic!("{name} cannot be started ({error}); `cargo xtask setup` installs it")
        }))
    }

    /// Starts a program that says one line once it is ready, and returns that line.
    pub(crate) fn start_talking(command: &mut Command) -> (Self, String) {
        let mut started = Self::start(command.stdout(Stdio::piped()));
        let output = started.0.stdout.take().expect("its output is a pipe");
        let mut output = BufReader::new(output);
        let mut line = String::new();
        output
            .read_line(&mut line)
            .expect("the program says a line");
        // What it says later must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        (started, line.trim().to_owned())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
