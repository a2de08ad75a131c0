//! Graphs for the tests of the stages from the rewrites on.

use super::{Lowered, remove_dead};
use quantize_runtime::Shape;
use quantize_runtime::graph::ElementType::{self, Bool, F32, I8, I16, I32, I48};
use quantize_runtime::graph::{Scalar, ValueId};
use quantize_runtime::interpreter::{Interpreter, Tensor};
use quantize_runtime::ops::{self, AccumulatorType, NanMode, Op, ResizeMode, RoundingMode};

/// Xorshift: the same numbers in every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(0x9E37_79B9_7F4A_7C15 ^ (seed << 32 | seed))
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    pub(crate) fn between(&mut self, from: i32, to: i32) -> i32 {
        from + self.below((to - from + 1) as usize) as i32
    }

    pub(crate) fn i8s(&mut self, len: usize) -> Vec<i8> {
        (0..len).map(|_| self.between(-128, 127) as i8).collect()
    }

    /// A number of this type, mostly not far from 0.
    pub(crate) fn scalar(&mut self, element: ElementType) -> Scalar {
        match element {
            Bool => self.between(0, 1).into(),
            I8 => self.between(-128, 127).into(),
            I16 => self.between(-32_768, 32_767).into(),
            I32 | I48 => self.between(-100_000, 100_000).into(),
            F32 => (self.between(-4_000, 4_000) as f32 / 256.0).into(),
        }
    }

    /// The little-endian elements of a tensor.
    pub(crate) fn bytes(&mut self, element: ElementType, len: usize) -> Vec<u8> {
        (0..len).flat_map(|_| self.scalar(element).to_bits().to_le_bytes().into_iter().take(element.size())).collect()
    }

    /// A tensor for each input of a graph.
    pub(crate) fn inputs(&mut self, lowered: &Lowered) -> Vec<Tensor> {
        let values = lowered.graph.inputs.iter().map(|port| &lowered.graph.values[port.value.0 as usize]);
        values
            .map(|value| Tensor::from_le_bytes(value.element, &self.bytes(value.element, value.shape.len())))
            .collect()
    }
}

/// What the interpreter makes of these inputs, as [`bits`]; `None` where TOSA defines no result.
pub(crate) fn interpret(lowered: &Lowered, inputs: &[Tensor]) -> Option<Vec<Vec<u8>>> {
    let outputs = Interpreter::new(&lowered.graph).expect("a valid graph").run(inputs).ok()?;
    Some(outputs.iter().map(bits).collect())
}

/// The little-endian bytes of a tensor, with one NaN for all.
pub(crate) fn bits(tensor: &Tensor) -> Vec<u8> {
    match tensor {
        Tensor::F32(elements) => {
            let canonical = elements.iter().map(|element| if element.is_nan() { f32::NAN } else { *element });
            Tensor::F32(canonical.collect()).to_le_bytes()
        }
        tensor => tensor.to_le_bytes(),
    }
}

/// Builds graphs from operators that may or may not fit.
pub(crate) struct Builder {
    pub(crate) lowered: Lowered,
    pub(crate) random: Random,
    /// What operators may read.
    values: Vec<ValueId>,
}

impl Builder {
    pub(crate) fn new(seed: u64) -> Self {
        Self { lowered: Lowered::default(), random: Random::new(seed), values: Vec::new() }
    }

    pub(crate) fn input(&mut self, name: &str, element: ElementType, dims: &[u32]) -> ValueId {
        let value = self.lowered.input(name, element, Shape::new(dims).expect("valid dimensions"));
        self.values.push(value);
        value
    }

    /// Adds an operator if its operands and attributes are valid, and gives its first result.
    pub(crate) fn push(&mut self, op: impl Into<Op>, element: ElementType) -> Option<ValueId> {
        let op = op.into();
        let shape = op.infer(&self.lowered.graph, element).ok()?;
        let label = format!("{}_{}", op.name().to_lowercase(), self.lowered.graph.nodes.len());
        let results = self.lowered.push_all(op, element, shape, label);
        self.values.extend(&results);
        results.first().copied()
    }

    fn shape(&self, value: ValueId) -> Shape {
        self.lowered.shape(value)
    }

    fn element(&self, value: ValueId) -> ElementType {
        self.lowered.graph.values[value.0 as usize].element
    }

    /// A RESCALE by about `2^exponent`, per channel where `channels` says so.
    pub(crate) fn rescale(
        &mut self,
        input: ValueId,
        element: ElementType,
        exponent: i32,
        channels: bool,
    ) -> Option<ValueId> {
        let per_channel = channels && self.shape(input).rank() > 0;
        let count = if per_channel { *self.shape(input).dims().last().expect("checked") } else { 1 };
        let multipliers = (0..count).map(|_| self.random.between(1 << 30, i32::MAX)).collect();
        let shape = Shape::new(&[count]).expect("not zero");
        let multiplier = self.lowered.constant_i32(shape, multipliers);
        let shift = self.lowered.constant_i8(shape, vec![(30 - exponent) as i8; count as usize]);
        let zero_point = |element, random: &mut Random| if element == I8 { random.between(-128, 127) } else { 0 };
        let rescale = ops::Rescale {
            scale32: true,
            rounding_mode: RoundingMode::Single,
            per_channel,
            input,
            multiplier,
            shift,
            input_zero_point: zero_point(self.element(input), &mut self.random),
            output_zero_point: zero_point(element, &mut self.random),
            ..Default::default()
        };
        self.push(rescale, element)
    }

