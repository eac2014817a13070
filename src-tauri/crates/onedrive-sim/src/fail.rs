//! Why a handler failed, and the resulting answer.

use crate::reply::{GraphError, Reply};
use crate::request::{Call, Dropped};
use crate::time::iso;
use crate::world::World;

/// Why a handler failed.
#[derive(Debug)]
pub(crate) enum Fail {
    Graph(GraphError),
    Dropped,
}

impl From<GraphError> for Fail {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<Dropped> for Fail {
    fn from(Dropped: Dropped) -> Self {
        Self::Dropped
    }
}

/// Trouble with the simulator's own disk.
pub(crate) fn disk(error: std::io::Error) -> Fail {
    Fail::Graph(GraphError::new(500, "generalException", &error.to_string()))
}

/// What the client gets for what a handler said.
pub(crate) async fn settle(
    world: &World,
    call: &mut Call,
    said: Result<Reply, Fail>,
) -> Result<Reply, Dropped> {
    match said {
        Ok(reply) => Ok(reply),
        Err(Fail::Dropped) => Err(Dropped),
        Err(Fail::Graph(error)) => {
            // Read the body, so that the client gets the answer instead of a broken connection.
            while call.next().await?.is_some() {}
            let date = iso(world.now());
            Ok(error.into_reply(&call.request_id, call.client_request_id(), &date))
        }
    }
}
