//! The course that all trainings take: steps, and between them validations and checkpoints. A run that was stopped at any
//! moment, within a validation too, goes on from the step that it had reached.

use super::history::{History, Score};
use crate::error::Error;
use crate::run_folder::RunFolder;
use sparkwave_core::progress::Progress;
use sparkwave_core::weights::Weights;

/// A network that learns.
pub(super) trait Trainee {
    /// What a validation tells of it.
    type Score: Score;

    /// How many steps were taken.
    fn step(&self) -> usize;

    /// Takes a step; gives the loss before it.
    fn advance(&mut self) -> Result<f32, Error>;

    /// How good it is on what it does not learn from; `None` if nothing was held out.
    fn score(&self, progress: &dyn Progress) -> Result<Option<Self::Score>, Error>;

    /// It as it is now, with all that its file tells of it, its latest score among that.
    fn model(&self, latest: Option<&Self::Score>) -> Result<Weights, Error>;

    /// Everything needed to go on from here.
    fn checkpoint(&self) -> Weights;

    /// Goes on from where `checkpoint` was taken.
    fn resume(&mut self, checkpoint: &Weights) -> sparkwave_nn::error::Result<()>;
}

/// How many steps there are, and how many between what else happens.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub(super) steps: usize,
    /// 0 validates at the end only.
    pub(super) validate_every: usize,
    /// At least 1.
    pub(super) checkpoint_every: usize,
}

/// Trains from the beginning or from the checkpoint in the folder, and writes there what a run leaves but its record.
///
/// # Errors
/// If the checkpoint is none of this network, a step or a validation fails, a file cannot be written, or the user cancels: then
/// with a checkpoint of the step that was reached.
pub(super) fn take<T: Trainee>(
    mut trainee: T,
    pace: Pace,
    folder: &RunFolder,
    progress: &dyn Progress,
) -> Result<History<T::Score>, Error> {
    let history = History::of(folder, |checkpoint| trainee.resume(checkpoint))?;
    let mut course = Course { trainee, history, pace, folder };
    let done = course.finish(progress);
    if done.as_ref().is_err_and(Error::is_cancelled) {
        course.checkpoint()?;
    }
    done.map(|()| course.history)
}

struct Course<'a, T: Trainee> {
    trainee: T,
    history: History<T::Score>,
    pace: Pace,
    folder: &'a RunFolder,
}