    /// A constant weight of these dimensions and a bias, of the types of a convolution of `element`, and its accumulator.
    fn layer(&mut self, element: ElementType, dims: &[u32], outputs: u32) -> (ValueId, ValueId, AccumulatorType) {
        let (weight, bias, accumulator) = match element {
            F32 => (F32, F32, AccumulatorType::Fp32),
            I16 => (I8, I48, AccumulatorType::Int48),
            _ => (I8, I32, AccumulatorType::Int32),
        };
        let mut constant = |element: ElementType, dims: &[u32], limit: i32| {
            let shape = Shape::new(dims).expect("valid dimensions");
            let numbers = (0..shape.len()).map(|_| self.random.between(-limit, limit));
            let bytes = |number: i32| match element {
                F32 => (number as f32 / 64.0).to_le_bytes().to_vec(),
                _ => i64::from(number).to_le_bytes()[..element.size()].to_vec(),
            };
            let data = numbers.flat_map(bytes).collect();
            self.lowered.constant(element, shape, data)
        };
        let bias_dims = [outputs];
        (constant(weight, dims, 127), constant(bias, &bias_dims, 1000), accumulator)
    }

    /// What becomes of sums of products of `element` at times: a rescale, per channel or not.
    fn finish(&mut self, sums: ValueId, element: ElementType) -> Option<ValueId> {
        match (self.random.below(5), element) {
            (0, _) | (_, F32) => Some(sums),
            (_, I16) => self.general_rescale(sums),
            (choice, _) => self.rescale(sums, I8, -9, choice > 2),
        }
    }

    fn zero_point(&mut self, element: ElementType) -> i32 {
        if element == I8 { self.random.between(-128, 127) } else { 0 }
    }

    /// CONV2D or DEPTHWISE_CONV2D of i8, i16 or f32, at times rescaled.
    pub(crate) fn convolution(&mut self, input: ValueId, depthwise: bool) -> Option<ValueId> {
        let &[_, _, _, c] = self.shape(input).dims() else { return None };
        let kernel: [u32; 2] = [1 + self.random.below(3) as u32, 1 + self.random.below(3) as u32];
        let n = 1 + self.random.below(3) as u32;
        let (dims, outputs) = match depthwise {
            true => ([kernel[0], kernel[1], c, n], c * n),
            false => ([n, kernel[0], kernel[1], c], n),
        };
        let element = self.element(input);
        let (weight, bias, accumulator) = self.layer(element, &dims, outputs);
        let pad = [(); 4].map(|()| self.random.between(0, 2));
        let stride = [(); 2].map(|()| self.random.between(1, 2));
        let dilation = [(); 2].map(|()| self.random.between(1, 2));
        let input_zero_point = self.zero_point(element);
        let result = self.element(bias);
        let sums = if depthwise {
            let op = ops::DepthwiseConv2d {
                pad,
                stride,
                dilation,
                accumulator,
                input,
                weight,
                bias,
                input_zero_point,
                ..Default::default()
            };
            self.push(op, result)?
        } else {
            let op = ops::Conv2d {
                pad,
                stride,
                dilation,
                accumulator,
                input,
                weight,
                bias,
                input_zero_point,
                ..Default::default()
            };
            self.push(op, result)?
        };
        self.finish(sums, element)
    }

    /// TRANSPOSE_CONV2D of i8, i16 or f32, at times rescaled.
    fn transpose_convolution(&mut self, input: ValueId) -> Option<ValueId> {
        let &[_, _, _, c] = self.shape(input).dims() else { return None };
        let [kh, kw, n] = [(); 3].map(|()| 1 + self.random.below(3) as u32);
        let element = self.element(input);
        let (weight, bias, accumulator) = self.layer(element, &[n, kh, kw, c], n);
        let mut pad = |kernel: u32| self.random.between(1 - kernel as i32, 2);
        let out_pad = [pad(kh), pad(kh), pad(kw), pad(kw)];
        let stride = [(); 2].map(|()| self.random.between(1, 2));
        let input_zero_point = self.zero_point(element);
        let op = ops::TransposeConv2d {
            out_pad,
            stride,
            accumulator,
            input,
            weight,
            bias,
            input_zero_point,
            ..Default::default()
        };
        let sums = self.push(op, self.element(bias))?;
        self.finish(sums, element)
    }

