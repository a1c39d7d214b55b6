//! GitHub Actions: workflows, their runs and jobs. Nothing runs here; a test says how it goes.

use std::collections::BTreeMap;

use super::State;
use crate::clock::Moment;
use crate::ids::{AccountId, JobId, RepositoryId, RunId, WorkflowId};
use crate::state::repository::Sha;

#[derive(Clone, Debug)]
pub(crate) struct Workflow {
    pub(crate) id: WorkflowId,
    pub(crate) repository: RepositoryId,
    pub(crate) name: String,
    /// `.github/workflows/deploy.yml`
    pub(crate) path: String,
    /// What `workflow_dispatch` takes, and whether it must be given; `None` if it cannot be dispatched.
    pub(crate) inputs: Option<BTreeMap<String, bool>>,
    pub(crate) jobs: Vec<String>,
    /// The title of its runs, with `${{ inputs.name }}` in it; its name if nothing is said.
    pub(crate) run_name: Option<String>,
    pub(crate) created_at: Moment,
}

#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) workflow: WorkflowId,
    pub(crate) repository: RepositoryId,
    pub(crate) number: u64,
    pub(crate) attempt: u64,
    pub(crate) head_branch: String,
    pub(crate) head_sha: Sha,
    pub(crate) actor: AccountId,
    pub(crate) inputs: BTreeMap<String, String>,
    pub(crate) status: &'static str,
    pub(crate) conclusion: Option<String>,
    pub(crate) created_at: Moment,
    pub(crate) updated_at: Moment,
}

#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) run: RunId,
    pub(crate) attempt: u64,
    pub(crate) name: String,
    pub(crate) status: &'static str,
    pub(crate) conclusion: Option<String>,
    pub(crate) log: String,
    pub(crate) started_at: Moment,
    pub(crate) completed_at: Option<Moment>,
}

impl State {
    pub(crate) fn add_workflow(&mut self, repository: RepositoryId, file: &str) -> WorkflowId {
        let path = format!(".github/workflows/{file}");
        let known = self.workflows.values().find(|w| w.repository == repository && w.path == path);
        if let Some(known) = known {
            return known.id;
        }
        let id = WorkflowId(self.next_id());
        let name = file.trim_end_matches(".yml").trim_end_matches(".yaml").to_owned();
        let created_at = self.now();
        let jobs = vec!["build".to_owned()];
        let inputs = Some(BTreeMap::new());
        self.workflows
            .insert(id, Workflow { id, repository, name, path, inputs, jobs, run_name: None, created_at });
        id
    }

    /// A workflow by number or by file name, as paths name it.
    pub(crate) fn workflow_by_name(&self, repository: RepositoryId, name: &str) -> Option<&Workflow> {
        self.workflows.values().find(|workflow| {
            workflow.repository == repository
                && (workflow.id.to_string() == name || workflow.path.rsplit('/').next() == Some(name))
        })
    }

    /// A queued run of a workflow with its queued jobs.
    pub(crate) fn add_run(
        &mut self,
        workflow: WorkflowId,
        actor: AccountId,
        (head_branch, head_sha): (String, Sha),
        inputs: BTreeMap<String, String>,
    ) -> RunId {
        let id = RunId(self.next_id());
        let now = self.now();
        let known = &self.workflows[&workflow];
        let (repository, jobs) = (known.repository, known.jobs.clone());
        let earlier = self.runs.values().filter(|run| run.workflow == workflow).count();
        let run = Run {
            id,
            workflow,
            repository,
            number: earlier as u64 + 1,
            attempt: 1,
            head_branch,
            head_sha,
            actor,
            inputs,
            status: "queued",
            conclusion: None,
            created_at: now,
            updated_at: now,
        };
        self.runs.insert(id, run);
        self.add_jobs(id, &jobs);
        id
    }

    /// What a run's page shows as its title.
    pub(crate) fn title_of(&self, run: &Run) -> String {
        let workflow = &self.workflows[&run.workflow];
        let Some(title) = &workflow.run_name else { return workflow.name.clone() };
        let fill = |title: String, (name, value): (&String, &String)| {
            title.replace(&format!("${{{{ inputs.{name} }}}}"), value)
        };
        run.inputs.iter().fold(title.clone(), fill)
    }

    /// Jobs for the run's present attempt.
    pub(crate) fn add_jobs(&mut self, run: RunId, names: &[String]) {
        let attempt = self.runs[&run].attempt;
        let started_at = self.now();
        for name in names {
            let id = JobId(self.next_id());
            let job = Job {
                id,
                run,
                attempt,
                name: name.clone(),
                status: "queued",
                conclusion: None,
                log: String::new(),
                started_at,
                completed_at: None,
            };
            self.jobs.insert(id, job);
        }
    }

    /// The jobs of a run's present attempt.
    pub(crate) fn jobs_of(&self, run: RunId) -> impl Iterator<Item = &Job> {
        let attempt = self.runs[&run].attempt;
        self.jobs.values().filter(move |job| job.run == run && job.attempt == attempt)
    }
}
