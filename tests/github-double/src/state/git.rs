//! Commits, trees and branches: enough of Git for pushes, comparisons, merges and cherry-picks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::State;
use super::repository::{Commit, Repository, Sha};
use crate::ids::{AccountId, RepositoryId};
use crate::random::{self, hex};

/// The files of a commit, by path: a snapshot, as Git keeps it.
pub(crate) type Files = BTreeMap<String, Arc<str>>;

/// A commit to be made.
#[derive(Debug)]
pub(crate) struct NewCommit {
    pub(crate) message: String,
    pub(crate) author: AccountId,
    pub(crate) parents: Vec<Sha>,
    pub(crate) files: Arc<Files>,
}

impl Sha {
    /// A blob's name, as Git computes it.
    pub(crate) fn of_blob(text: &str) -> Self {
        Self::of(&[format!("blob {}\0", text.len()).as_bytes(), text.as_bytes()])
    }

    /// A tree's name: the same files have the same.
    pub(crate) fn of_tree(files: &Files) -> Self {
        let lines: Vec<String> =
            files.iter().map(|(path, text)| format!("{} {path}", Self::of_blob(text))).collect();
        Self::of(&[b"tree ", lines.join("\n").as_bytes()])
    }

    fn of(parts: &[&[u8]]) -> Self {
        let mut context = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
        for part in parts {
            context.update(part);
        }
        Self(hex(context.finish().as_ref()))
    }
}

impl Repository {
    /// The commit that a branch, a tag or a SHA names.
    pub(crate) fn resolve(&self, name: &str) -> Option<Sha> {
        let short = name.trim_start_matches("refs/").trim_start_matches("heads/").trim_start_matches("tags/");
        let named = self.branches.get(short).or_else(|| self.tags.get(short)).cloned();
        named.or_else(|| {
            let sha = Sha(name.to_ascii_lowercase());
            self.commits.contains_key(&sha).then_some(sha)
        })
    }

    /// A commit and all before it.
    pub(crate) fn ancestors(&self, sha: &Sha) -> BTreeSet<Sha> {
        let (mut seen, mut next) = (BTreeSet::new(), vec![sha.clone()]);
        while let Some(sha) = next.pop() {
            if let Some(commit) = self.commits.get(&sha)
                && seen.insert(sha)
            {
                next.extend(commit.parents.iter().cloned());
            }
        }
        seen
    }

    /// The newest commit that two have in common.
    pub(crate) fn merge_base(&self, one: &Sha, other: &Sha) -> Option<Sha> {
        let (one, other) = (self.ancestors(one), self.ancestors(other));
        let common = one.intersection(&other);
        common.max_by_key(|sha| self.commits[*sha].serial).cloned()
    }

    /// The files after merging `theirs` into `ours`; the path of a conflict otherwise.
    pub(crate) fn merged_files(&self, ours: &Sha, theirs: &Sha) -> Result<Files, String> {
        let base = self.merge_base(ours, theirs);
        let empty = Arc::new(Files::new());
        let base = base.map_or_else(|| Arc::clone(&empty), |base| Arc::clone(&self.commits[&base].files));
        let mut merged = (*self.commits[ours].files).clone();
        let theirs = &self.commits[theirs].files;
        let paths: BTreeSet<&String> = base.keys().chain(theirs.keys()).collect();
        for path in paths {
            let (was, is) = (base.get(path), theirs.get(path));
            if was == is {
                continue;
            }
            if merged.get(path) != was && merged.get(path) != is {
                return Err(path.clone());
            }
            match is {
                Some(text) => merged.insert(path.clone(), Arc::clone(text)),
                None => merged.remove(path),
            };
        }
        Ok(merged)
    }
}

impl State {
    /// Makes a commit that no branch points to yet.
    pub(crate) fn make_commit(&mut self, id: RepositoryId, new: NewCommit) -> Sha {
        let sha = random::sha();
        self.insert_commit(id, &sha, new, None);
        sha
    }

    /// Makes a commit whose author and committer are said with their dates, so that its content names it: making
    /// it twice is making it once.
    pub(crate) fn make_named_commit(
        &mut self,
        id: RepositoryId,
        new: NewCommit,
        people: [serde_json::Value; 2],
    ) -> Sha {
        let parents: Vec<&str> = new.parents.iter().map(Sha::as_str).collect();
        let tree = Sha::of_tree(&new.files);
        let text = format!("{tree}\n{}\n{}\n{}\n{}", parents.join(" "), people[0], people[1], new.message);
        let sha = Sha::of(&[b"commit ", text.as_bytes()]);
        if !self.repository(id).commits.contains_key(&sha) {
            self.insert_commit(id, &sha, new, Some(Arc::new(people)));
        }
        sha
    }

    fn insert_commit(
        &mut self,
        id: RepositoryId,
        sha: &Sha,
        new: NewCommit,
        people: Option<Arc<[serde_json::Value; 2]>>,
    ) {
        let (at, serial) = (self.now(), self.next_id());
        let NewCommit { message, author, parents, files } = new;
        let commit = Commit { message, author, parents, files, at, people, serial };
        self.repository_mut(id).commits.insert(sha.clone(), commit);
    }

    /// Puts a commit on top of `branch`, which is made from the default branch if it is new. Each commit
    /// changes a file of its own, if nothing else, so that none conflict by chance.
    pub(crate) fn add_commit(
        &mut self,
        id: RepositoryId,
        branch: &str,
        author: AccountId,
        message: &str,
    ) -> Sha {
        let path = format!("changes/{}.txt", self.next_id());
        self.add_file(id, branch, author, (&path, message), message)
    }

    /// Puts a commit on top of `branch` that writes one file.
    pub(crate) fn add_file(
        &mut self,
        id: RepositoryId,
        branch: &str,
        author: AccountId,
        (path, text): (&str, &str),
        message: &str,
    ) -> Sha {
        let repository = self.repository(id);
        let parent =
            repository.branches.get(branch).or_else(|| repository.branches.get(&repository.default_branch));
        let parents: Vec<Sha> = parent.cloned().into_iter().collect();
        let mut files =
            parents.first().map_or_else(Files::new, |sha| (*repository.commits[sha].files).clone());
        files.insert(path.to_owned(), text.into());
        let new = NewCommit { message: message.to_owned(), author, parents, files: Arc::new(files) };
        let sha = self.make_commit(id, new);
        let now = self.now();
        let repository = self.repository_mut(id);
        repository.branches.insert(branch.to_owned(), sha.clone());
        repository.pushed_at = now;
        sha
    }

    /// Copies a commit and its ancestors to another repository: a fork's work becomes visible in its base.
    pub(crate) fn share_commits(&mut self, from: RepositoryId, to: RepositoryId, sha: &Sha) {
        if from == to {
            return;
        }
        let source = self.repository(from);
        let commits: Vec<(Sha, Commit)> = source
            .ancestors(sha)
            .into_iter()
            .map(|sha| (sha.clone(), source.commits[&sha].clone()))
            .collect();
        self.repository_mut(to).commits.extend(commits);
    }
}