    /// CONV3D over the rows, columns and channels of a tensor, at times rescaled.
    fn convolution_3d(&mut self, input: ValueId) -> Option<ValueId> {
        let mut shape: Vec<i32> = self.shape(input).dims().iter().map(|&dim| dim as i32).collect();
        if shape.len() != 4 {
            return None;
        }
        shape.push(1);
        let element = self.element(input);
        let [kd, kh, kw, n] = [(); 4].map(|()| 1 + self.random.below(2) as u32);
        let (weight, bias, accumulator) = self.layer(element, &[n, kd, kh, kw, 1], n);
        let input = self.push(ops::Reshape { input, shape }, element)?;
        let op = ops::Conv3d {
            pad: [(); 6].map(|()| self.random.between(0, 2)),
            stride: [(); 3].map(|()| self.random.between(1, 2)),
            dilation: [(); 3].map(|()| self.random.between(1, 2)),
            accumulator,
            input,
            weight,
            bias,
            input_zero_point: self.zero_point(element),
            ..Default::default()
        };
        let sums = self.push(op, self.element(bias))?;
        self.finish(sums, element)
    }

    /// A tensor as one of rank 3.
    fn rank3(&mut self, input: ValueId) -> Option<ValueId> {
        let &[n, h, w, c] = self.shape(input).dims() else { return None };
        let shape = [n, h * w, c].map(|dim| dim as i32).to_vec();
        self.push(ops::Reshape { input, shape }, self.element(input))
    }

    /// MATMUL of a tensor with its transpose or a constant, at times rescaled.
    fn matmul(&mut self, input: ValueId) -> Option<ValueId> {
        let a = self.rank3(input)?;
        let element = self.element(a);
        let b = match self.random.below(2) {
            0 => self.push(ops::Transpose { perms: vec![0, 2, 1], input: a }, element)?,
            _ => {
                let &[n, _, c] = self.shape(a).dims() else { return None };
                let shape = Shape::new(&[n, c, 1 + self.random.below(9) as u32]).expect("valid dimensions");
                let data = self.random.bytes(element, shape.len());
                self.lowered.constant(element, shape, data)
            }
        };
        let result = match element {
            F32 => F32,
            I16 => I48,
            _ => I32,
        };
        let op = ops::MatMul { a, b, a_zero_point: self.zero_point(element), b_zero_point: self.zero_point(element) };
        let sums = self.push(op, result)?;
        self.finish(sums, element)
    }

    /// FFT2D or RFFT2D of as many rows and columns as are powers of two.
    fn transform(&mut self, input: ValueId, complex: bool) -> Option<ValueId> {
        let planes = self.rank3(input)?;
        let &[n, h, w] = self.shape(planes).dims() else { return None };
        let size = [n, 1 << h.ilog2(), 1 << w.ilog2()].map(|dim: u32| dim as i32).to_vec();
        let corner = self.push(ops::Slice { input: planes, start: vec![0; 3], size }, self.element(input))?;
        let local_bound = self.random.below(2) == 0;
        if !complex {
            return self.push(ops::Rfft2d { local_bound, input: corner }, F32);
        }
        let flipped = self.push(ops::Reverse { axis: 2, input: corner }, self.element(input))?;
        let op = ops::Fft2d {
            inverse: self.random.below(2) == 0,
            local_bound,
            input_real: corner,
            input_imaginary: flipped,
        };
        self.push(op, F32)
    }

    /// GATHER of rows, or SCATTER of them to other places.
    fn rows(&mut self, input: ValueId, scatter: bool) -> Option<ValueId> {
        let values = self.rank3(input)?;
        let &[n, k, _] = self.shape(values).dims() else { return None };
        // Each row at most once.
        let count = 1 + self.random.below(k as usize) as i32;
        let first = self.random.between(0, k as i32 - count);
        let indices = (0..n).flat_map(|_| (first..first + count).rev()).collect();
        let shape = Shape::new(&[n, count as u32]).expect("valid dimensions");
        let indices = self.lowered.constant_i32(shape, indices);
        let rows = self.push(ops::Gather { values, indices }, self.element(values))?;
        if scatter {
            self.push(ops::Scatter { values, indices, input: rows }, self.element(values))
        } else {
            Some(rows)
        }
    }

    fn resize(&mut self, input: ValueId) -> Option<ValueId> {
        let &[_, h, w, _] = self.shape(input).dims() else { return None };
        let mut axis = |size: u32| {
            let [n, d] = [(); 2].map(|()| self.random.between(1, 4));
            let offset = self.random.between(-n, n);
            let span = (size as i32 - 1) * n - offset;
            // The least border with which the scale divides exactly.
            let border = (0..d).find(|border| span + border >= 0 && (span + border) % d == 0)?;
            Some(([n, d], offset, border))
        };
        let (([yn, yd], y, border_y), ([xn, xd], x, border_x)) = (axis(h)?, axis(w)?);
        let mode = [ResizeMode::NearestNeighbor, ResizeMode::Bilinear][self.random.below(2)];
        let result = match (mode, self.element(input)) {
            (ResizeMode::Bilinear, I8) => I32,
            (ResizeMode::Bilinear, I16) => I48,
            (_, element) => element,
        };
        let (scale, offset, border) = ([yn, yd, xn, xd], [y, x], [border_y, border_x]);
        self.push(ops::Resize { mode, input, scale, offset, border }, result)
    }

