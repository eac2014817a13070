//! What goes to the terminal: a bar or plain lines, messages, results.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use coffer_engine::RemoteVolume;
use coffer_ipc::restore::{Entry, EntryKind};
use coffer_ipc::run::{MessageLevel, Phase, Progress, RunCounts, RunMessage, RunResult, Wait};
use coffer_ipc::{CommandError, ErrorCode};
use coffer_jobs::operations::Finished;
use coffer_jobs::{Observer, wording};
use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::exit::Exit;
use crate::options::common::Common;
use crate::options::flag::Flag;

/// Shows an operation while it runs.
pub(crate) struct Display {
    bar: Option<ProgressBar>,
    messages: Arc<Mutex<Vec<RunMessage>>>,
    has_warned: Arc<AtomicBool>,
    json: bool,
}

/// The result of a run, or why a command failed, as `--json` prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    result: RunResult,
    counts: RunCounts,
    error: &'a Option<CommandError>,
    messages: &'a [RunMessage],
}

impl Display {
    pub(crate) fn new(common: Common) -> Self {
        let with_bar =
            io::stderr().is_terminal() && !common.no_progress.is_set() && !common.json.is_set();
        let bar = with_bar.then(|| {
            let bar = ProgressBar::new(0);
            let template = "{prefix:>21} {bar:30} {percent:>3}%  {msg}";
            let style = ProgressStyle::with_template(template);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            bar,
            messages: Arc::default(),
            has_warned: Arc::default(),
            json: common.json.is_set(),
        }
    }

    /// For commands that take only a moment: shows problems and no progress.
    pub(crate) fn quiet(common: Common) -> Self {
        Self::new(Common {
            no_progress: Flag::SET,
            ..common
        })
    }

    /// Observes only the problems of the operation.
    pub(crate) fn quiet_observer(&self) -> Observer {
        Observer {
            on_progress: Box::new(|_| ()),
            ..self.observer()
        }
    }

    /// Observes the operation.
    pub(crate) fn observer(&self) -> Observer {
        let bar = self.bar.clone();
        let last_line = Mutex::new(None);
        let (messages, message_bar, json) =
            (Arc::clone(&self.messages), self.bar.clone(), self.json);
        let has_warned = Arc::clone(&self.has_warned);
        Observer {
            on_progress: Box::new(move |progress| match &bar {
                Some(bar) => show(bar, &progress),
                None => {
                    let line = match &progress.wait {
                        Some(wait) => wait_words(wait),
                        None => phase_words(progress.phase).to_owned(),
                    };
                    let mut last = last_line.lock().unwrap_or_else(PoisonError::into_inner);
                    if last.as_ref() != Some(&line) {
                        eprintln!("{line}");
                        *last = Some(line);
                    }
                }
            }),
            on_message: Box::new(move |mut message| {
                message.text = wording::for_command_line(&message.text);
                if message.level != MessageLevel::Info {
                    has_warned.store(true, Ordering::Relaxed);
                }
                let line = message_line(&message);
                match &message_bar {
                    Some(bar) => bar.println(visible(&line)),
                    None => eprintln!("{line}"),
                }
                if json {
                    messages
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(message);
                }
            }),
            shows_progress: self.bar.is_some(),
        }
    }

    /// Prints the result.
    pub(crate) fn finish(self, finished: &Finished, summary: &str) -> Exit {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let error = finished.error.clone().map(with_commands);
        if let Some(error) = &error {
            print_error(error);
        }
        if self.json {
            let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
            print_json(&Report {
                result: finished.result,
                counts: finished.counts,
                error: &error,
                messages: &messages,
            });
        } else if error.is_none() {
            // It may name a folder from another user's backup.
            print(format_args!("{summary}"));
        }
        finished.result.into()
    }

    /// The exit code of a command that succeeded.
    pub(crate) fn exit(&self) -> Exit {
        if self.has_warned.load(Ordering::Relaxed) {
            Exit::Warnings
        } else {
            Exit::Success
        }
    }
}

/// Prints an error with its hint, and returns the exit code: failed, or stopped by the user.
pub(crate) fn fail(error: CommandError, common: Common) -> Exit {
    let error = with_commands(error);
    print_error(&error);
    let result = if error.code == ErrorCode::Cancelled {
        RunResult::Stopped
    } else {
        RunResult::Error
    };
    if common.json.is_set() {
        print_json(&Report {
            result,
            counts: RunCounts::default(),
            error: &Some(error),
            messages: &[],
        });
    }
    result.into()
}

/// The error with commands and options in its hint, in place of what the app offers.
fn with_commands(error: CommandError) -> CommandError {
    CommandError {
        message: wording::for_command_line(&error.message),
        hint: wording::for_command_line(&error.hint),
        ..error
    }
}

fn print_error(error: &CommandError) {
    print_error_line(format_args!("ErrorID: {:?}", error.code));
    print_error_line(format_args!("{}", error.message));
    print_error_line(format_args!("{}", error.hint));
}

/// Why standard output failed, once it did.
static OUTPUT_ERROR: OnceLock<io::Error> = OnceLock::new();

/// Escapes control characters, which a terminal would obey: names come from other people. They are escaped as in JSON,
/// so that JSON keeps its meaning.
fn visible(text: &str) -> Cow<'_, str> {
    let is_control = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().map(|c| {
        if is_control(c) {
            format!("\\u{:04x}", u32::from(c))
        } else {
            c.to_string()
        }
    });
    Cow::Owned(shown.collect())
}

/// Prints a line on standard output.
pub(crate) fn print(line: fmt::Arguments<'_>) {
    if let Err(error) = writeln!(io::stdout().lock(), "{}", visible(&line.to_string())) {
        let _ = OUTPUT_ERROR.set(error);
    }
}