impl<T: Trainee> Course<'_, T> {
    fn finish(&mut self, progress: &dyn Progress) -> Result<(), Error> {
        let Pace { steps, validate_every, checkpoint_every } = self.pace;
        loop {
            self.validate(progress)?;
            self.checkpoint()?;
            let step = self.trainee.step();
            if step >= steps {
                return Ok(());
            }
            // To the next step at which something else happens.
            let next = |every: usize| step.checked_div(every).map_or(steps, |n| (n + 1) * every);
            let until = next(checkpoint_every).min(next(validate_every)).min(steps);
            progress.begin(&format!("train to step {until} of {steps}"), (until - step) as u64);
            for _ in step..until {
                if progress.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                self.history.losses.push(self.trainee.advance()?);
                progress.advance(1);
            }
        }
    }

    /// Scores the network and writes it, if that is due at this step and was not done before the run was stopped.
    fn validate(&mut self, progress: &dyn Progress) -> Result<(), Error> {
        let step = self.trainee.step();
        let is_due = step > 0 && (step == self.pace.steps || step.is_multiple_of(self.pace.validate_every));
        if !is_due || self.history.validations.last().is_some_and(|score| score.step() == step) {
            return Ok(());
        }
        self.history.validations.extend(self.trainee.score(progress)?);
        let latest = self.history.validations.last();
        let model = self.trainee.model(latest)?;
        sparkwave_io::weights::write(&model, &self.folder.file("last.safetensors"))?;
        if self.history.best() == latest {
            sparkwave_io::weights::write(&model, &self.folder.file("best.safetensors"))?;
        }
        Ok(())
    }

    fn checkpoint(&self) -> Result<(), Error> {
        self.history.write(self.trainee.checkpoint(), self.folder)
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::CHECKPOINT;
    use super::*;
    use crate::run_folder::Existing;
    use crate::stop_after::StopAfter;
    use serde::{Deserialize, Serialize};
    use sparkwave_core::progress::Silent;
    use sparkwave_core::table::{Table, Value};
    use std::collections::BTreeMap;
    use std::path::Path;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Merit(usize);

    impl Score for Merit {
        const DRAWN: &'static str = "Merit";

        fn step(&self) -> usize {
            self.0
        }

        /// Best at step 6.
        fn merit(&self) -> f64 {
            -(self.0.abs_diff(6) as f64)
        }

        fn drawn(&self) -> Option<f64> {
            Some(self.merit())
        }

        fn table(scores: &[Self]) -> Table {
            let mut table = Table::new();
            table.push("step", scores.iter().map(|score| Value::Int(score.0 as i64)).collect());
            table
        }
    }

    /// A network that only counts.
    struct Counter(usize);

    impl Trainee for Counter {
        type Score = Merit;

        fn step(&self) -> usize {
            self.0
        }

        fn advance(&mut self) -> Result<f32, Error> {
            self.0 += 1;
            Ok(1.0 / self.0 as f32)
        }

        fn score(&self, progress: &dyn Progress) -> Result<Option<Merit>, Error> {
            for _ in 0..2 {
                if progress.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                progress.advance(1);
            }
            Ok(Some(Merit(self.0)))
        }

        fn model(&self, latest: Option<&Merit>) -> Result<Weights, Error> {
            Ok(Weights { texts: BTreeMap::from([("latest".into(), format!("{latest:?}"))]), ..Weights::default() })
        }

        fn checkpoint(&self) -> Weights {
            Weights { texts: BTreeMap::from([("count".into(), self.0.to_string())]), ..Weights::default() }
        }

        fn resume(&mut self, checkpoint: &Weights) -> sparkwave_nn::error::Result<()> {
            self.0 = checkpoint.texts["count"].parse().expect("a number");
            Ok(())
        }
    }

    fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let entries = std::fs::read_dir(folder).expect("there").map(|entry| entry.expect("readable"));
        let read = |path| std::fs::read(path).expect("readable");
        entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), read(entry.path()))).collect()
    }

    #[test]
    fn wherever_a_run_is_stopped_no_step_is_lost_and_the_files_are_the_same() {
        let pace = Pace { steps: 11, validate_every: 3, checkpoint_every: 4 };
        // Of 11 steps and 4 validations of two counts each.
        for n in 0..=19 {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let folder = |existing| RunFolder::open(folder.path(), existing, "").expect("room");
            let stopped = folder(Existing::Refuse);
            let done = take(Counter(0), pace, &stopped, &StopAfter::new(n));
            assert_eq!(done.is_ok(), n == 19, "{n} counts");
            let checkpoint = sparkwave_io::weights::read(&stopped.file(CHECKPOINT)).expect("a checkpoint");
            // Counts of validations before it: at steps 3, 6, 9 and at the end.
            let step = [0, 1, 2, 3, 3, 3, 4, 5, 6, 6, 6, 7, 8, 9, 9, 9, 10, 11, 11, 11][n as usize];
            assert_eq!(checkpoint.texts["count"], step.to_string(), "{n} counts");
            let resumed = folder(Existing::Resume);
            let history = take(Counter(0), pace, &resumed, &Silent).expect("the rest");
            assert_eq!((history.losses.len(), history.best()), (11, Some(&Merit(6))));
            assert_eq!(history.validations, [3, 6, 9, 11].map(Merit), "{n} counts");
            let whole = tempfile::tempdir().expect("a temporary folder");
            let unbroken = RunFolder::open(whole.path(), Existing::Refuse, "").expect("room");
            take(Counter(0), pace, &unbroken, &Silent).expect("all of it");
            assert!(files(resumed.path()) == files(whole.path()), "{n} counts");
        }
    }

    #[test]
    fn without_anything_else_a_run_is_validated_at_its_end() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let folder = RunFolder::open(folder.path(), Existing::Refuse, "").expect("room");
        let pace = Pace { steps: 5, validate_every: 0, checkpoint_every: 4 };
        assert_eq!(take(Counter(0), pace, &folder, &Silent).expect("a run").validations, [Merit(5)]);
    }
}