    fn tile(&mut self, input: ValueId) -> Option<ValueId> {
        let multiples = (0..self.shape(input).rank()).map(|_| self.random.between(1, 2)).collect();
        self.push(ops::Tile { input, multiples }, self.element(input))
    }

    fn axis(&mut self, input: ValueId) -> u32 {
        self.random.below(self.shape(input).rank()) as u32
    }

    /// AVG_POOL2D or MAX_POOL2D of i8, i16 or f32.
    pub(crate) fn pool(&mut self, input: ValueId, average: bool) -> Option<ValueId> {
        let kernel = [(); 2].map(|()| self.random.between(1, 3));
        let stride = [(); 2].map(|()| self.random.between(1, 2));
        let pad = [kernel[0], kernel[0], kernel[1], kernel[1]].map(|side| self.random.between(0, side - 1));
        let element = self.element(input);
        if average {
            let op = ops::AvgPool2d {
                kernel,
                stride,
                pad,
                accumulator: if element == F32 { AccumulatorType::Fp32 } else { AccumulatorType::Int32 },
                input,
                input_zero_point: self.zero_point(element),
                output_zero_point: self.zero_point(element),
            };
            self.push(op, element)
        } else {
            let nan_mode = self.nan_mode();
            self.push(ops::MaxPool2d { kernel, stride, pad, nan_mode, input }, element)
        }
    }

    pub(crate) fn table(&mut self, input: ValueId) -> Option<ValueId> {
        let (element, entries, result) = match self.element(input) {
            I16 => (I16, 513, I32),
            _ => (I8, 256, I8),
        };
        let data = match element {
            // Halves, so that most slopes fit.
            I16 => (0..entries).flat_map(|_| (self.random.between(-16_384, 16_383) as i16).to_le_bytes()).collect(),
            _ => self.random.bytes(element, entries),
        };
        let table = self.lowered.constant(element, Shape::new(&[entries as u32]).expect("not zero"), data);
        self.push(ops::Table { input, table }, result)
    }

    pub(crate) fn clamp(&mut self, input: ValueId) -> Option<ValueId> {
        let element = self.element(input);
        let bounds = [self.random.scalar(element), self.random.scalar(element)];
        let [min, max] = if bounds[0] <= bounds[1] { bounds } else { [bounds[1], bounds[0]] };
        let nan_mode = self.nan_mode();
        self.push(ops::Clamp { min, max, nan_mode, input }, element)
    }

    fn nan_mode(&mut self) -> NanMode {
        [NanMode::Propagate, NanMode::Ignore][self.random.below(2)]
    }

    /// A RESCALE of any form.
    fn general_rescale(&mut self, input: ValueId) -> Option<ValueId> {
        let element = [I8, I16, I32][self.random.below(3)];
        let scale32 = self.element(input) != I48 && self.random.below(3) > 0;
        let per_channel = self.random.below(2) == 0 && self.shape(input).rank() > 0;
        let count = if per_channel { *self.shape(input).dims().last().expect("checked") } else { 1 };
        let shape = Shape::new(&[count]).expect("not zero");
        let (width, shift) = if scale32 { (I32, 34) } else { (I16, 20) };
        let multipliers = (0..count).flat_map(|_| match width {
            I32 => self.random.between(1 << 30, i32::MAX).to_le_bytes().to_vec(),
            _ => (self.random.between(1 << 14, 32_767) as i16).to_le_bytes().to_vec(),
        });
        let multipliers = multipliers.collect();
        let multiplier = self.lowered.constant(width, shape, multipliers);
        let shifts = (0..count).map(|_| (shift + self.random.between(-2, 2)) as i8).collect();
        let shift = self.lowered.constant_i8(shape, shifts);
        let [input_unsigned, output_unsigned] = [[false, false], [true, false], [false, true]][self.random.below(3)];
        let zero_point = |element, unsigned, random: &mut Random| match element {
            I8 => random.between(-128, 127),
            I16 if unsigned => random.between(0, 1) * -32_768,
            _ => 0,
        };
        let rescale = ops::Rescale {
            scale32,
            rounding_mode: [RoundingMode::Single, RoundingMode::Double][self.random.below(2)],
            per_channel,
            input_unsigned,
            output_unsigned,
            input,
            multiplier,
            shift,
            input_zero_point: zero_point(self.element(input), input_unsigned, &mut self.random),
            output_zero_point: zero_point(element, output_unsigned, &mut self.random),
        };
        self.push(rescale, element)
    }

