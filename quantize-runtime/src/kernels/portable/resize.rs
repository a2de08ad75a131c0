//! RESIZE.

use crate::slices;
use crate::steps::Resize;

/// What a position of the result lies between along one axis.
#[derive(Clone, Copy)]
struct Place {
    /// The neighbours' positions.
    near: [usize; 2],
    /// Distance to the first one, in units of 1 / numerator.
    rest: i64,
    /// The numerator of the scale.
    unit: i64,
}

impl Place {
    /// The place of position `at` along axis `axis` of the step, whose input has `size` elements there.
    #[inline]
    fn new(step: &Resize, axis: usize, size: usize, at: usize) -> Self {
        let [yn, yd, xn, xd] = step.scale;
        let [y, x] = step.offset;
        let (numerator, denominator, offset) = if axis == 0 { (yn, yd, y) } else { (xn, xd, x) };
        let unit = i64::from(numerator.max(1));
        let position = at as i64 * i64::from(denominator) + i64::from(offset);
        let first = position.div_euclid(unit);
        let inside = |position: i64| usize::try_from(position).unwrap_or(0).min(size - 1); // a dimension is at least 1
        Self { near: [inside(first), inside(first + 1)], rest: position.rem_euclid(unit), unit }
    }

    #[inline]
    fn nearest(self) -> usize {
        self.near[usize::from(2 * self.rest >= self.unit)]
    }
}

/// The nearest elements.
#[inline(never)]
pub fn resize_nearest<T: Copy>(step: &Resize, input: &[T], output: &mut [T]) {
    for_each_position(step, output, |batch, y, x, channel| input[at(step, batch, y.nearest(), x.nearest()) + channel]);
}

/// An element that can be weighed.
pub trait Blend: Copy {
    /// Element of the result.
    type Output: Copy;
    /// `corners` (top left, top right, bottom left, bottom right) weighed by `rests` out of `units`, down and right.
    fn blend(corners: [Self; 4], rests: [i64; 2], units: [i64; 2]) -> Self::Output;
}

impl Blend for i8 {
    type Output = [u8; 4];
    #[inline(always)]
    fn blend(corners: [Self; 4], rests: [i64; 2], units: [i64; 2]) -> [u8; 4] {
        (weigh(corners.map(i64::from), rests, units) as i32).to_le_bytes() // at most 2^22 times an i8
    }
}

/// An i16, whose result is an i48.
impl Blend for [u8; 2] {
    type Output = [u8; 8];
    #[inline(always)]
    fn blend(corners: [Self; 4], rests: [i64; 2], units: [i64; 2]) -> [u8; 8] {
        weigh(corners.map(|corner| i16::from_le_bytes(corner).into()), rests, units).to_le_bytes()
    }
}

/// An f32.
impl Blend for [u8; 4] {
    type Output = [u8; 4];
    #[inline(always)]
    fn blend(corners: [Self; 4], [y, x]: [i64; 2], [yn, xn]: [i64; 2]) -> [u8; 4] {
        let [v00, v01, v10, v11] = corners.map(f32::from_le_bytes);
        let (ry, rx) = (y as f32 / yn as f32, x as f32 / xn as f32); // at most 2^11
        let sum = v00 * (1.0 - ry) * (1.0 - rx) + v01 * (1.0 - ry) * rx + v10 * ry * (1.0 - rx) + v11 * ry * rx;
        sum.to_le_bytes()
    }
}

#[inline(always)]
fn weigh([v00, v01, v10, v11]: [i64; 4], [y, x]: [i64; 2], [yn, xn]: [i64; 2]) -> i64 {
    v00 * (yn - y) * (xn - x) + v01 * (yn - y) * x + v10 * y * (xn - x) + v11 * y * x
}

/// The four neighbours weighed by distance; those of integers by the numerators of the fractions, so that i8 gives i32 and
/// i16 gives i48.
#[inline(never)]
pub fn resize_bilinear<T: Blend>(step: &Resize, input: &[T], output: &mut [T::Output]) {
    for_each_position(step, output, |batch, y, x, channel| {
        let corner = |row: usize, column: usize| input[at(step, batch, y.near[row], x.near[column]) + channel];
        T::blend([corner(0, 0), corner(0, 1), corner(1, 0), corner(1, 1)], [y.rest, x.rest], [y.unit, x.unit])
    });
}

/// Where the channels of a position of the input begin.
#[inline]
fn at(step: &Resize, batch: usize, y: usize, x: usize) -> usize {
    let [_, ih, iw, c] = step.input.sizes();
    ((batch * ih + y) * iw + x) * c
}

#[inline(always)]
fn for_each_position<O>(step: &Resize, output: &mut [O], element: impl Fn(usize, Place, Place, usize) -> O) {
    let [_, ih, iw, _] = step.input.sizes();
    let [n, oh, ow, c] = step.output.sizes();
    let mut results = slices::chunks_mut(output, c);
    for batch in 0..n {
        for oy in 0..oh {
            let y = Place::new(step, 0, ih, oy);
            for ox in 0..ow {
                let Some(result) = results.next() else { return };
                let x = Place::new(step, 1, iw, ox);
                for (channel, result) in result.iter_mut().enumerate() {
                    *result = element(batch, y, x, channel);
                }
            }
        }
    }
}
