//! Questions that the window may stop waiting for.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use tokio_util::sync::CancellationToken;

use crate::lock;

/// Maximum number of withdrawn questions whose command may not have arrived yet.
const WITHDRAWN: usize = 64;

/// Questions by the number that the caller gave them.
#[derive(Default)]
pub(super) struct Questions(Mutex<Numbers>);

#[derive(Default)]
struct Numbers {
    open: HashMap<String, CancellationToken>,
    /// Withdrawn before they arrived, the newest last: commands may overtake each other.
    withdrawn: VecDeque<String>,
}

impl Questions {
    pub(super) fn ask(&self, number: &str) -> Question<'_> {
        let cancel = CancellationToken::new();
        let mut numbers = lock(&self.0);
        let early = numbers.withdrawn.iter().position(|early| early == number);
        match early {
            Some(early) => {
                numbers.withdrawn.remove(early);
                cancel.cancel();
            }
            None => {
                numbers.open.insert(number.to_owned(), cancel.clone());
            }
        }
        Question {
            questions: self,
            number: number.to_owned(),
            cancel,
        }
    }

    pub(super) fn withdraw(&self, number: &str) {
        let mut numbers = lock(&self.0);
        if let Some(cancel) = numbers.open.get(number) {
            cancel.cancel();
            return;
        }
        if numbers.withdrawn.len() == WITHDRAWN {
            numbers.withdrawn.pop_front();
        }
        numbers.withdrawn.push_back(number.to_owned());
    }
}

/// A question that the window is waiting for. It is closed when this is dropped.
pub(super) struct Question<'a> {
    questions: &'a Questions,
    number: String,
    cancel: CancellationToken,
}

impl Question<'_> {
    pub(super) async fn withdrawn(&self) {
        self.cancel.cancelled().await;
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        lock(&self.questions.0).open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_withdrawn_whenever_that_arrives() {
        let questions = Questions::default();
        let open = questions.ask("1");
        assert!(!open.cancel.is_cancelled());
        questions.withdraw("1");
        assert!(open.cancel.is_cancelled());

        // The two commands run on different threads: the second may be the first to arrive.
        questions.withdraw("2");
        assert!(questions.ask("2").cancel.is_cancelled());
    }

    #[test]
    fn answered_questions_and_late_withdrawals_leave_nothing_behind() {
        let questions = Questions::default();
        for number in 0..1000 {
            let number = number.to_string();
            drop(questions.ask(&number));
            questions.withdraw(&number);
        }
        let numbers = lock(&questions.0);
        assert!(numbers.open.is_empty());
        assert_eq!(numbers.withdrawn.len(), WITHDRAWN);
    }
}
