//! Tensors of another size along some axes.

use super::{apply, axes_of, shape_of, size};
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::graph::{Tensor, ValueId};
use crate::ops::index_select::IndexSelect;
use crate::ops::linear::Linear;
use crate::ops::masked_fill::MaskedFill;
use crate::ops::permute::Permute;
use crate::ops::upsample::{Interpolation, Upsample};
use crate::ops::view::View;
use ndarray::{Array1, ArrayD};

/// How an axis changes.
struct Scaling {
    axis: usize,
    from: usize,
    to: usize,
    /// `to / from`, but for what rounding to whole elements takes.
    scale: f64,
    /// The part that is taken, where coordinates are `tf_crop_and_resize`.
    region: [f64; 2],
}

/// A Resize in one of PyTorch's forms (nearest neighbours and bilinear interpolation of `[N, C, H, W]`) is `upsample`. The others
/// are, along one axis after the other, a choice of elements, or a product with the matrix of interpolation.
///
/// Source: ONNX, Resize.
pub(super) fn resize(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let coordinates = node.text("coordinate_transformation_mode").unwrap_or("half_pixel");
    let mode = node.text("mode").unwrap_or("nearest");
    let nearest = node.text("nearest_mode").unwrap_or("round_prefer_floor");
    let scalings = scalings(importer, node, input)?;
    let upsample = match (mode, coordinates) {
        ("nearest", "asymmetric") if nearest == "floor" => Some(Interpolation::Nearest),
        ("linear", "half_pixel" | "pytorch_half_pixel") => Some(Interpolation::Bilinear),
        ("linear", "align_corners") => Some(Interpolation::BilinearAlignedCorners),
        _ => None,
    };
    if let Some(mode) = upsample
        && let Some((output, factors)) = images(node, shape_of(importer, input), &scalings)
        && node.int("antialias", 0) == 0
        && (coordinates != "pytorch_half_pixel" || !output.contains(&1))
        && (mode == Interpolation::Nearest || scalings.iter().all(Scaling::is_exact))
    {
        return importer.push(node, Upsample { output, factors, mode }, vec![input]);
    }
    let kernel = Kernel::read(node, mode)?;
    let extrapolated = node.float("extrapolation_value", 0.0);
    let mut result = input;
    for scaling in &scalings {
        importer.spend(&[scaling.from, scaling.to])?;
        let places: Vec<f64> = (0..scaling.to)
            .map(|at| scaling.place(coordinates, at as f64))
            .collect::<Option<_>>()
            .ok_or_else(|| format!("`{coordinates}` coordinates are not supported"))?;
        if scaling.from == scaling.to && places.iter().enumerate().all(|(at, &place)| place == at as f64) {
            continue;
        }
        result = match &kernel {
            Kernel::Nearest => {
                let indices = places.iter().map(|&place| nearest_index(nearest, place, scaling.from));
                let indices = indices.collect::<Option<Vec<i64>>>().ok_or("unknown `nearest_mode`")?;
                let name = format!("{}.indices", node.scopes.name(node.proto));
                let indices = importer.graph.add_constant(name, Array1::from(indices).into_dyn());
                apply(importer, node, IndexSelect { axis: scaling.axis }, vec![result, indices])?
            }
            kernel => {
                let rows = places.iter().map(|&place| kernel.row(place, scaling)).collect::<Option<Vec<_>>>();
                let rows = rows.ok_or("an element is made of none")?.concat();
                let matrix = Tensor::from_shape_vec(vec![scaling.to, scaling.from], rows).expect("a row an element");
                interpolate(importer, node, result, scaling.axis, matrix)?
            }
        };
        if coordinates == "tf_crop_and_resize" {
            let outside = |&place: &f64| place < 0.0 || place > (scaling.from - 1) as f64;
            let mut shape = vec![1; shape_of(importer, result).len()];
            shape[scaling.axis] = scaling.to;
            let mask: Vec<bool> = places.iter().map(outside).collect();
            if mask.contains(&true) {
                let mask = ArrayD::from_shape_vec(shape, mask).expect("a truth value an element");
                let mask = importer.graph.add_constant(format!("{}.outside", node.scopes.name(node.proto)), mask);
                result = apply(importer, node, MaskedFill { value: extrapolated }, vec![result, mask])?;
            }
        }
    }
    Ok(vec![Entry::Value(result)])
}

/// Upsample, which Resize has replaced: coordinates are those of the first corner.
pub(super) fn upsample(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let mut proto = node.proto.clone();
    let text = |name: &str, value: &str| crate::frontend::onnx::proto::Attribute {
        name: name.to_owned(),
        s: value.as_bytes().to_vec(),
        ..Default::default()
    };
    proto.attribute.push(text("coordinate_transformation_mode", "asymmetric"));
    proto.attribute.push(text("nearest_mode", "floor"));
    let scales = node.inputs.get(1).cloned().flatten();
    let inputs = vec![node.inputs.first().cloned().flatten(), None, scales];
    resize(importer, &OnnxNode { proto: &proto, inputs, scopes: node.scopes.clone() })
}

