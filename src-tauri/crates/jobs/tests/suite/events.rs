//! Events come in the order of their numbers, because a window drops those that are older than what it has.

use crate::support::Computer;

const THREADS: u64 = 4;
/// Fewer in all than events that wait for a slow window.
const EACH: u64 = 50;
const ROUNDS: usize = 40;

#[tokio::test]
async fn no_event_overtakes_another() {
    let computer = Computer::new().await;
    let coffer = computer.start();
    let mut events = coffer.subscribe();
    let mut last = 0;
    for _ in 0..ROUNDS {
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| (0..EACH).for_each(|_| coffer.show("job")));
            }
        });
        for _ in 0..THREADS * EACH {
            let event = events.recv().await.unwrap();
            assert_eq!(event.seq, last + 1);
            last = event.seq;
        }
    }
}
