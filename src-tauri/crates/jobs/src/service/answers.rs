//! Runs commands whose answer the window may stop waiting for.

use super::Coffer;
use crate::{Result, wording};

impl Coffer {
    /// Does `work` until the question with this number is withdrawn, which may happen before this is polled. The caller
    /// chooses numbers and uses each once. Work that is dropped makes no further request.
    ///
    /// # Errors
    /// Those of `work`, and one that says that the question was withdrawn.
    pub fn answer<T>(
        &self,
        number: Option<&str>,
        work: impl Future<Output = Result<T>>,
    ) -> impl Future<Output = Result<T>> {
        let question = number.map(|number| self.inner.questions.ask(number));
        async move {
            let Some(question) = question else {
                return work.await;
            };
            tokio::select! {
                biased;
                () = question.withdrawn() => Err(wording::withdrawn()),
                done = work => done,
            }
        }
    }

    /// Withdraws a question. Does nothing when it was answered already.
    pub fn give_up(&self, number: &str) {
        self.inner.questions.withdraw(number);
    }
}
