//! What Prometheus reads of the queues.

use std::fmt::Write as _;

use async_trait::async_trait;
use deputy_web::Metrics;

use crate::store::Store;
use crate::work::Counts;

#[async_trait]
impl Metrics for Store {
    async fn to_prometheus(&self) -> String {
        match self.counts().await {
            Ok(counts) => families(&counts),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "the queues could not be counted");
                String::new()
            }
        }
    }
}

fn families(counts: &[Counts]) -> String {
    let mut text = String::from(
        "# HELP deputy_queue_deliveries Deliveries that a handler has yet to handle, by state.\n\
         # TYPE deputy_queue_deliveries gauge\n",
    );
    // Writing to a String cannot fail, and handlers' names need no escaping: they are file names of ours.
    for Counts { handler, pending, in_flight, delayed, .. } in counts {
        for (state, count) in [("pending", pending), ("in_flight", in_flight), ("delayed", delayed)] {
            let _ =
                writeln!(text, "deputy_queue_deliveries{{handler=\"{handler}\",state=\"{state}\"}} {count}");
        }
    }
    text.push_str(
        "# HELP deputy_dead_letters Deliveries that a handler has failed on for good, until somebody looks.\n\
         # TYPE deputy_dead_letters gauge\n",
    );
    for Counts { handler, dead, .. } in counts {
        let _ = writeln!(text, "deputy_dead_letters{{handler=\"{handler}\"}} {dead}");
    }
    text
}
