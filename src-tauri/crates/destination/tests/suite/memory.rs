use coffer_destination::{MemoryDestination, conformance_tests};

async fn fresh() -> (MemoryDestination, ()) {
    (MemoryDestination::new(), ())
}

conformance_tests!(fresh);
