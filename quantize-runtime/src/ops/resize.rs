//! RESIZE: scales rows and columns, by the nearest element or bilinearly.

use super::{ResizeMode, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Scalar, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::shape::MAX_RANK;
use crate::tensor::Element;

/// Limit of heights and widths.
const MAX_SIZE: i64 = 16_384;
/// Limit of the scales' numerators.
const MAX_NUMERATOR: i32 = 2048;
/// Largest scale (TOSA 1.0, level 8K).
const MAX_SCALE: i32 = 256;

/// Row `oy` of the result lies at `(oy · scale[1] + offset[0]) / scale[0]` of the input, columns likewise.
///
/// `NearestNeighbor` keeps the element type. `Bilinear` weighs the four neighbours: f32 by fractions, integers by the
/// numerators of these fractions, so that the result of i8 is an i32 and that of i16 an i48, larger by
/// `scale[0] · scale[2]`. Shapes: input `[N, IH, IW, C]`, result `[N, OH, OW, C]` with
/// `OH = exact((IH − 1) · scale[0] − offset[0] + border[0], scale[1]) + 1`.
///
/// Source: TOSA 1.0, RESIZE.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Resize {
    /// How to compute an element between others.
    pub mode: ResizeMode,
    /// Activation, i8, i16 or f32.
    pub input: ValueId,
    /// Numerator and denominator: y, y, x, x.
    pub scale: [i32; 4],
    /// Where the first row and column lie, in units of 1 / numerator.
    pub offset: [i32; 2],
    /// How far the last row and column may reach, in units of 1 / numerator.
    pub border: [i32; 2],
}

/// What a position of the result lies between along one axis.
#[derive(Clone, Copy)]
struct Place {
    /// The neighbours' positions.
    near: [usize; 2],
    /// Distance to the first one, in units of 1 / numerator.
    rest: i64,
}

impl Resize {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.enumeration(&mut self.mode)?;
        visitor.tensor(&mut self.input)?;
        visitor.ints(&mut self.scale)?;
        visitor.ints(&mut self.offset)?;
        visitor.ints(&mut self.border)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.value(self.input)?;
        let expected = match (input.element, self.mode) {
            (ElementType::I8 | ElementType::I16, ResizeMode::NearestNeighbor) | (ElementType::F32, _) => input.element,
            (ElementType::I8, ResizeMode::Bilinear) => ElementType::I32,
            (ElementType::I16, ResizeMode::Bilinear) => ElementType::I48,
            (ElementType::Bool | ElementType::I32 | ElementType::I48, _) => {
                return Err("an operand has the wrong element type");
            }
        };
        require(element == expected, "the result has the wrong element type for the input and the mode")?;
        let [n, ih, iw, c] = input.shape.axes()?;
        Ok(Shape::nhwc(n, self.output_axis(ih, 0)?, self.output_axis(iw, 1)?, c))
    }

    fn output_axis(&self, input: u32, axis: usize) -> Result<u32, Rule> {
        let [numerator, denominator] = [self.scale[2 * axis], self.scale[2 * axis + 1]];
        let (offset, border) = (self.offset[axis], self.border[axis]);
        require(numerator > 0 && denominator > 0, "a scale is not positive")?;
        require(numerator <= MAX_NUMERATOR, "a numerator of a scale is above 2048")?;
        require(denominator < 16 * numerator, "a scale is 1/16 or less")?;
        require(numerator / denominator <= MAX_SCALE, "a scale is above 256")?;
        require((-numerator..16 * numerator).contains(&offset), "an offset is outside −1 to 16 elements")?;
        require((-16 * numerator..numerator).contains(&border), "a border is outside −16 to 1 elements")?;
        let span = (i64::from(input) - 1) * i64::from(numerator) - i64::from(offset) + i64::from(border);
        let denominator = i64::from(denominator);
        require(span >= 0, "the result is empty")?;
        require(span % denominator == 0, "the scale does not divide the input exactly")?;
        let size = span / denominator + 1;
        require(size.max(input.into()) < MAX_SIZE, "a height or width is 16384 or more")?;
        Ok(size as u32) // below 16384
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let [_, ih, iw, c] = environment.shape(self.input).sizes();
        let places = |[n, oy, ox, channel, ..]: [usize; MAX_RANK]| {
            (n * ih * iw * c + channel, self.place(oy, ih, 0), self.place(ox, iw, 1))
        };
        let at = |first: usize, y: usize, x: usize| first + (y * iw + x) * c;
        let indices = result.shape.indices().map(places);
        let [yn, xn] = [self.scale[0], self.scale[2]].map(i64::from);
        if self.mode == ResizeMode::NearestNeighbor {
            let nearest = |place: Place, numerator| place.near[usize::from(2 * place.rest >= numerator)];
            let positions = indices.map(|(first, y, x)| Some(at(first, nearest(y, yn), nearest(x, xn))));
            return Ok(environment.tensor(self.input).gather(positions, Scalar::default()));
        }
        if result.element == ElementType::F32 {
            let input = environment.elements::<f32>(self.input);
            let blend = |(first, y, x): (usize, Place, Place)| {
                // A rest is below 2^11.
                let ([y0, y1], [x0, x1]) = (y.near, x.near);
                let (ry, rx) = (y.rest as f32 / yn as f32, x.rest as f32 / xn as f32);
                let value = |y, x| input[at(first, y, x)];
                value(y0, x0) * (1.0 - ry) * (1.0 - rx)
                    + value(y0, x1) * (1.0 - ry) * rx
                    + value(y1, x0) * ry * (1.0 - rx)
                    + value(y1, x1) * ry * rx
            };
            return Ok(Tensor::F32(indices.map(blend).collect()));
        }
        let input = environment.integers(self.input);
        let blend = |(first, y, x): (usize, Place, Place)| {
            let ([y0, y1], [x0, x1]) = (y.near, x.near);
            let value = |y, x| input(at(first, y, x));
            value(y0, x0) * (yn - y.rest) * (xn - x.rest)
                + value(y0, x1) * (yn - y.rest) * x.rest
                + value(y1, x0) * y.rest * (xn - x.rest)
                + value(y1, x1) * y.rest * x.rest
        };
        // At most 2^22 times the largest element: within i32 for i8 and i48 for i16.
        Ok(match result.element {
            ElementType::I48 => Tensor::I48(indices.map(blend).collect()),
            _ => Tensor::I32(indices.map(|index| i32::from_word(blend(index).cast_unsigned())).collect()),
        })
    }

    fn place(&self, at: usize, input: usize, axis: usize) -> Place {
        let [numerator, denominator] = [self.scale[2 * axis], self.scale[2 * axis + 1]].map(i64::from);
        let position = at as i64 * denominator + i64::from(self.offset[axis]);
        let first = position.div_euclid(numerator);
        let inside = |position: i64| usize::try_from(position).unwrap_or(0).min(input - 1);
        Place { near: [inside(first), inside(first + 1)], rest: position.rem_euclid(numerator) }
    }
}
