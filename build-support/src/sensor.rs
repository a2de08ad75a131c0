//! Sensors of the attribute: the codes of their samples, and what is wrong with them.

use crate::config::Dtype;
use crate::emit::{Codes, Content, Interface, PortInfo, dimensions};
use crate::graph::Graph;
use quantize_runtime::quant::{Code, QuantParams};
use quantize_syntax::attr::Attr;
use quantize_syntax::diagnostic::suggestion;
use quantize_syntax::sensor::{Samples, Sensor};
use quantize_syntax::{ArgPath, Diagnostics};

/// How often the range of the samples may be that of the calibrated input, or the other way round, without a warning.
const UNLIKELY: f32 = 8.0;

/// The channels of an input: `[batch, count, inner]` as exported.
pub(crate) struct Channels {
    pub(crate) count: usize,
    pub(crate) inner: usize,
}

impl Channels {
    /// Those of an input; one for all where it has no axis for them.
    pub(crate) fn new(shape: &[usize]) -> Self {
        match shape {
            [_, count, inner @ ..] => Self { count: *count, inner: inner.iter().product() },
            _ => Self { count: 1, inner: shape.iter().product() },
        }
    }
}

/// How the samples of a channel are looked up.
#[derive(PartialEq)]
pub(crate) enum Look {
    /// The bytes of each sample's code, in the order of the samples as bytes.
    Table(Vec<Vec<u8>>),
    /// The code of the smallest sample, and the smallest sample of each further code.
    Rises(u8, Vec<i16>),
}

impl Look {
    /// Bytes in flash.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Table(codes) => codes.iter().map(Vec::len).sum(),
            Self::Rises(_, thresholds) => size_of::<i16>() * thresholds.len(),
        }
    }
}

/// How the samples of each channel are looked up; one for all where they are the same.
pub(crate) fn looks(sensor: &Sensor, codes: Codes, shape: &[usize]) -> Vec<Look> {
    let is_one = sensor.mean.len() == 1 && sensor.std.len() == 1;
    let channels = if is_one { 1 } else { Channels::new(shape).count };
    let mut looks: Vec<Look> = (0..channels).map(|channel| look(sensor, codes, channel)).collect();
    if looks.windows(2).all(|pair| pair[0] == pair[1]) {
        looks.truncate(1);
    }
    looks
}

fn look(sensor: &Sensor, codes: Codes, channel: usize) -> Look {
    let code = |sample: i16| code(codes, sensor.real(channel, sample));
    match sensor.samples {
        Samples::U8 => Look::Table(sensor.samples.all().map(code).collect()),
        // As bytes, −1 follows 127.
        Samples::I8 => Look::Table((0..=u8::MAX).map(|byte| code(byte.cast_signed().into())).collect()),
        Samples::I16 => {
            let mut codes = sensor.samples.all().map(|sample| (sample, code(sample)[0]));
            let (_, first) = codes.next().expect("there are samples");
            let (mut last, mut thresholds) = (first, Vec::new());
            for (sample, code) in codes {
                // A sample may skip codes.
                thresholds.extend(std::iter::repeat_n(sample, code.wrapping_sub(last).into()));
                last = code;
            }
            Look::Rises(first, thresholds)
        }
    }
}

/// The bytes of a real number's code, as the program quantizes it.
fn code(codes: Codes, real: f32) -> Vec<u8> {
    fn quantize<T: Code + TryFrom<i32>>(codes: Codes, real: f32) -> Vec<u8> {
        let limit = |code: i32| T::try_from(code).unwrap_or(T::MIN);
        let params = QuantParams { scale: codes.scale, zero_point: limit(codes.zero_point), min: limit(codes.min) };
        params.quantize(real).to_bytes().as_ref().to_vec()
    }
    match codes.dtype {
        Dtype::Int8 => quantize::<i8>(codes, real),
        Dtype::Uint8 => quantize::<u8>(codes, real),
        Dtype::Int16 => quantize::<i16>(codes, real),
        Dtype::Int32 => unreachable!("activations have at most 16 bits"),
    }
}

/// Bytes of all tables of a program.
pub(crate) fn table_bytes(interface: &Interface) -> usize {
    let bytes = |port: &PortInfo| match (&port.sensor, port.content) {
        (Some(sensor), Content::Quantized(codes)) => looks(sensor, codes, &port.shape).iter().map(Look::bytes).sum(),
        _ => 0,
    };
    interface.inputs.iter().map(bytes).sum()
}

/// What is wrong with the sensors, by the names and shapes of the model's inputs.
pub(crate) fn check(attr: &Attr, graph: &Graph) -> Diagnostics {
    let inputs: Vec<(&str, &[usize])> =
        graph.inputs.iter().map(|&id| (graph.value(id).name.as_str(), graph.value(id).shape.as_slice())).collect();
    let mut diagnostics = Diagnostics::default();
    for sensor in &attr.sensors {
        let input = &sensor.input.value;
        let mut error = |message: String| diagnostics.error(ArgPath::From(input.clone()), message);
        let Some((_, shape)) = inputs.iter().find(|(name, _)| name == input) else {
            let names: Vec<&str> = inputs.iter().map(|(name, _)| *name).collect();
            error(format!("the model has no input `{input}`; {}", suggestion(input, &names, "its inputs are")));
            continue;
        };
        let Channels { count, .. } = Channels::new(shape);
        for (name, list) in [("mean", &sensor.mean), ("std", &sensor.std)] {
            if list.len() != 1 && list.len() != count {
                let (len, shape) = (list.len(), dimensions(shape));
                error(format!(
                    "`{name}` has {len} numbers, but `{input}`, {shape} as exported, has {count} channels (axis 1); write one \
                     for each or one for all"
                ));
            }
        }
        if sensor.channels_last && shape.len() < 3 {
            let shape = dimensions(shape);
            error(format!("`{input}` is {shape}, which has no axis behind the channels; leave `layout` out"));
        }
    }
    diagnostics
}

