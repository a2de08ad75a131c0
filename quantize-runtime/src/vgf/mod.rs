//! Reads VGF files: checked once by [`Vgf::new`], without errors and without allocation afterwards.

mod check;
mod constants;
mod flatbuffer;
mod header;
mod sections;
#[cfg(feature = "alloc")]
mod spirv;

pub use constants::Constant;
pub use sections::{Category, Code, DescriptorSet, Module, ModuleKind, Resource, Segment, Slot};
#[cfg(feature = "alloc")]
pub use spirv::opcode;

use crate::error::Error;
use constants::Constants;
use flatbuffer::{Buffer, Table, Vector, Verifier};
use header::Header;
use sections::Sequence;

/// What stands for the bytes of the VGF file in a program that holds its constants only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotEmbedded;

/// A VGF file that keeps the rules of its container.
///
/// The operators inside its modules are checked by `graph`, a method of the feature `alloc`.
#[derive(Clone, Debug)]
pub struct Vgf<'a> {
    file: &'a [u8],
    header: Header,
    modules: Vector<'a, Module<'a>>,
    sequence: Sequence<'a>,
    resources: Vector<'a, Resource<'a>>,
    constants: Constants<'a>,
}

impl<'a> Vgf<'a> {
    /// Checks a file.
    ///
    /// # Errors
    /// The first broken rule and where it is broken; a hostile file can cost no more than time in proportion to its
    /// size and to the square of its number of slots, which is limited.
    pub fn new(file: &'a [u8]) -> Result<Self, Error> {
        let header = Header::new(file)?;
        let section = |range: &core::ops::Range<usize>| Buffer { bytes: &file[range.clone()], start: range.start };
        let root = |range, check: fn(&mut Verifier<'a>, Table<'a>) -> Result<(), Error>| {
            let mut verifier = Verifier::new(section(range));
            let root = verifier.root()?;
            verifier.tables(root, 0, check)?;
            Ok(root)
        };
        let vgf = Self {
            file,
            modules: root(&header.modules, Module::check)?.vector(0),
            sequence: Sequence::check(&mut Verifier::new(section(&header.sequence)))?,
            resources: root(&header.resources, Resource::check)?.vector(0),
            constants: Constants::new(section(&header.constants))?,
            header,
        };
        check::check(&vgf)?;
        Ok(vgf)
    }

    /// The bytes of the file.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.file
    }

    /// Version of the format: major, minor, patch.
    pub fn version(&self) -> [u8; 3] {
        self.header.version
    }

    /// The modules.
    pub fn modules(&self) -> impl ExactSizeIterator<Item = Module<'a>> + Clone + use<'a> {
        self.modules.iter()
    }

    /// The segments in the order of execution.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = Segment<'a>> + Clone + use<'a> {
        self.sequence.segments().iter()
    }

    /// The inputs of the model, in order.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = Slot<'a>> + Clone + use<'a> {
        self.sequence.inputs().iter()
    }

    /// The outputs of the model, in order.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = Slot<'a>> + Clone + use<'a> {
        self.sequence.outputs().iter()
    }

    /// The names of the inputs: one for each, or none at all.
    pub fn input_names(&self) -> impl ExactSizeIterator<Item = &'a str> + Clone + use<'a> {
        self.sequence.input_names().iter()
    }

    /// The names of the outputs: one for each, or none at all.
    pub fn output_names(&self) -> impl ExactSizeIterator<Item = &'a str> + Clone + use<'a> {
        self.sequence.output_names().iter()
    }

    /// The resources.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = Resource<'a>> + Clone + use<'a> {
        self.resources.iter()
    }

    /// The constants.
    pub fn constants(&self) -> impl Iterator<Item = Constant<'a>> + Clone + use<'a> {
        self.constants.iter()
    }
}