    /// Any operator on one tensor, of which only those for its element type fit.
    fn unary(&mut self, operator: usize, input: ValueId) -> Option<ValueId> {
        let zero_points = match self.element(input) {
            I8 => [(); 2].map(|()| self.random.between(-128, 127)),
            _ => [0, 0],
        };
        let [input_zero_point, output_zero_point] = zero_points;
        let op: Op = match operator {
            0 => ops::Abs { input }.into(),
            1 => ops::BitwiseNot { input }.into(),
            2 => ops::Ceil { input }.into(),
            3 => ops::Clz { input }.into(),
            4 => ops::Cos { input }.into(),
            5 => ops::Erf { input }.into(),
            6 => ops::Exp { input }.into(),
            7 => ops::Floor { input }.into(),
            8 => ops::Log { input }.into(),
            9 => ops::LogicalNot { input }.into(),
            10 => ops::Negate { input, input_zero_point, output_zero_point }.into(),
            11 => ops::Reciprocal { input }.into(),
            12 => ops::Rsqrt { input }.into(),
            13 => ops::Sigmoid { input }.into(),
            14 => ops::Sin { input }.into(),
            _ => ops::Tanh { input }.into(),
        };
        self.push(op, self.element(input))
    }

    fn cast(&mut self, input: ValueId) -> Option<ValueId> {
        let element = [Bool, I8, I16, I32, F32][self.random.below(5)];
        self.push(ops::Cast { input }, element)
    }

    /// Any operator on two tensors, of which only those for their element type fit.
    fn any_binary(&mut self, operator: usize, input1: ValueId, input2: ValueId) -> Option<ValueId> {
        let element = self.element(input1);
        let (op, result): (Op, ElementType) = match operator {
            0..5 => {
                let shift = if element == I32 { self.random.between(0, 1) * 8 } else { 0 };
                let result = if operator == 2 && matches!(element, I8 | I16) { I32 } else { element };
                let op = match operator {
                    0 => ops::Add { input1, input2 }.into(),
                    1 => ops::Sub { input1, input2 }.into(),
                    2 => ops::Mul { input1, input2, shift }.into(),
                    3 => ops::Maximum { nan_mode: self.nan_mode(), input1, input2 }.into(),
                    _ => ops::Minimum { nan_mode: self.nan_mode(), input1, input2 }.into(),
                };
                (op, result)
            }
            5 => (ops::BitwiseAnd { input1, input2 }.into(), element),
            6 => (ops::BitwiseOr { input1, input2 }.into(), element),
            7 => (ops::BitwiseXor { input1, input2 }.into(), element),
            8 => (ops::LogicalAnd { input1, input2 }.into(), Bool),
            9 => (ops::LogicalOr { input1, input2 }.into(), Bool),
            10 => (ops::LogicalXor { input1, input2 }.into(), Bool),
            11 => (ops::Equal { input1, input2 }.into(), Bool),
            12 => (ops::Greater { input1, input2 }.into(), Bool),
            13 => (ops::GreaterEqual { input1, input2 }.into(), Bool),
            _ => (ops::Pow { input1, input2 }.into(), F32),
        };
        self.push(op, result)
    }

    /// A shift or division by numbers for which its result is defined.
    fn shift(&mut self, operator: usize, input1: ValueId) -> Option<ValueId> {
        let element = self.element(input1);
        let amount: Scalar = self.random.between(1, 7).into();
        let data = amount.to_bits().to_le_bytes()[..element.size()].to_vec();
        let dims = vec![1; self.shape(input1).rank()];
        let input2 = self.lowered.constant(element, Shape::new(&dims).expect("valid dimensions"), data);
        let op: Op = match operator {
            0 => ops::ArithmeticRightShift { round: self.random.below(2) == 0, input1, input2 }.into(),
            1 => ops::LogicalLeftShift { input1, input2 }.into(),
            2 => ops::LogicalRightShift { input1, input2 }.into(),
            _ => ops::IntDiv { input1, input2 }.into(),
        };
        self.push(op, element)
    }

    fn select(&mut self, if_true: ValueId, if_false: ValueId) -> Option<ValueId> {
        let masks = self.values.iter().copied().filter(|&value| self.element(value) == Bool).collect::<Vec<_>>();
        let condition = masks[self.random.below(masks.len())];
        self.push(ops::Select { condition, if_true, if_false }, self.element(if_true))
    }

    fn reduction(&mut self, operator: usize, input: ValueId) -> Option<ValueId> {
        let axis = self.random.below(self.shape(input).rank()) as u32;
        let op: Op = match operator {
            0 => ops::ReduceAll { axis, input }.into(),
            1 => ops::ReduceAny { axis, input }.into(),
            2 => ops::ReduceMax { axis, nan_mode: self.nan_mode(), input }.into(),
            3 => ops::ReduceMin { axis, nan_mode: self.nan_mode(), input }.into(),
            4 => ops::ReduceProduct { axis, input }.into(),
            _ => ops::ReduceSum { axis, input }.into(),
        };
        self.push(op, self.element(input))
    }

    /// The same number in every place of a tensor that broadcasts to the shape of `like`.
    fn filled(&mut self, like: ValueId, number: impl Into<Scalar>) -> ValueId {
        let number = number.into();
        let element = if let Scalar::F32(_) = number { F32 } else { I32 };
        let dims = vec![1; self.shape(like).rank()];
        let data = number.to_bits().to_le_bytes()[..element.size()].to_vec();
        self.lowered.constant(element, Shape::new(&dims).expect("valid dimensions"), data)
    }

