//! The operators in an ONNX file, read without the importer under test.

use std::collections::BTreeSet;

/// `ModelProto.graph`, `GraphProto.node` and `NodeProto.op_type`.
const GRAPH: u64 = 7;
const NODE: u64 = 1;
const OP_TYPE: u64 = 4;

/// The types of all operators, each once.
pub(super) fn operators(model: &[u8]) -> BTreeSet<String> {
    let graphs = fields(model, GRAPH);
    let nodes = graphs.into_iter().flat_map(|graph| fields(graph, NODE));
    let types = nodes.flat_map(|node| fields(node, OP_TYPE));
    types.map(|text| String::from_utf8(text.to_vec()).expect("text")).collect()
}

/// The contents of the fields of this number in a protobuf message; all are of the wire type for bytes.
fn fields(mut message: &[u8], number: u64) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let length = match key & 7 {
            0 => {
                varint(&mut message);
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut message)).expect("in memory"),
            5 => 4,
            wire => panic!("wire type {wire}"),
        };
        let (content, rest) = message.split_at(length);
        if key == number << 3 | 2 {
            found.push(content);
        }
        message = rest;
    }
    found
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().expect("a whole number");
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return number;
        }
    }
    panic!("a number of more than 64 bits")
}
