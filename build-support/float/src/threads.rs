//! Work on a float tensor spread over the processor's cores.

use std::cell::Cell;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;

thread_local! {
    /// Whether the caller has work for the other cores.
    static IS_ALONE: Cell<bool> = const { Cell::new(false) };
}

/// Does work on the calling thread alone, for callers that spread over the cores themselves.
pub fn on_one_core(work: impl FnOnce()) {
    let before = IS_ALONE.replace(true);
    work();
    IS_ALONE.set(before);
}

/// Does each job on a thread of its own, and waits until all threads are gone: a scope waits for their work alone, so that a leak
/// checker may find what a thread has not freed yet.
///
/// # Panics
///
/// With the panic of a job, after the others ended.
pub fn all_at_once<Job: FnOnce() + Send>(jobs: impl Iterator<Item = Job>) {
    thread::scope(|scope| {
        let threads: Vec<_> = jobs.map(|job| scope.spawn(job)).collect();
        let ends: Vec<_> = threads.into_iter().map(thread::ScopedJoinHandle::join).collect();
        if let Some(panic) = ends.into_iter().find_map(Result::err) {
            resume_unwind(panic);
        }
    });
}

/// Operations below which starting threads costs more than it saves.
const WORTHWHILE: usize = 1 << 21;

/// Computes `output` in runs of whole units of `unit` elements; `compute` gets the index of its first unit and the run.
///
/// `operations` is the work of all. Each element is computed by one thread alone, so that results do not depend on their number.
pub(crate) fn for_runs(output: &mut [f32], unit: usize, operations: usize, compute: impl Fn(usize, &mut [f32]) + Sync) {
    let cores = if IS_ALONE.get() { 1 } else { thread::available_parallelism().map_or(1, NonZero::get) };
    let units = output.len() / unit.max(1);
    let run = units.div_ceil(cores).max(1);
    if operations < WORTHWHILE || cores == 1 || units < 2 {
        return compute(0, output);
    }
    let compute = &compute;
    all_at_once(output.chunks_mut(run * unit).enumerate().map(|(index, part)| move || compute(index * run, part)));
}

#[cfg(test)]
mod tests {
    use super::for_runs;

    #[test]
    fn every_unit_is_computed_once() {
        for operations in [1, usize::MAX] {
            let mut output = vec![0.0; 3 * 7];
            for_runs(&mut output, 3, operations, |first, run| {
                for (index, unit) in run.chunks_exact_mut(3).enumerate() {
                    unit.iter_mut().for_each(|x| *x += (first + index) as f32 + 1.0);
                }
            });
            let expected: Vec<f32> = (0..21_u8).map(|i| f32::from(i / 3) + 1.0).collect();
            assert_eq!(output, expected);
        }
    }
}
