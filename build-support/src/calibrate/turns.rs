//! Observers that several samples are shown to at once, each of them in the order of samples.

use super::observer::Observer;
use crate::annotate::GroupId;
use crate::graph::{Element, Graph, Tensor, ValueId};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The observers of a calibration run.
///
/// A tensor waits until its observer has seen all tensors that come before it, so that what an observer finds does not depend on
/// how many samples are under way. The first sample waits for none, and any other for earlier ones only.
pub(super) struct Turns {
    /// Of each value.
    groups: Vec<Vec<GroupId>>,
    /// How many tensors of a sample each observer sees.
    per_sample: Vec<usize>,
    observers: Vec<(Mutex<Turn>, Condvar)>,
    failed: Mutex<Option<(usize, String)>>,
}

struct Turn {
    observer: Observer,
    /// Tensors of all samples.
    seen: usize,
}

/// A sample that is under way.
pub(super) struct Sample<'a> {
    turns: &'a Turns,
    number: usize,
    /// Tensors of this sample that each observer has seen.
    seen: Vec<usize>,
}

/// An earlier sample failed: no later one counts.
pub(super) struct Abandoned;

impl Turns {
    /// `groups` has the observers of each value, of which [`shown`] says how often a sample shows it.
    pub(super) fn new(graph: &Graph, observers: Vec<Observer>, groups: Vec<Vec<GroupId>>) -> Self {
        let mut per_sample = vec![0; observers.len()];
        for (groups, shown) in groups.iter().zip(shown(graph)) {
            groups.iter().for_each(|group| per_sample[group.index()] += shown);
        }
        let turn = |observer| (Mutex::new(Turn { observer, seen: 0 }), Condvar::new());
        Self { groups, per_sample, observers: observers.into_iter().map(turn).collect(), failed: Mutex::new(None) }
    }

    /// Begins the sample of this number; each number up to the last is begun once.
    pub(super) fn begin(&self, number: usize) -> Sample<'_> {
        Sample { turns: self, number, seen: vec![0; self.observers.len()] }
    }

    /// Notes why a sample has no result. Samples behind it are abandoned; that of the first sample counts.
    pub(super) fn fail(&self, number: usize, message: String) {
        let mut failed = lock(&self.failed);
        if failed.as_ref().is_none_or(|(first, _)| number < *first) {
            *failed = Some((number, message));
        }
        drop(failed);
        for (turn, changed) in &self.observers {
            // Whoever is about to wait has the lock until it does.
            drop(lock(turn));
            changed.notify_all();
        }
    }

    fn has_failed_before(&self, number: usize) -> bool {
        lock(&self.failed).as_ref().is_some_and(|(first, _)| *first < number)
    }

    /// The observers after all samples.
    ///
    /// # Errors
    ///
    /// Why the first sample that failed did.
    pub(super) fn finish(self) -> Result<Vec<Observer>, String> {
        let failed = self.failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        let observer = |(turn, _): (Mutex<Turn>, _)| turn.into_inner().unwrap_or_else(PoisonError::into_inner).observer;
        failed.map_or_else(|| Ok(self.observers.into_iter().map(observer).collect()), |(_, message)| Err(message))
    }
}

impl Sample<'_> {
    /// Shows a tensor to the observers of its value, when it is its turn.
    ///
    /// # Errors
    ///
    /// [`Abandoned`] instead of waiting for a sample that failed.
    pub(super) fn observe(&mut self, id: ValueId, tensor: &Tensor) -> Result<(), Abandoned> {
        for group in &self.turns.groups[id.index()] {
            let index = group.index();
            let place = self.number * self.turns.per_sample[index] + self.seen[index];
            let (turn, changed) = &self.turns.observers[index];
            let mut turn = lock(turn);
            while turn.seen != place {
                if self.turns.has_failed_before(self.number) {
                    return Err(Abandoned);
                }
                turn = changed.wait(turn).unwrap_or_else(PoisonError::into_inner);
            }
            turn.observer.observe(tensor.as_slice().expect("standard layout"));
            turn.seen += 1;
            self.seen[index] += 1;
            changed.notify_all();
        }
        Ok(())
    }
}

/// A panic is reported by the thread that had it; the others only have to end.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often a sample shows each tensor of real numbers: once where it is made, a constant wherever it is read or returned.
fn shown(graph: &Graph) -> Vec<usize> {
    let mut shown = vec![0; graph.value_count()];
    let mut show = |id: &ValueId| shown[id.index()] += usize::from(graph.value(*id).element == Element::F32);
    let is_constant = |id: &&ValueId| graph.value(**id).constant.is_some();
    graph.inputs.iter().for_each(&mut show);
    for node in &graph.nodes {
        node.inputs.iter().filter(is_constant).chain(&node.outputs).for_each(&mut show);
    }
    graph.outputs.iter().map(|output| &output.value).filter(is_constant).for_each(&mut show);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Activation, Config};
    use crate::graph::{Output, Type};
    use quantize_syntax::attr::Observer as Method;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    /// A network that returns its input and a constant, which have an observer whose result depends on the order.
    fn turns() -> (Turns, ValueId, ValueId) {
        let mut graph = Graph::default();
        let input = graph.add_value("x", Type::real(vec![1]));
        let constant = graph.add_constant("c", Tensor::zeros(vec![1]));
        graph.inputs = vec![input];
        let output = |value| Output { name: "y".to_owned(), value };
        graph.outputs = vec![output(input), output(constant)];
        let observer = Observer::new(Activation { observer: Method::MovingAverage, ..Config::PER_CHANNEL.activation });
        (Turns::new(&graph, vec![observer], vec![vec![GroupId(0)]; 2]), input, constant)
    }

    fn tensor(number: usize) -> Tensor {
        Tensor::from_elem(vec![1], (number * 37 % 101) as f32 - 50.0)
    }

    #[test]
    fn observers_see_samples_in_order_whatever_thread_is_first() {
        const SAMPLES: usize = 500;
        let show = |turns: &Turns, input, constant, number| {
            let mut sample = turns.begin(number);
            sample.observe(input, &tensor(number)).and_then(|()| sample.observe(constant, &tensor(number + 1)))
        };
        let (alone, input, constant) = turns();
        (0..SAMPLES).for_each(|number| assert!(show(&alone, input, constant, number).is_ok()));
        let (together, input, constant) = turns();
        let next = AtomicUsize::new(0);
        let work = || {
            let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
            let mut numbers = numbers.take_while(|&number| number < SAMPLES);
            assert!(numbers.all(|number| show(&together, input, constant, number).is_ok()));
        };
        thread::scope(|scope| (0..4).for_each(|_| _ = scope.spawn(work)));
        let params = |turns: Turns| turns.finish().expect("no sample failed")[0].params();
        assert_eq!(params(together), params(alone));
    }

    #[test]
    fn the_first_sample_that_fails_is_reported_and_nobody_waits_for_it() {
        let (turns, input, _) = turns();
        let is_abandoned = thread::scope(|scope| {
            let waiting = scope.spawn(|| turns.begin(3).observe(input, &tensor(3)).is_err());
            turns.fail(4, "fourth".to_owned());
            turns.fail(2, "second".to_owned());
            waiting.join().expect("no panic")
        });
        assert!(is_abandoned);
        assert!(turns.begin(0).observe(input, &tensor(0)).is_ok(), "earlier samples go on");
        assert_eq!(turns.finish().err(), Some("second".to_owned()));
    }
}
