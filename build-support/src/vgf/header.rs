//! The VGF header: format version and the places of the four sections.

/// Size of the header; the first section starts behind it.
pub(super) const HEADER_BYTES: usize = 128;

/// Every released reader from 0.7 to 0.11 accepts this version and binds the constants of such a file alike.
const VERSION: [u8; 3] = [0, 4, 3];

/// Offset and size of each section.
#[derive(Default)]
pub(super) struct Header {
    /// Modules, model sequence, resources, constants.
    pub(super) sections: [(usize, usize); 4],
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(b"VGF1");
        bytes[8..11].copy_from_slice(&VERSION);
        for (field, &(offset, size)) in bytes[16..80].chunks_exact_mut(16).zip(&self.sections) {
            field[..8].copy_from_slice(&(offset as u64).to_le_bytes());
            field[8..].copy_from_slice(&(size as u64).to_le_bytes());
        }
        bytes
    }
}
