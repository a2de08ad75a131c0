//! Writes a validated TOSA graph as a VGF file, format 0.4.3: one graph segment, all constants outside the SPIR-V.

mod constants;
mod flatbuffer;
mod header;
mod sections;
mod spirv;

use crate::tosa::Valid;
use header::{HEADER_BYTES, Header};

/// A complete VGF file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VgfImage(Vec<u8>);

impl VgfImage {
    /// The file's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The graph as a VGF file; equal graphs give equal bytes.
///
/// The file's constants are in the order of their first use, their index is the graph constant id, and each lies at a
/// multiple of 16 bytes from the start of the file.
pub fn write(valid: &Valid) -> VgfImage {
    let module = spirv::encode(valid.graph());
    let constants = constants::encode(valid.graph(), &module.constants);
    let sections = [
        (sections::modules(&module), 0),
        (sections::sequence(valid.graph(), module.constants.len()), 0),
        (sections::resources(valid.graph(), &module.constants), 0),
        (constants.bytes, constants.payload),
    ];

    let mut file = vec![0; HEADER_BYTES];
    let mut header = Header::default();
    for (place, (section, aligned)) in header.sections.iter_mut().zip(sections) {
        file.resize(file.len().next_multiple_of(8), 0);
        // The section's byte `aligned` has to fall on a multiple of 16 of the file.
        if !(file.len() + aligned).is_multiple_of(16) {
            file.resize(file.len() + 8, 0);
        }
        *place = (file.len(), section.len());
        file.extend(section);
    }
    file[..HEADER_BYTES].copy_from_slice(&header.encode());
    VgfImage(file)
}
