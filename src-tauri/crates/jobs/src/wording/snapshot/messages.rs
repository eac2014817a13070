use std::fmt::Write as _;

use coffer_ipc::CommandError;
use coffer_ipc::run::RunMessage;

use crate::wording::for_command_line;

/// Text under its headings, as the file has it.
#[derive(Default)]
pub(super) struct Messages {
    pub(super) text: String,
    /// Each message as the app shows it.
    pub(super) app: Vec<String>,
}

impl Messages {
    pub(super) fn section(&mut self, title: &str) {
        let _ = writeln!(self.text, "\n# {title}");
    }

    pub(super) fn error(&mut self, name: &str, error: &CommandError) {
        let _ = writeln!(self.text, "\n{name} ({:?})", error.code);
        self.line(&error.message);
        self.line(&error.hint);
    }

    pub(super) fn problem(&mut self, name: &str, message: &RunMessage) {
        let _ = writeln!(self.text, "\n{name} ({:?})", message.level);
        self.line(&message.text);
    }

    pub(super) fn sentence(&mut self, name: &str, sentence: &str) {
        let _ = writeln!(self.text, "\n{name}");
        self.line(sentence);
    }

    pub(super) fn of_command_line(&mut self, name: &str, sentence: &str) {
        let _ = writeln!(self.text, "\n{name}\n  $ {sentence}");
    }

    /// The line in the app's words, and in those of the command line where they differ.
    pub(super) fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "    {line}");
        let typed = for_command_line(line);
        if typed != line {
            let _ = writeln!(self.text, "  $ {typed}");
        }
        self.app.push(line.to_owned());
    }
}
