//! The raw constants section: a record per constant, then the data.

use quantize_runtime::graph::{Graph, ValueId};

const MAGIC: &[u8; 8] = b"CONST00\0";
const HEAD_BYTES: usize = 16;
const RECORD_BYTES: usize = 24;
/// "Not sparse".
const DENSE: i32 = -1;
/// The format asks for 8; 16 lets any kernel load the data in place.
const ALIGNMENT: usize = 16;

pub(super) struct Constants {
    pub(super) bytes: Vec<u8>,
    /// Where the data starts in `bytes`.
    pub(super) payload: usize,
}

/// The section with these values of the graph; their resources have the same indices.
pub(super) fn encode(graph: &Graph<'_>, constants: &[ValueId]) -> Constants {
    let mut bytes = MAGIC.to_vec();
    bytes.extend((constants.len() as u64).to_le_bytes());
    let mut data = Vec::new();
    for (index, value) in (0_u32..).zip(constants) {
        let constant = graph.values[value.0 as usize].constant.as_ref().expect("listed as a constant");
        bytes.extend(index.to_le_bytes());
        bytes.extend(DENSE.to_le_bytes());
        bytes.extend((constant.data.len() as u64).to_le_bytes());
        bytes.extend((data.len() as u64).to_le_bytes());
        data.extend_from_slice(&constant.data);
        data.resize(data.len().next_multiple_of(ALIGNMENT), 0);
    }
    let payload = HEAD_BYTES + RECORD_BYTES * constants.len();
    debug_assert_eq!(bytes.len(), payload);
    bytes.extend(data);
    Constants { bytes, payload }
}