/// Which axes change and how, by sizes or scales.
fn scalings(importer: &Importer<'_>, node: &OnnxNode<'_>, input: ValueId) -> Result<Vec<Scaling>, String> {
    let dims = shape_of(importer, input);
    let axes = match node.ints("axes") {
        Some(axes) => axes_of(axes, dims.len())?,
        None => (0..dims.len()).collect(),
    };
    let reals =
        |index: usize, what: &str| match (importer.known(node, index).and_then(|data| data.real()), node.has(index)) {
            (None, true) => Err(format!("its {what} are computed at run time")),
            (values, _) => Ok(values.map(|values| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>())),
        };
    let regions = reals(1, "regions")?.filter(|regions| regions.len() == 2 * axes.len());
    let mut scalings = Vec::new();
    let mut add = |index: usize, to: Option<usize>, scale: f64| {
        let axis = axes[index];
        let region = regions.as_ref().map_or([0.0, 1.0], |regions| [regions[index], regions[axes.len() + index]]);
        let to = to.filter(|&to| to > 0 && dims[axis] > 0).ok_or("its scales are too large or too small")?;
        scalings.push(Scaling { axis, from: dims[axis], to, scale, region });
        Ok::<(), String>(())
    };
    if node.has(3) {
        let sizes = importer.known_integers(node, 3).ok_or("its sizes are computed at run time")?;
        let sizes: Option<Vec<usize>> = sizes.iter().map(|&dim| size(dim)).collect();
        let sizes = sizes.filter(|sizes| sizes.len() == axes.len()).ok_or("has sizes that do not fit its axes")?;
        let ratios = axes.iter().zip(&sizes).map(|(&axis, &size)| size as f64 / dims[axis] as f64);
        let common = match node.text("keep_aspect_ratio_policy") {
            None | Some("stretch") => None,
            Some("not_larger") => Some(ratios.clone().fold(f64::INFINITY, f64::min)),
            Some("not_smaller") => Some(ratios.clone().fold(0.0, f64::max)),
            Some(other) => return Err(format!("unknown policy `{other}`")),
        };
        for (index, ratio) in ratios.enumerate() {
            match common {
                None => add(index, Some(sizes[index]), ratio)?,
                // Half up.
                Some(scale) => add(index, size((dims[axes[index]] as f64 * scale + 0.5) as i64), scale)?,
            }
        }
    } else {
        // An attribute of Upsample before opset 9.
        let attribute = || Some(node.attribute("scales")?.floats.iter().map(|&scale| f64::from(scale)).collect());
        let scales = reals(2, "scales")?.or_else(attribute).ok_or("has neither sizes nor scales")?;
        if scales.len() != axes.len() {
            return Err("has scales that do not fit its axes".to_owned());
        }
        for (index, &scale) in scales.iter().enumerate() {
            add(index, size(libm::floor(dims[axes[index]] as f64 * scale) as i64), scale)?; // saturates
        }
    }
    Ok(scalings)
}

/// Height and width that an `upsample` of images makes, and its factors where scales are given.
fn images(node: &OnnxNode<'_>, dims: &[usize], scalings: &[Scaling]) -> Option<([usize; 2], Option<[f64; 2]>)> {
    let of = |axis: usize| scalings.iter().find(|scaling| scaling.axis == axis);
    let is_image = dims.len() == 4 && (0..2).all(|axis| of(axis).is_none_or(|s| s.from == s.to && s.scale == 1.0));
    let (vertical, horizontal) = (of(2)?, of(3)?);
    let factors = (!node.has(3)).then_some([vertical.scale, horizontal.scale]);
    is_image.then_some(([vertical.to, horizontal.to], factors))
}

impl Scaling {
    fn is_exact(&self) -> bool {
        self.scale * self.from as f64 == self.to as f64
    }

    /// Where element `at` of the result is in the operand; `None` for unknown coordinates.
    fn place(&self, coordinates: &str, at: f64) -> Option<f64> {
        let (from, to) = (self.from as f64, self.from as f64 * self.scale);
        let half_pixel = (at + 0.5) / self.scale - 0.5;
        Some(match coordinates {
            "half_pixel" => half_pixel,
            "pytorch_half_pixel" if self.to == 1 => -0.5,
            "pytorch_half_pixel" => half_pixel,
            "half_pixel_symmetric" => from / 2.0 * (1.0 - self.to as f64 / to) + half_pixel,
            "asymmetric" => at / self.scale,
            "align_corners" if self.to == 1 => 0.0,
            "align_corners" => at * (from - 1.0) / (to - 1.0),
            "tf_crop_and_resize" => {
                let [start, end] = self.region;
                let offset = if self.to == 1 { (end - start) / 2.0 } else { at * (end - start) / (to - 1.0) };
                (start + offset) * (from - 1.0)
            }
            _ => return None,
        })
    }
}