    /// f32 to i8 or i16, as the lowering writes it at the border of a float region.
    pub(crate) fn quantize(&mut self, input: ValueId, element: ElementType) -> Option<ValueId> {
        let [half, zero, factor] = [0.5_f32, 0.0, 7.25].map(|number| self.filled(input, number));
        let scaled = self.push(ops::Mul { input1: input, input2: factor, shift: 0 }, F32)?;
        let condition = self.push(ops::GreaterEqual { input1: scaled, input2: zero }, Bool)?;
        let up = self.push(ops::Add { input1: scaled, input2: half }, F32)?;
        let down = self.push(ops::Sub { input1: scaled, input2: half }, F32)?;
        let if_true = self.push(ops::Floor { input: up }, F32)?;
        let if_false = self.push(ops::Ceil { input: down }, F32)?;
        let rounded = self.push(ops::Select { condition, if_true, if_false }, F32)?;
        let zero_point = self.filled(input, -3.0);
        let shifted = self.push(ops::Add { input1: rounded, input2: zero_point }, F32)?;
        let bounds = ops::Clamp { min: (-127.0).into(), max: 127.0.into(), input: shifted, ..Default::default() };
        let clamped = self.push(bounds, F32)?;
        self.push(ops::Cast { input: clamped }, element)
    }

    /// i8 or i16 to f32, likewise.
    pub(crate) fn dequantize(&mut self, input: ValueId) -> Option<ValueId> {
        let widened = self.push(ops::Cast { input }, I32)?;
        let zero_point = self.filled(input, -3);
        let shifted = self.push(ops::Sub { input1: widened, input2: zero_point }, I32)?;
        let real = self.push(ops::Cast { input: shifted }, F32)?;
        let scale = self.filled(input, 0.138);
        self.push(ops::Mul { input1: real, input2: scale, shift: 0 }, F32)
    }

    /// Number `operator` of the five on i32 operands.
    pub(crate) fn binary(&mut self, operator: usize, input1: ValueId, input2: ValueId) -> Option<ValueId> {
        let op = match operator {
            0 => Op::Add(ops::Add { input1, input2 }),
            1 => Op::Sub(ops::Sub { input1, input2 }),
            2 => Op::Mul(ops::Mul { input1, input2, shift: self.random.between(0, 1) * 8 }),
            3 => Op::Maximum(ops::Maximum { input1, input2, ..Default::default() }),
            _ => Op::Minimum(ops::Minimum { input1, input2, ..Default::default() }),
        };
        self.push(op, I32)
    }

    pub(crate) fn transpose(&mut self, input: ValueId) -> Option<ValueId> {
        let rank = self.shape(input).rank();
        let mut perms: Vec<i32> = (0..rank as i32).collect();
        match (self.random.below(3), &mut perms[..]) {
            (0, perms @ &mut [_, _, _, _]) => perms.copy_from_slice(&[0, 2, 3, 1]),
            (1, perms @ &mut [_, _, _, _]) => perms.copy_from_slice(&[0, 3, 1, 2]),
            (_, perms) => (1..rank).for_each(|i| perms.swap(i, self.random.below(i + 1))),
        }
        self.push(ops::Transpose { perms, input }, self.element(input))
    }

    fn reshape(&mut self, input: ValueId) -> Option<ValueId> {
        let mut shape: Vec<i32> = self.shape(input).dims().iter().map(|&dim| dim as i32).collect();
        match self.random.below(3) {
            0 => shape.reverse(),
            1 => shape = vec![1, shape.iter().product(), 1, 1],
            _ => shape.insert(0, 1),
        }
        self.push(ops::Reshape { input, shape }, self.element(input))
    }

    fn slice(&mut self, input: ValueId) -> Option<ValueId> {
        let dims: Vec<i32> = self.shape(input).dims().iter().map(|&dim| dim as i32).collect();
        let start: Vec<i32> = dims.iter().map(|&dim| self.random.between(0, dim - 1)).collect();
        let size = dims.iter().zip(&start).map(|(dim, start)| self.random.between(1, dim - start)).collect();
        self.push(ops::Slice { input, start, size }, self.element(input))
    }

    fn pad(&mut self, input: ValueId) -> Option<ValueId> {
        let padding = (0..2 * self.shape(input).rank()).map(|_| self.random.between(0, 2)).collect();
        let pad_const = self.random.scalar(self.element(input));
        self.push(ops::Pad { input, padding, pad_const }, self.element(input))
    }

    fn constant(&mut self, like: ValueId) -> ValueId {
        let dims: Vec<u32> = self.shape(like).dims().iter().map(|&dim| [1, dim][self.random.below(2)]).collect();
        let shape = Shape::new(&dims).expect("valid dimensions");
        let element = self.element(like);
        let data = self.random.bytes(element, shape.len());
        self.lowered.constant(element, shape, data)
    }

    /// Adds operators until there are so many, if that many fit.
    fn grow_to(&mut self, operators: usize) {
        for _ in 0..20 * operators {
            self.grow();
            if self.lowered.graph.nodes.len() >= operators {
                break;
            }
        }
    }

    fn any(&mut self) -> ValueId {
        self.values[self.random.below(self.values.len())]
    }

