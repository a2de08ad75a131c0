//! What the outputs of a self test must be: the reference interpreter on the inputs that the device makes up.

use quantize_runtime::graph::ElementType::{self, Bool, F32, I8, I16, I32, I48};
use quantize_runtime::graph::Graph;
use quantize_runtime::interpreter::{Interpreter, Tensor};
use quantize_runtime::self_test::{Samples, hash};

/// Multiply-accumulates of the largest network that is run: build scripts are not optimized, and the interpreter takes about
/// 0.1 µs for one then.
const MOST_MACS: u64 = 50_000_000;

/// The hash of each output; `None` for a network that is too large, and where TOSA leaves the outputs open.
pub(crate) fn expected(graph: &Graph<'_>, macs: u64) -> Option<Vec<u64>> {
    if macs > MOST_MACS {
        return None;
    }
    let mut samples = Samples::new();
    let inputs = graph.inputs.iter().map(|port| {
        let value = &graph.values[port.value.0 as usize];
        let mut bytes = vec![0; value.shape.len() * value.element.size()];
        fill(&mut samples, value.element, &mut bytes);
        Tensor::from_le_bytes(value.element, &bytes)
    });
    let inputs: Vec<Tensor> = inputs.collect();
    let outputs = Interpreter::new(graph).ok()?.run(&inputs).ok()?;
    let elements = graph.outputs.iter().map(|port| graph.values[port.value.0 as usize].element);
    Some(outputs.iter().zip(elements).map(|(output, element)| hash_of(element, &output.to_le_bytes())).collect())
}

fn fill(samples: &mut Samples, element: ElementType, bytes: &mut [u8]) {
    match element {
        Bool => samples.fill::<bool>(bytes),
        I8 => samples.fill::<i8>(bytes),
        I16 => samples.fill::<i16>(bytes),
        I32 => samples.fill::<i32>(bytes),
        F32 => samples.fill::<f32>(bytes),
        I48 => unreachable!("no input has 48 bits"),
    }
}

fn hash_of(element: ElementType, bytes: &[u8]) -> u64 {
    match element {
        Bool => hash::<bool>(bytes),
        I8 => hash::<i8>(bytes),
        I16 => hash::<i16>(bytes),
        I32 => hash::<i32>(bytes),
        F32 => hash::<f32>(bytes),
        I48 => unreachable!("no output has 48 bits"),
    }
}