/// The element that is nearest to a place; `None` for an unknown way to round.
fn nearest_index(rounding: &str, place: f64, size: usize) -> Option<i64> {
    let index = match rounding {
        "round_prefer_floor" => libm::ceil(place - 0.5),
        "round_prefer_ceil" => libm::floor(place + 0.5),
        "floor" => libm::floor(place),
        "ceil" => libm::ceil(place),
        _ => return None,
    };
    Some(index.clamp(0.0, (size - 1) as f64) as i64) // an index of the axis
}

/// How elements around a place are weighted.
enum Kernel {
    Nearest,
    Weighted {
        /// Weight of an element at a distance, which is 0 from `radius` on.
        weight: fn(f64, f64) -> f64,
        radius: f64,
        /// Attribute `cubic_coeff_a`.
        a: f64,
        antialias: bool,
        /// Whether elements outside count as none instead of as the nearest.
        exclude_outside: bool,
    },
}

impl Kernel {
    fn read(node: &OnnxNode<'_>, mode: &str) -> Result<Self, String> {
        let (weight, radius): (fn(f64, f64) -> f64, f64) = match mode {
            "nearest" => return Ok(Self::Nearest),
            "linear" => (linear, 1.0),
            "cubic" => (cubic, 2.0),
            other => return Err(format!("unknown mode `{other}`")),
        };
        let (antialias, exclude_outside) = (node.int("antialias", 0) != 0, node.int("exclude_outside", 0) != 0);
        Ok(Self::Weighted { weight, radius, a: node.float("cubic_coeff_a", -0.75).into(), antialias, exclude_outside })
    }

    /// The weights of all elements for one at a place; `None` where they sum up to 0.
    fn row(&self, place: f64, scaling: &Scaling) -> Option<Vec<f32>> {
        let Self::Weighted { weight, radius, a, antialias, exclude_outside } = self else { return None };
        // A smaller result is made of more elements, whose weights are those at smaller distances.
        let stretch = if *antialias { scaling.scale.min(1.0) } else { 1.0 };
        let below = libm::ceil(place) - 1.0;
        let first = libm::floor(-radius / stretch) + 1.0;
        let last = 1.0 - first;
        let mut row = vec![0.0; scaling.from];
        let (mut sum, mut offset) = (0.0, first);
        while offset <= last {
            let position = below + offset;
            let inside = position.clamp(0.0, (scaling.from - 1) as f64);
            if !exclude_outside || inside == position {
                let weight = weight((position - place).abs() * stretch, *a);
                row[inside as usize] += weight; // an index of the axis
                sum += weight;
            }
            offset += 1.0;
        }
        let divisor = if *antialias || *exclude_outside { sum } else { 1.0 };
        (divisor != 0.0).then(|| row.iter().map(|weight| (weight / divisor) as f32).collect())
    }
}

fn linear(distance: f64, _: f64) -> f64 {
    (1.0 - distance).max(0.0)
}

/// Keys' cubic convolution with parameter `a`.
fn cubic(x: f64, a: f64) -> f64 {
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}

/// The products of a matrix `[to, from]` and the elements along an axis: a linear layer over the axis, moved to the end.
fn interpolate(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    input: ValueId,
    axis: usize,
    matrix: Tensor,
) -> Result<ValueId, String> {
    let rank = shape_of(importer, input).len();
    let to = matrix.shape()[0];
    let matrix = importer.graph.add_constant(format!("{}.weights", node.scopes.name(node.proto)), matrix);
    if rank == 1 {
        let from = shape_of(importer, input)[0];
        let row = apply(importer, node, View { shape: vec![1, from] }, vec![input])?;
        let row = apply(importer, node, Linear, vec![row, matrix])?;
        return apply(importer, node, View { shape: vec![to] }, vec![row]);
    }
    if axis == rank - 1 {
        return apply(importer, node, Linear, vec![input, matrix]);
    }
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.swap(axis, rank - 1);
    let moved = apply(importer, node, Permute { perm: perm.clone() }, vec![input])?;
    let moved = apply(importer, node, Linear, vec![moved, matrix])?;
    apply(importer, node, Permute { perm }, vec![moved])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_elements_outside_go_to_the_nearest() {
        let scaling = |scale| Scaling { axis: 0, from: 3, to: 6, scale, region: [0.0, 1.0] };
        let kernel = |exclude_outside| Kernel::Weighted {
            weight: linear,
            radius: 1.0,
            a: 0.0,
            antialias: false,
            exclude_outside,
        };
        assert_eq!(kernel(false).row(1.25, &scaling(2.0)), Some(vec![0.0, 0.75, 0.25]));
        assert_eq!(kernel(false).row(-0.25, &scaling(2.0)), Some(vec![1.0, 0.0, 0.0]));
        assert_eq!(kernel(true).row(2.5, &scaling(2.0)), Some(vec![0.0, 0.0, 1.0]));
    }

    #[test]
    fn places_halfway_round_as_asked() {
        let at = |rounding| nearest_index(rounding, 1.5, 4);
        assert_eq!(at("round_prefer_floor"), Some(1));
        assert_eq!(at("round_prefer_ceil"), Some(2));
        assert_eq!(nearest_index("floor", -0.5, 4), Some(0));
        assert_eq!(at("no_such_rounding"), None);
    }
}