    /// Adds one operator or pattern at random, if it fits.
    pub(crate) fn grow(&mut self) -> Option<ValueId> {
        let (a, b) = (self.any(), self.any());
        if self.shape(a).len() > 3000 {
            return None;
        }
        match self.random.below(40) {
            0 => self.convolution(a, false),
            1 => self.convolution(a, true),
            2 => self.pool(a, true),
            3 => self.pool(a, false),
            4 => self.table(a),
            5 => self.clamp(a),
            6 => self.rescale(a, I8, -1, false),
            7 | 8 => {
                let b = if self.random.below(3) == 0 { self.constant(a) } else { b };
                let (a, b) = (self.rescale(a, I32, 0, false)?, self.rescale(b, I32, 0, false)?);
                let operator = self.random.below(5);
                let result = self.binary(operator, a, b)?;
                if self.random.below(4) == 0 { Some(result) } else { self.rescale(result, I8, -2, false) }
            }
            9 => {
                let mut sum = if self.random.below(4) == 0 { a } else { self.rescale(a, I32, 0, false)? };
                for _ in 0..self.random.between(1, 2) {
                    let axis = self.random.below(self.shape(sum).rank()) as u32;
                    sum = self.push(ops::ReduceSum { axis, input: sum }, I32)?;
                }
                if self.random.below(4) == 0 { Some(sum) } else { self.rescale(sum, I8, -3, false) }
            }
            10 => {
                let axis = self.random.below(self.shape(a).rank()) as u32;
                self.push(ops::Concat { axis, inputs: vec![a, b, a] }, self.element(a))
            }
            11 => self.pad(a),
            12 => self.reshape(a),
            13 => self.slice(a),
            14 => self.general_rescale(a),
            15 | 16 => {
                let operator = self.random.below(16);
                self.unary(operator, a)
            }
            17..20 => {
                let b = if self.random.below(3) == 0 { self.constant(a) } else { b };
                let operator = self.random.below(15);
                self.any_binary(operator, a, b)
            }
            20 => {
                let operator = self.random.below(4);
                self.shift(operator, a)
            }
            21 => self.select(a, b),
            22 | 23 => {
                let operator = self.random.below(6);
                self.reduction(operator, a)
            }
            24 => self.cast(a),
            25 => {
                let element = [I8, I16][self.random.below(2)];
                self.quantize(a, element)
            }
            26 => self.dequantize(a),
            27 => self.transpose_convolution(a),
            28 => self.convolution_3d(a),
            29 => self.matmul(a),
            30 => {
                let scatter = self.random.below(2) == 0;
                self.rows(a, scatter)
            }
            31 => self.resize(a),
            32 => self.tile(a),
            33 => {
                let axis = self.axis(a);
                self.push(ops::Reverse { axis, input: a }, self.element(a))
            }
            34 => {
                let (axis, nan_mode) = (self.axis(a), self.nan_mode());
                self.push(ops::ArgMax { axis, nan_mode, input: a }, I32)
            }
            35 | 36 => {
                let complex = self.random.below(2) == 0;
                self.transform(a, complex)
            }
            _ => self.transpose(a),
        }
    }
}

/// A random graph of about `operators` operators; the last results are its outputs, an input and a
/// value twice among them at times.
pub(crate) fn random(seed: u64, operators: usize) -> Lowered {
    let mut builder = Builder::new(seed);
    builder.input("x", I8, &[1, 6, 5, 4]);
    builder.input("y", I8, &[1, 1, 5, 4]);
    builder.input("z", I8, &[1, 3, 4, 2]);
    builder.input("wide", I16, &[1, 6, 5, 4]);
    builder.input("wider", I32, &[1, 6, 5, 4]);
    builder.input("widest", I48, &[1, 6, 5, 4]);
    builder.input("real", F32, &[1, 6, 5, 4]);
    builder.input("mask", Bool, &[1, 1, 5, 4]);
    builder.grow_to(operators);
    for index in 0..3 {
        let value = match builder.random.below(6) {
            0 => builder.any(),
            _ => builder.values[builder.values.len() - 1 - builder.random.below(3)],
        };
        // Nothing copies an i48 tensor, so that an input cannot be an output.
        let value = if builder.element(value) == I48 { builder.values[0] } else { value };
        builder.lowered.output(format!("out_{index}"), value);
    }
    remove_dead::remove_dead(&builder.lowered)
}

/// A random graph with i8 inputs and outputs, and tensors of the other types between them.
pub(crate) fn random_codes(seed: u64, operators: usize) -> Lowered {
    let mut builder = Builder::new(seed);
    let x = builder.input("x", I8, &[1, 6, 5, 4]);
    let y = builder.input("y", I8, &[1, 1, 5, 4]);
    builder.input("z", I8, &[1, 3, 4, 2]);
    builder.rescale(x, I16, 3, false);
    builder.rescale(x, I32, 3, true);
    builder.dequantize(x);
    builder.push(ops::Cast { input: y }, Bool);
    builder.grow_to(builder.lowered.graph.nodes.len() + operators);
    let mut results = builder.values.clone();
    results.retain(|&value| builder.element(value) != I48);
    results.reverse();
    for (index, value) in results.into_iter().take(6).enumerate() {
        let code = match builder.element(value) {
            I8 => Some(value),
            F32 => builder.quantize(value, I8),
            Bool => builder.push(ops::Cast { input: value }, I8),
            _ => builder.rescale(value, I8, -2, false),
        };
        builder.lowered.output(format!("out_{index}"), code.expect("valid"));
    }
    remove_dead::remove_dead(&builder.lowered)
}

