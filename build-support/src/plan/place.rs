//! Gives each buffer a place in the arena such that no two that live at the same time overlap.

use std::ops::{Range, RangeInclusive};

/// Start of every buffer is a multiple of this, for kernels that load vectors.
pub(super) const ALIGNMENT: usize = 16;

/// A piece of memory that steps write and read.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    /// Size.
    pub(super) bytes: usize,
    /// From the step that writes it to the last that reads it, both included.
    pub(super) live: RangeInclusive<usize>,
}

/// Places by buffer: the largest first, each at the lowest offset that is free while it lives.
///
/// Ties go to the buffer that is written first, then to the lower index: equal graphs give equal places.
pub(super) fn place(buffers: &[Buffer]) -> Vec<Range<usize>> {
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(buffers[i].bytes), *buffers[i].live.start(), i));
    let mut places: Vec<Option<Range<usize>>> = vec![None; buffers.len()];
    for &index in &order {
        let buffer = &buffers[index];
        let mut taken: Vec<Range<usize>> = (places.iter().zip(buffers))
            .filter(|(_, other)| overlap(&buffer.live, &other.live))
            .filter_map(|(place, _)| place.clone())
            .collect();
        taken.sort_by_key(|place| place.start);
        let mut offset = 0;
        for place in taken {
            if offset + buffer.bytes <= place.start {
                break;
            }
            offset = offset.max(place.end.next_multiple_of(ALIGNMENT));
        }
        places[index] = Some(offset..offset + buffer.bytes);
    }
    places.into_iter().map(|place| place.expect("every buffer is in the order")).collect()
}

/// The most bytes that live at one time; no placement needs less.
pub(super) fn lower_bound(buffers: &[Buffer]) -> usize {
    // The sum can only grow when a buffer starts to live.
    let live_at = |time| buffers.iter().filter(|buffer| buffer.live.contains(&time)).map(|buffer| buffer.bytes).sum();
    buffers.iter().map(|buffer| live_at(*buffer.live.start())).max().unwrap_or(0)
}

fn overlap(a: &RangeInclusive<usize>, b: &RangeInclusive<usize>) -> bool {
    a.start() <= b.end() && b.start() <= a.end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tosa::samples::Random;

    fn buffer(bytes: usize, live: RangeInclusive<usize>) -> Buffer {
        Buffer { bytes, live }
    }

    #[test]
    fn a_chain_needs_its_largest_neighbours() {
        let buffers = [buffer(100, 0..=1), buffer(40, 1..=2), buffer(96, 2..=3), buffer(10, 3..=4)];
        assert_eq!(lower_bound(&buffers), 140);
        assert_eq!(place(&buffers), [0..100, 112..152, 0..96, 96..106]);
    }

    #[test]
    fn live_buffers_never_overlap() {
        let mut random = Random::new(0);
        for _ in 0..200 {
            let buffers: Vec<Buffer> = (0..random.below(30) + 1)
                .map(|_| {
                    let first = random.below(20);
                    buffer(random.below(1000) + 1, first..=first + random.below(8))
                })
                .collect();
            let places = place(&buffers);
            for (i, (a, place_a)) in buffers.iter().zip(&places).enumerate() {
                assert_eq!(place_a.start % ALIGNMENT, 0);
                assert_eq!(place_a.len(), a.bytes);
                for (b, place_b) in buffers[..i].iter().zip(&places) {
                    let apart = place_a.end <= place_b.start || place_b.end <= place_a.start;
                    assert!(apart || !overlap(&a.live, &b.live), "{a:?} at {place_a:?}, {b:?} at {place_b:?}");
                }
            }
            let arena_bytes = places.iter().map(|place| place.end).max().unwrap();
            assert!(arena_bytes >= lower_bound(&buffers));
        }
    }
}