/// Prints a line on standard error. A failure is ignored: there is nowhere to report it.
pub(crate) fn print_error_line(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{}", visible(&line.to_string()));
}

/// Whether standard output accepts no more lines.
pub(crate) fn is_lost() -> bool {
    OUTPUT_ERROR.get().is_some()
}

/// Turns lost output into a failure, unless its reader closed the pipe on purpose.
pub(crate) fn check(exit: Exit) -> Exit {
    match OUTPUT_ERROR.get() {
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("The output could not be written: {error}.");
            Exit::Failed
        }
        _ => exit,
    }
}

/// Prints a value as one line of JSON.
pub(crate) fn print_json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("The result cannot be shown: {error}"),
    }
}

/// Prints files at the destination, each with what happens to it.
pub(crate) fn print_files<'f>(what: &str, files: impl IntoIterator<Item = &'f RemoteVolume>) {
    for file in files {
        println!("{what}\t{}\t{}", file.name, file.size);
    }
}

/// The size of a file, or the kind of any other entry.
pub(crate) fn size_words(entry: &Entry) -> String {
    match entry.kind {
        EntryKind::File => entry.size_bytes.to_string(),
        EntryKind::Folder => "folder".to_owned(),
        EntryKind::Symlink => "link".to_owned(),
    }
}

/// Rows of a result. Lines of text are printed as they arrive; JSON is one line with all rows.
#[derive(Clone)]
pub(crate) struct Rows {
    json: bool,
    /// Serialized, because there may be millions.
    rows: Arc<Mutex<Vec<Box<RawValue>>>>,
}

impl Rows {
    pub(crate) fn new(common: Common) -> Self {
        Self {
            json: common.json.is_set(),
            rows: Arc::default(),
        }
    }

    /// Adds a row. Only the one of the two that is shown is built.
    pub(crate) fn add<R: Serialize>(&self, row: impl FnOnce() -> R, line: impl FnOnce() -> String) {
        if !self.json {
            println!("{}", line());
            return;
        }
        match serde_json::value::to_raw_value(&row()) {
            Ok(row) => self
                .rows
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(row),
            Err(error) => eprintln!("A row cannot be shown: {error}"),
        }
    }

    pub(crate) fn finish(&self) {
        if self.json {
            print_json(&*self.rows.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Finishes a command that only shows rows.
    pub(crate) fn end(
        &self,
        outcome: Result<(), CommandError>,
        display: &Display,
        common: Common,
    ) -> Exit {
        match outcome {
            Ok(()) => {
                self.finish();
                display.exit()
            }
            Err(error) => fail(error, common),
        }
    }
}

/// Length of the progress bar.
const BAR_STEPS: u64 = 1000;

fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_length(BAR_STEPS);
    bar.set_position((progress.share.unwrap_or(0.0) * BAR_STEPS as f64) as u64);
    bar.set_prefix(phase_words(progress.phase));
    if let Some(wait) = &progress.wait {
        bar.set_message(visible(&wait_words(wait)).into_owned());
        return;
    }
    let left = progress
        .seconds_left
        .map(|seconds| format!(", {} left", HumanDuration(Duration::from_secs(seconds))));
    bar.set_message(format!(
        "{} files, {} ({}/s{}) {}",
        progress.done_files,
        HumanBytes(progress.done_bytes),
        HumanBytes(progress.bytes_per_second),
        left.unwrap_or_default(),
        visible(&shortened(&progress.current))
    ));
}

fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Connecting => "Connecting",
        Phase::ReadingDestination => "Reading",
        Phase::SendingLeft => "Sending leftover data",
        Phase::LookingForChanges => "Looking for changes",
        Phase::Sending => "Sending",
        Phase::Finishing => "Finishing",
        Phase::Deleting => "Deleting",
        Phase::Compacting => "Compacting",
        Phase::Checking => "Checking",
        Phase::Planning => "Planning",
        Phase::Restoring => "Restoring",
    }
}

fn wait_words(wait: &Wait) -> String {
    let until = wait.until.as_ref().and_then(|until| {
        let local = until
            .parse::<Timestamp>()
            .ok()?
            .to_zoned(TimeZone::system());
        Some(local.strftime("%H:%M:%S").to_string())
    });
    match until {
        Some(until) => format!("{}; resuming at {until}", wait.why),
        None => wait.why.clone(),
    }
}

fn message_line(message: &RunMessage) -> String {
    let level = match message.level {
        MessageLevel::Info => "Note",
        MessageLevel::Warning => "Warning",
        MessageLevel::Error => "Error",
    };
    if message.subject.is_empty() {
        format!("{level}: {}", message.text)
    } else {
        format!("{level}: {}: {}", message.subject, message.text)
    }
}

/// Keeps the end of a long path.
fn shortened(path: &str) -> String {
    let count = path.chars().count();
    if count <= 40 {
        path.to_owned()
    } else {
        format!("…{}", path.chars().skip(count - 39).collect::<String>())
    }
}

/// A size for people, in binary units.
pub(crate) fn bytes(count: u64) -> String {
    HumanBytes(count).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_in_names_do_not_reach_the_terminal() {
        let name = "a\u{1b}]52;c;ZXZpbA==\u{7}b\rc\u{9b}2Jd\u{202e}gpj.exe";

        let shown = visible(name);

        assert_eq!(
            shown,
            "a\\u001b]52;c;ZXZpbA==\\u0007b\\u000dc\\u009b2Jd\\u202egpj.exe"
        );
        assert!(matches!(
            visible("plain \u{e9} \u{1f4be}\n"),
            Cow::Borrowed(_)
        ));
    }
}
