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
use coffer_jobs::Observer;
use coffer_jobs::operations::Finished;
use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::exit::Exit;
use crate::options::common::Common;
use crate::options::flag::Flag;

/// Shows an operation while it goes on.
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

    /// For commands that take a moment: only problems are told.
    pub(crate) fn quiet(common: Common) -> Self {
        Self::new(Common {
            no_progress: Flag::SET,
            ..common
        })
    }

    /// Hears of the problems of the operation, and of nothing else.
    pub(crate) fn quiet_observer(&self) -> Observer {
        Observer {
            on_progress: Box::new(|_| ()),
            ..self.observer()
        }
    }

    /// Hears of the operation.
    pub(crate) fn observer(&self) -> Observer {
        let bar = self.bar.clone();
        let last_told = Mutex::new(None);
        let (messages, message_bar, json) =
            (Arc::clone(&self.messages), self.bar.clone(), self.json);
        let has_warned = Arc::clone(&self.has_warned);
        Observer {
            on_progress: Box::new(move |progress| match &bar {
                Some(bar) => show(bar, &progress),
                None => {
                    let told = match &progress.wait {
                        Some(wait) => wait_words(wait),
                        None => phase_words(progress.phase).to_owned(),
                    };
                    let mut last = last_told.lock().unwrap_or_else(PoisonError::into_inner);
                    if last.as_ref() != Some(&told) {
                        eprintln!("{told}");
                        *last = Some(told);
                    }
                }
            }),
            on_message: Box::new(move |message| {
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
        if let Some(error) = &finished.error {
            print_error(error);
        }
        if self.json {
            let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
            print_json(&Report {
                result: finished.result,
                counts: finished.counts,
                error: &finished.error,
                messages: &messages,
            });
        } else if finished.error.is_none() {
            // It may name a folder of somebody else's backup.
            print(format_args!("{summary}"));
        }
        finished.result.into()
    }

    /// How a command ends that did what it should.
    pub(crate) fn exit(&self) -> Exit {
        if self.has_warned.load(Ordering::Relaxed) {
            Exit::Warnings
        } else {
            Exit::Success
        }
    }
}

/// Prints an error with its next step, and says how the program ends: failed, or stopped by the person.
pub(crate) fn fail(error: CommandError, common: Common) -> Exit {
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

fn print_error(error: &CommandError) {
    tell(format_args!("ErrorID: {:?}", error.code));
    tell(format_args!("{}", error.message));
    tell(format_args!("{}", error.hint));
}

/// Why lines on standard output were lost, once one was.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// Text without what a terminal would obey: names come from others. Written as JSON writes it, so that JSON stays what it
/// means.
fn visible(text: &str) -> Cow<'_, str> {
    let is_obeyed = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().map(|c| {
        if is_obeyed(c) {
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
        let _ = LOST.set(error);
    }
}

/// Prints a line on standard error. When that fails nobody can be told, and the work goes on.
pub(crate) fn tell(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{}", visible(&line.to_string()));
}

/// Whether standard output takes no more lines.
pub(crate) fn is_lost() -> bool {
    LOST.get().is_some()
}

/// A result that did not get out is a failure, unless its reader left on purpose.
pub(crate) fn check(exit: Exit) -> Exit {
    match LOST.get() {
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

/// Files at the destination, with what becomes of them.
pub(crate) fn print_files<'f>(what: &str, files: impl IntoIterator<Item = &'f RemoteVolume>) {
    for file in files {
        println!("{what}\t{}\t{}", file.name, file.size);
    }
}

/// The size of a file, or what an entry is instead of one.
pub(crate) fn size_words(entry: &Entry) -> String {
    match entry.kind {
        EntryKind::File => entry.size_bytes.to_string(),
        EntryKind::Folder => "folder".to_owned(),
        EntryKind::Symlink => "link".to_owned(),
    }
}

/// Rows of a result. Lines of text go out as they come; one line of JSON holds all.
#[derive(Clone)]
pub(crate) struct Rows {
    json: bool,
    /// As JSON: there may be millions.
    rows: Arc<Mutex<Vec<Box<RawValue>>>>,
}

impl Rows {
    pub(crate) fn new(common: Common) -> Self {
        Self {
            json: common.json.is_set(),
            rows: Arc::default(),
        }
    }

    /// Makes of the two what is shown, and nothing else.
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

    /// How a command ends that only shows rows.
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

/// Of which a full bar consists.
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
        Phase::SendingLeft => "Sending what was left",
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
        Some(until) => format!("{}; going on at {until}", wait.why),
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

/// The end of a long path.
fn shortened(path: &str) -> String {
    let count = path.chars().count();
    if count <= 40 {
        path.to_owned()
    } else {
        format!("…{}", path.chars().skip(count - 39).collect::<String>())
    }
}

/// Bytes in words.
pub(crate) fn bytes(count: u64) -> String {
    HumanBytes(count).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_no_name_of_somebody_else() {
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
