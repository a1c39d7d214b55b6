//! Writing the results of a distributed map where its `ResultWriter` says, before the map is over.

use std::sync::Arc;

use deputy_asl::result_writer::{ChildName, files};
use deputy_asl::{ErrorDetails, Payload};
use serde_json::json;

use super::core::{Core, Message};
use super::map_runs::{child_name, done_outside, machine_of, outside_call};

impl Core {
    /// A map has come to its end: what it came to is written, if it has a writer, and then it is over.
    ///
    /// After a crash in between the end is found again and the same files are written again, under the same keys.
    pub(super) fn write_results(&mut self, number: u64, end: Result<Payload, ErrorDetails>) {
        let Some(record) = self.map_runs.get(number) else { return };
        let writer = record.run.as_ref().and_then(|run| run.request.writer.as_ref());
        let Some((resource, parameters)) =
            writer.and_then(|it| Some((it.resource.clone()?, it.parameters.clone())))
        else {
            return self.end_map_run(number, end);
        };
        let (execution, arn, home) = (record.execution, Arc::clone(&record.arn), &self.config.home);
        let mut put = Vec::new();
        if let Some(run) = &record.run {
            let named = run.results().map(|(index, child, outcome)| {
                let name = child_name(&arn, index);
                let arn = home.arn("execution", format_args!("{}:{name}", machine_of(&arn)));
                (ChildName { name, arn }, child, outcome)
            });
            put = files(&run.request, named);
        }
        // Asked about again while they are being written.
        if self.map_runs.writing.contains(&number) {
            return;
        }
        let bucket = parameters.value().get("Bucket").cloned();
        let Some(instance) = self.load(execution) else { return };
        let calls: Vec<_> = put
            .into_iter()
            .map(|file| {
                let parameters = json!({"Bucket": bucket, "Key": file.key, "Body": file.body});
                outside_call(instance, "ResultWriter", &resource, Payload::from(parameters))
            })
            .collect();
        self.map_runs.writing.insert(number);
        let (registry, messages) = (self.config.registry.clone(), self.messages.clone());
        self.runtime.spawn(async move {
            let mut written = Ok(());
            for call in calls {
                if let Err(cause) = done_outside(&registry, call).await {
                    written = Err(cause);
                    break;
                }
            }
            // A map that failed has failed, whatever became of its files.
            let end = match (written, end) {
                (Err(cause), Ok(_)) => Err(ErrorDetails {
                    error: Some("States.ResultWriterFailed".into()),
                    cause: Some(cause.into()),
                }),
                (_, end) => end,
            };
            let call = move |core: &mut Core| {
                core.map_runs.writing.remove(&number);
                core.end_map_run(number, end);
            };
            // The engine has stopped when nobody listens; the results are written again when it is back.
            let _ = messages.send(Message::Call(Box::new(call)));
        });
    }
}
