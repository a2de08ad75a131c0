//! FlatBuffers tables by field number, on the low-level builder of the `flatbuffers` crate.

use flatbuffers::{FlatBufferBuilder, Push, TableFinishedWIPOffset, VOffsetT, WIPOffset};

/// A finished table, to be referred to from others.
pub(super) type Table = WIPOffset<TableFinishedWIPOffset>;

/// Writes the fields of one table; a field left out reads as its default.
pub(super) struct Fields<'a, 'b>(&'a mut FlatBufferBuilder<'b>);

impl Fields<'_, '_> {
    /// Field number `id` of the schema.
    pub(super) fn field<T: Push>(&mut self, id: VOffsetT, value: T) {
        // The first two entries of a vtable are sizes.
        self.0.push_slot_always(4 + 2 * id, value);
    }
}

/// A table with the fields that `write` gives it.
pub(super) fn table(builder: &mut FlatBufferBuilder<'_>, write: impl FnOnce(&mut Fields<'_, '_>)) -> Table {
    let start = builder.start_table();
    write(&mut Fields(builder));
    let end = builder.end_table(start);
    WIPOffset::new(end.value())
}

/// A section: a buffer with this root, without identifier and size prefix.
pub(super) fn section(build: impl FnOnce(&mut FlatBufferBuilder<'_>) -> Table) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let root = build(&mut builder);
    builder.finish_minimal(root);
    builder.finished_data().to_vec()
}
