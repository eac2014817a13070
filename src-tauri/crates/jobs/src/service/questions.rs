use tokio_util::sync::CancellationToken;

use super::Coffer;
use crate::{Result, lock, wording};

/// Takes a question off the list of those that somebody waits for, however it ended.
struct Asked<'a> {
    coffer: &'a Coffer,
    number: &'a str,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        lock(&self.coffer.inner.questions).remove(self.number);
    }
}

impl Coffer {
    /// Does `work` until somebody gives the question with this number up; numbers are the asker's, and used once. What
    /// is dropped then makes no further request.
    ///
    /// # Errors
    /// Those of `work`, and that it was given up.
    pub async fn answer<T>(
        &self,
        number: Option<&str>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(number) = number else {
            return work.await;
        };
        let given_up = CancellationToken::new();
        lock(&self.inner.questions).insert(number.to_owned(), given_up.clone());
        let _asked = Asked {
            coffer: self,
            number,
        };
        tokio::select! {
            biased;
            () = given_up.cancelled() => Err(wording::given_up()),
            done = work => done,
        }
    }

    /// Nobody waits for the answer to this question any more. Does nothing when it was answered.
    pub fn give_up(&self, number: &str) {
        if let Some(given_up) = lock(&self.inner.questions).get(number) {
            given_up.cancel();
        }
    }
}
