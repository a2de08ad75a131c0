//! An adaptive average pool becomes one average pool, or slices, an average pool per cell, and concatenations.
//!
//! Upstream does the same before it observes: the shared observer sees each of these tensors, in this order.

use super::{Builder, SLICE_COPY};
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::adaptive_avg_pool2d::AdaptiveAvgPool2d;
use crate::ops::avg_pool2d::AvgPool2d;
use crate::ops::cat::Cat;
use crate::ops::slice::Slice;

/// Strides with which upstream takes one pool for all cells.
const DIRECT: core::ops::RangeInclusive<usize> = 1..=3;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::AdaptiveAvgPool2d(pool) = node.op else { return None };
    let input = node.inputs[0];
    let (h, w) = (builder.shape(input)[2], builder.shape(input)[3]);
    if let (Some((kernel_h, stride_h)), Some((kernel_w, stride_w))) =
        (uniform(h, pool.output[0]), uniform(w, pool.output[1]))
    {
        let (kernel, stride) = ([kernel_h, kernel_w], [stride_h, stride_w]);
        let mean = AvgPool2d::unpadded(kernel, stride);
        return Some(vec![builder.push(node, mean, &[input])]);
    }
    let mut rows = Vec::new();
    for y in 0..pool.output[0] {
        let mut cells = Vec::new();
        for x in 0..pool.output[1] {
            let (region_y, region_x) =
                (AdaptiveAvgPool2d::region(y, h, pool.output[0]), AdaptiveAvgPool2d::region(x, w, pool.output[1]));
            let kernel = [region_y.len(), region_x.len()];
            let slice = Slice { axis: 2, start: region_y.start, end: region_y.end };
            let band = builder.push_as(SLICE_COPY, node, slice, &[input]);
            let slice = Slice { axis: 3, start: region_x.start, end: region_x.end };
            let region = builder.push_as(SLICE_COPY, node, slice, &[band]);
            let mean = AvgPool2d::unpadded(kernel, [1, 1]);
            cells.push(builder.push(node, mean, &[region]));
        }
        rows.push(join(builder, node, cells, 3));
    }
    Some(vec![join(builder, node, rows, 2)])
}

/// Kernel and stride of a pool whose windows are the regions of an axis.
fn uniform(input: usize, output: usize) -> Option<(usize, usize)> {
    let (stride, rest) = (input / output, input % output);
    (rest <= 1 && DIRECT.contains(&stride)).then_some((stride + rest, stride))
}

fn join(builder: &mut Builder<'_>, node: &Node, parts: Vec<ValueId>, axis: usize) -> ValueId {
    match parts[..] {
        [one] => one,
        _ => builder.push(node, Cat { axis }, &parts),
    }
}
