//! Answers to questions that the window may withdraw.

use super::Coffer;
use crate::{Result, wording};

impl Coffer {
    /// Does `work` until the question with this number is withdrawn, also before this is polled; numbers are the asker's,
    /// and used once. What is dropped then makes no further request.
    ///
    /// # Errors
    /// Those of `work`, and that it was withdrawn.
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
                () = question.withdrawn() => Err(wording::given_up()),
                done = work => done,
            }
        }
    }

    /// Withdraws a question. Does nothing when it was answered.
    pub fn give_up(&self, number: &str) {
        self.inner.questions.withdraw(number);
    }
}