/// A random graph of layers behind each other, at times around others, from images of i8 to images of i8.
pub(crate) fn random_layers(seed: u64) -> Lowered {
    let mut builder = Builder::new(seed);
    let images = 1 + builder.random.below(2) as u32;
    let [mut h, mut w] = [8 + builder.random.below(17), 3 + builder.random.below(6)].map(|size| size as u32);
    if builder.random.below(8) == 0 {
        (h, w) = (1, h * w);
    }
    let channels = 1 + builder.random.below(6) as u32;
    let mut layers = vec![builder.input("x", I8, &[images, h, w, channels])];
    for _ in 0..4 + builder.random.below(8) {
        let last = layers[layers.len() - 1];
        let next = match builder.random.below(9) {
            0 | 1 => builder.convolution(last, false),
            2 | 3 => builder.convolution(last, true),
            4 => builder.pool(last, false),
            5 => builder.pool(last, true),
            6 => builder.clamp(last),
            7 => builder.table(last),
            _ => {
                let around = layers[builder.random.below(layers.len())];
                let other = if builder.random.below(3) == 0 { builder.constant(last) } else { around };
                let operands = [last, other].map(|value| builder.rescale(value, I32, 8, false).expect("valid"));
                let operator = builder.random.below(5);
                builder.binary(operator, operands[0], operands[1])
            }
        };
        let code = next.and_then(|next| match builder.element(next) {
            I8 => Some(next),
            _ => builder.rescale(next, I8, -9, false),
        });
        layers.extend(code.filter(|&code| builder.shape(code).len() <= 20_000));
    }
    builder.lowered.output("y", layers[layers.len() - 1]);
    remove_dead::remove_dead(&builder.lowered)
}

/// A graph with each operator that is supported, most of them the way the lowering uses them.
pub(crate) fn all_operators() -> Lowered {
    let mut builder = Builder::new(1);
    let x = builder.input("x", I8, &[1, 6, 5, 4]);
    let y = builder.input("y", I8, &[1, 6, 5, 1]);
    let real = builder.input("real", F32, &[2, 3, 5, 8]);
    let rescale = |builder: &mut Builder, value, element, exponent| {
        builder.rescale(value, element, exponent, false).expect("valid")
    };
    let mut outputs = Vec::new();
    for operator in 0..5 {
        let (a, b) = (rescale(&mut builder, x, I32, 4), rescale(&mut builder, y, I32, 4));
        let result = builder.binary(operator, a, b).expect("valid");
        let result = rescale(&mut builder, result, I8, -6);
        outputs.push(result);
    }
    while outputs.len() < 8 {
        outputs.extend(builder.convolution(x, outputs.len() % 2 == 1));
    }
    for convolution in [Builder::transpose_convolution, Builder::convolution_3d, Builder::matmul] {
        outputs.extend((0..20).find_map(|_| convolution(&mut builder, x)));
    }
    outputs.extend((0..20).find_map(|_| builder.resize(x)));
    outputs.extend([false, true].map(|scatter| builder.rows(x, scatter).expect("valid")));
    outputs.push(builder.tile(x).expect("valid"));
    outputs.push(builder.push(ops::Reverse { axis: 2, input: x }, I8).expect("valid"));
    outputs.push(builder.push(ops::ArgMax { axis: 3, input: x, ..Default::default() }, I32).expect("valid"));
    outputs.push(builder.pool(x, true).expect("valid"));
    outputs.push(builder.pool(x, false).expect("valid"));
    let (table, clamped) = (builder.table(x).expect("valid"), builder.clamp(x).expect("valid"));
    outputs.push(builder.push(ops::Concat { axis: 3, inputs: vec![table, clamped, y] }, I8).expect("valid"));
    let mut sum = rescale(&mut builder, x, I32, 0);
    for axis in [1, 2] {
        sum = builder.push(ops::ReduceSum { axis, input: sum }, I32).expect("valid");
    }
    outputs.push(rescale(&mut builder, sum, I8, -2));
    outputs.push(sum);
    outputs.push(builder.pad(x).expect("valid"));
    outputs.push(builder.slice(x).expect("valid"));
    outputs.push(builder.transpose(x).expect("valid"));
    outputs.push(builder.reshape(x).expect("valid"));
    for complex in [false, true] {
        builder.transform(real, complex).expect("valid");
        outputs.extend(&builder.values[builder.values.len() - 2..]);
    }
    for (index, value) in outputs.into_iter().enumerate() {
        builder.lowered.output(format!("out_{index}"), value);
    }
    builder.lowered
}