/// What is wrong with the sensors, by what the inputs hold; a warning where the samples cannot be what the model was calibrated with.
pub(crate) fn check_content(interface: &Interface) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for PortInfo { name, shape, content, sensor } in &interface.inputs {
        let Some(sensor) = sensor else { continue };
        let at = ArgPath::From(name.clone());
        let Content::Quantized(codes) = *content else {
            let message = format!(
                "`{name}` is not quantized in the program, and `from` looks up codes; remove it, or what keeps the input as it is"
            );
            diagnostics.error(at, message);
            continue;
        };
        if (sensor.samples, codes.dtype) == (Samples::I16, Dtype::Int16) {
            let message = format!(
                "`{name}` has 16-bit codes, of which 16-bit samples would need a table of 128 KiB; remove `from` and give `run` \
                 real numbers"
            );
            diagnostics.error(at, message);
            continue;
        }
        let ends = [*sensor.samples.all().start(), *sensor.samples.all().end()];
        let reals = (0..Channels::new(shape).count).flat_map(|channel| ends.map(|sample| sensor.real(channel, sample)));
        let (least, most) = reals.fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), real| (a.min(real), b.max(real)));
        let max = match codes.dtype {
            Dtype::Uint8 => f32::from(u8::MAX),
            Dtype::Int8 => f32::from(i8::MAX),
            Dtype::Int16 | Dtype::Int32 => f32::from(i16::MAX),
        };
        let [low, high] = [codes.min as f32, max].map(|code| (code - codes.zero_point as f32) * codes.scale);
        let ratio = (most - least) / (high - low);
        if !(1.0 / UNLIKELY..=UNLIKELY).contains(&ratio) {
            let message = format!(
                "samples of `{name}` become {least} to {most}, where the model was calibrated for {low} to {high}\n  they are \
                 divided by {:?}, then `mean` and `std` are applied; `full_scale = 1` leaves samples as they are",
                sensor.full_scale
            );
            diagnostics.warning(at, message);
        }
    }
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;
    use quantize_syntax::sensor::unplaced;

    const CODES: Codes = Codes { dtype: Dtype::Int8, scale: 0.0187, zero_point: -14, min: -128 };

    #[test]
    fn tables_are_the_quantized_float_path() {
        let sensor =
            Sensor { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225], ..unplaced("x", Samples::U8) };
        let looks = looks(&sensor, CODES, &[1, 3, 4, 4]);
        assert_eq!(looks.len(), 3);
        let params = QuantParams { scale: 0.0187, zero_point: -14_i8, min: -128 };
        for (look, (mean, std)) in looks.iter().zip([(0.485_f32, 0.229_f32), (0.456, 0.224), (0.406, 0.225)]) {
            let Look::Table(codes) = look else { panic!("bytes have tables") };
            for byte in 0..=u8::MAX {
                let real = (f32::from(byte) / 255.0 - mean) / std;
                assert_eq!(codes[usize::from(byte)], [params.quantize(real).cast_unsigned()], "{byte}");
            }
        }
    }

    #[test]
    fn thresholds_are_the_quantized_float_path() {
        for (full_scale, mean, std) in [(32_768.0, 0.0, 0.01), (1.0, 12.5, 4000.0), (1.0, 0.0, 0.3)] {
            let sensor = Sensor { full_scale, mean: vec![mean], std: vec![std], ..unplaced("x", Samples::I16) };
            let looks = looks(&sensor, CODES, &[1, 2, 9]);
            let [Look::Rises(first, thresholds)] = &looks[..] else { panic!("one for all") };
            let params = QuantParams { scale: 0.0187, zero_point: -14_i8, min: -128 };
            for sample in i16::MIN..=i16::MAX {
                let above = thresholds.partition_point(|threshold| *threshold <= sample) as u8;
                let code = params.quantize((f32::from(sample) / full_scale - mean) / std);
                assert_eq!(first.wrapping_add(above).cast_signed(), code, "{sample}");
            }
        }
    }

    #[test]
    fn equal_channels_share_a_table() {
        let sensor = Sensor { mean: vec![0.5, 0.5], ..unplaced("x", Samples::I8) };
        assert_eq!(looks(&sensor, CODES, &[1, 2]).len(), 1);
        let Look::Table(codes) = &looks(&sensor, CODES, &[1, 2])[0] else { panic!("bytes have tables") };
        assert_eq!(codes[0xFF], code(CODES, -1.0 / 128.0 - 0.5));
    }
}
