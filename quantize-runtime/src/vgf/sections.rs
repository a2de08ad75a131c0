//! The tables of the three FlatBuffers sections: modules, sequence and resources.

use super::flatbuffer::{Table, Vector, Verifier};
use crate::error::{Error, Rule};

/// Value of a u32 field that stands for none.
pub(super) const NONE: u32 = u32::MAX;

/// What a module or segment does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModuleKind {
    /// A compute shader.
    Compute,
    /// A graph of operators.
    Graph,
}

impl ModuleKind {
    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Compute),
            1 => Some(Self::Graph),
            _ => None,
        }
    }
}

/// The code of a module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code<'a> {
    /// None: the application brings it.
    Placeholder,
    /// SPIR-V, as little-endian words.
    Spirv(&'a [[u8; 4]]),
    /// GLSL source text.
    Glsl(&'a str),
    /// HLSL source text.
    Hlsl(&'a str),
}

/// A module: code with an entry point.
#[derive(Clone, Copy, Debug)]
pub struct Module<'a>(Table<'a>);

impl<'a> From<Table<'a>> for Module<'a> {
    fn from(table: Table<'a>) -> Self {
        Self(table)
    }
}

impl<'a> Module<'a> {
    const KIND: usize = 0;
    const NAME: usize = 1;
    const ENTRY_POINT: usize = 2;
    const CODE_KIND: usize = 3;
    const CODE: usize = 4;

    pub(super) fn check(verifier: &mut Verifier<'a>, table: Table<'a>) -> Result<(), Error> {
        verifier.scalars(table, &[Self::KIND, Self::CODE_KIND], 1)?;
        verifier.texts(table, &[Self::NAME, Self::ENTRY_POINT])?;
        if ModuleKind::from_byte(table.u8(Self::KIND)).is_none() {
            return Err(Error { rule: Rule::ModuleKind, offset: table.offset() });
        }
        let kind = table.u8(Self::CODE_KIND);
        match kind {
            0 => return Ok(()),
            1 => verifier.table(table, Self::CODE, |verifier, code| verifier.numbers(code, 0, 4))?,
            2 | 3 => verifier.table(table, Self::CODE, |verifier, code| verifier.texts(code, &[0]))?,
            _ => return Err(Error { rule: Rule::CodeKind, offset: table.offset() }),
        };
        Ok(())
    }

    /// What the module does.
    pub fn kind(&self) -> ModuleKind {
        ModuleKind::from_byte(self.0.u8(Self::KIND)).unwrap_or(ModuleKind::Compute)
    }

    /// Name without meaning for execution.
    pub fn name(&self) -> &'a str {
        self.0.text(Self::NAME)
    }

    /// Name of the graph or function in the code.
    pub fn entry_point(&self) -> &'a str {
        self.0.text(Self::ENTRY_POINT)
    }

    /// The code.
    pub fn code(&self) -> Code<'a> {
        let Some(code) = self.0.table(Self::CODE) else { return Code::Placeholder };
        match self.0.u8(Self::CODE_KIND) {
            1 => match code.vector::<u32>(0).bytes().as_chunks().0 {
                [] => Code::Placeholder,
                words => Code::Spirv(words),
            },
            2 => Code::Glsl(code.text(0)),
            3 => Code::Hlsl(code.text(0)),
            _ => Code::Placeholder,
        }
    }

    /// Offset in the file of the first word of SPIR-V.
    pub(super) fn words_offset(&self) -> usize {
        self.0.table(Self::CODE).map_or(0, |code| code.vector::<u32>(0).offset())
    }
}

/// A place where a resource is bound.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a>(Table<'a>);

impl<'a> From<Table<'a>> for Slot<'a> {
    fn from(table: Table<'a>) -> Self {
        Self(table)
    }
}

impl<'a> Slot<'a> {
    fn check(verifier: &mut Verifier<'a>, table: Table<'a>) -> Result<(), Error> {
        verifier.scalars(table, &[0, 1], 4)
    }

    /// Number of the binding.
    pub fn binding(&self) -> u32 {
        self.0.u32(0, 0)
    }

    /// Index of the resource.
    pub fn resource(&self) -> usize {
        self.0.u32(1, 0) as usize
    }

    pub(super) fn offset(&self) -> usize {
        self.0.offset()
    }
}

/// A descriptor set of a segment.
#[derive(Clone, Copy, Debug)]
pub struct DescriptorSet<'a>(Table<'a>);

impl<'a> From<Table<'a>> for DescriptorSet<'a> {
    fn from(table: Table<'a>) -> Self {
        Self(table)
    }
}

impl<'a> DescriptorSet<'a> {
    fn check(verifier: &mut Verifier<'a>, table: Table<'a>) -> Result<(), Error> {
        verifier.tables(table, 0, Slot::check)?;
        verifier.scalars(table, &[1], 4)
    }

    /// What is bound.
    pub fn slots(&self) -> impl ExactSizeIterator<Item = Slot<'a>> + Clone + use<'a> {
        self.0.vector(0).iter()
    }

    /// Number of the set at `position` among the sets of a segment.
    pub fn number(&self, position: usize) -> u32 {
        match self.0.u32(1, NONE) {
            NONE => position as u32, // a file has fewer tables
            number => number,
        }
    }

    pub(super) fn offset(&self) -> usize {
        self.0.offset()
    }
}

/// A range of push constants.
#[derive(Clone, Copy)]
pub(super) struct PushConstants<'a>(pub(super) Table<'a>);

impl<'a> From<Table<'a>> for PushConstants<'a> {
    fn from(table: Table<'a>) -> Self {
        Self(table)
    }
}

/// The binding of a constant record to an id in the code.
#[derive(Clone, Copy)]
pub(super) struct ConstantBinding<'a>(pub(super) Table<'a>);

impl<'a> From<Table<'a>> for ConstantBinding<'a> {
    fn from(table: Table<'a>) -> Self {
        Self(table)
    }
}

/// A segment: the execution of a module.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a>(Table<'a>);

impl<'a> From<Table<'a>> for Segment<'a> {
    fn from(table: Table<'a>) -> Self {
        Self(table)
    }
}

impl<'a> Segment<'a> {
    const KIND: usize = 0;
    const NAME: usize = 1;
    const MODULE: usize = 2;
    const SETS: usize = 3;
    const INPUTS: usize = 4;
    const OUTPUTS: usize = 5;
    const CONSTANTS: usize = 6;
    const DISPATCH_SHAPE: usize = 7;
    const PUSH_CONSTANTS: usize = 8;
    const CONSTANT_BINDINGS: usize = 9;

    fn check(verifier: &mut Verifier<'a>, table: Table<'a>) -> Result<(), Error> {
        verifier.scalars(table, &[Self::KIND], 1)?;
        verifier.scalars(table, &[Self::MODULE], 4)?;
        verifier.texts(table, &[Self::NAME])?;
        verifier.tables(table, Self::SETS, DescriptorSet::check)?;
        verifier.tables(table, Self::INPUTS, Slot::check)?;
        verifier.tables(table, Self::OUTPUTS, Slot::check)?;
        verifier.numbers(table, Self::CONSTANTS, 4)?;
        verifier.numbers(table, Self::DISPATCH_SHAPE, 4)?;
        verifier.tables(table, Self::PUSH_CONSTANTS, |verifier, range| verifier.scalars(range, &[0, 1, 2], 4))?;
        verifier.tables(table, Self::CONSTANT_BINDINGS, |verifier, pair| verifier.scalars(pair, &[0, 1], 4))?;
        match ModuleKind::from_byte(table.u8(Self::KIND)) {
            Some(_) => Ok(()),
            None => Err(Error { rule: Rule::ModuleKind, offset: table.offset() }),
        }
    }

    /// What the segment does.
    pub fn kind(&self) -> ModuleKind {
        ModuleKind::from_byte(self.0.u8(Self::KIND)).unwrap_or(ModuleKind::Compute)
    }

    /// Name without meaning for execution.
    pub fn name(&self) -> &'a str {
        self.0.text(Self::NAME)
    }

    /// Index of the module.
    pub fn module(&self) -> usize {
        self.0.u32(Self::MODULE, 0) as usize
    }

    /// The descriptor sets.
    pub fn sets(&self) -> impl ExactSizeIterator<Item = DescriptorSet<'a>> + Clone + use<'a> {
        self.0.vector(Self::SETS).iter()
    }

    /// What the segment reads; numbered over the whole model, so to be matched with the sets by resource.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = Slot<'a>> + Clone + use<'a> {
        self.0.vector(Self::INPUTS).iter()
    }

    /// What the segment writes, numbered likewise.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = Slot<'a>> + Clone + use<'a> {
        self.0.vector(Self::OUTPUTS).iter()
    }

    /// Indices of the constants.
    pub fn constants(&self) -> impl ExactSizeIterator<Item = usize> + Clone + use<'a> {
        self.0.vector::<u32>(Self::CONSTANTS).iter().map(|index| index as usize)
    }

    /// Whether the file states the bindings of constants; otherwise the id in the code is the index of the constant.
    pub(super) fn has_constant_bindings(&self) -> bool {
        self.0.has(Self::CONSTANT_BINDINGS)
    }

    /// Pairs of an id in the code and the index of a constant.
    pub fn constant_bindings(&self) -> impl Iterator<Item = (u32, usize)> + Clone + use<'a> {
        let implicit = if self.has_constant_bindings() { 0 } else { usize::MAX };
        let stated = self.0.vector::<ConstantBinding<'a>>(Self::CONSTANT_BINDINGS).iter();
        let stated = stated.map(|ConstantBinding(pair)| (pair.u32(0, 0), pair.u32(1, 0) as usize));
        stated.chain(self.constants().take(implicit).map(|index| (index as u32, index))) // it was read as u32
    }

    /// Number of workgroups on each axis; zeros for a graph.
    pub fn dispatch_shape(&self) -> [u32; 3] {
        let shape = self.0.vector::<u32>(Self::DISPATCH_SHAPE);
        [0, 1, 2].map(|axis| shape.get(axis).unwrap_or_default())
    }

    /// The entries of the dispatch shape, if the file has it.
    pub(super) fn dispatch_entries(&self) -> Option<usize> {
        self.0.has(Self::DISPATCH_SHAPE).then(|| self.0.vector::<u32>(Self::DISPATCH_SHAPE).len())
    }

    pub(super) fn push_constants(&self) -> Vector<'a, PushConstants<'a>> {
        self.0.vector(Self::PUSH_CONSTANTS)
    }

    pub(super) fn offset(&self) -> usize {
        self.0.offset()
    }
}

/// The root of the sequence section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequence<'a>(pub(super) Table<'a>);

impl<'a> Sequence<'a> {
    pub(super) fn check(verifier: &mut Verifier<'a>) -> Result<Self, Error> {
        let root = verifier.root()?;
        verifier.tables(root, 0, Segment::check)?;
        verifier.tables(root, 1, Slot::check)?;
        verifier.tables(root, 2, Slot::check)?;
        verifier.text_vector(root, 3)?;
        verifier.text_vector(root, 4)?;
        Ok(Self(root))
    }

    pub(super) fn segments(self) -> Vector<'a, Segment<'a>> {
        self.0.vector(0)
    }

    pub(super) fn inputs(self) -> Vector<'a, Slot<'a>> {
        self.0.vector(1)
    }

    pub(super) fn outputs(self) -> Vector<'a, Slot<'a>> {
        self.0.vector(2)
    }

    pub(super) fn input_names(self) -> Vector<'a, &'a str> {
        self.0.vector(3)
    }

    pub(super) fn output_names(self) -> Vector<'a, &'a str> {
        self.0.vector(4)
    }
}

/// What a resource is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Category {
    /// Given by the application.
    Input,
    /// Read by the application.
    Output,
    /// Passed between segments.
    Intermediate,
    /// Stored in the file.
    Constant,
}

impl Category {
    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Input),
            1 => Some(Self::Output),
            2 => Some(Self::Intermediate),
            3 => Some(Self::Constant),
            _ => None,
        }
    }
}

/// A tensor, buffer or image that crosses the border of a segment.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a>(Table<'a>);

impl<'a> From<Table<'a>> for Resource<'a> {
    fn from(table: Table<'a>) -> Self {
        Self(table)
    }
}

impl<'a> Resource<'a> {
    const DESCRIPTOR: usize = 0;
    const FORMAT: usize = 1;
    const CATEGORY: usize = 2;
    const DESCRIPTION: usize = 3;
    const EXTRA_KIND: usize = 4;
    const EXTRA: usize = 5;
    const ALIAS_GROUP: usize = 6;

    pub(super) fn check(verifier: &mut Verifier<'a>, table: Table<'a>) -> Result<(), Error> {
        verifier.scalars(table, &[Self::DESCRIPTOR, Self::FORMAT, Self::ALIAS_GROUP], 4)?;
        verifier.scalars(table, &[Self::CATEGORY, Self::EXTRA_KIND], 1)?;
        verifier.table(table, Self::DESCRIPTION, |verifier, description| {
            verifier.numbers(description, 0, 8)?;
            verifier.numbers(description, 1, 8)
        })?;
        if Category::from_byte(table.u8(Self::CATEGORY)).is_none() {
            return Err(Error { rule: Rule::Category, offset: table.offset() });
        }
        let complete = match table.u8(Self::EXTRA_KIND) {
            0 => true,
            1 => verifier
                .table(table, Self::EXTRA, |verifier, sampler| verifier.scalars(sampler, &[0, 1, 2, 3, 4], 4))?,
            _ => false,
        };
        if complete { Ok(()) } else { Err(Error { rule: Rule::ExtraConfig, offset: table.offset() }) }
    }

    /// What the resource is for.
    pub fn category(&self) -> Category {
        Category::from_byte(self.0.u8(Self::CATEGORY)).unwrap_or(Category::Input)
    }

    /// The `VkDescriptorType`; `None` for a constant.
    pub fn descriptor_type(&self) -> Option<u32> {
        Some(self.0.u32(Self::DESCRIPTOR, 0)).filter(|&descriptor| descriptor != NONE)
    }

    /// The `VkFormat`.
    pub fn format(&self) -> u32 {
        self.0.u32(Self::FORMAT, 0)
    }

    /// The dimensions, −1 for a dynamic one.
    pub fn shape(&self) -> impl ExactSizeIterator<Item = i64> + Clone + use<'a> {
        self.description(0).iter()
    }

    /// The strides; none when the tensor is packed.
    pub fn strides(&self) -> impl ExactSizeIterator<Item = i64> + Clone + use<'a> {
        self.description(1).iter()
    }

    fn description(&self, id: usize) -> Vector<'a, i64> {
        self.0.table(Self::DESCRIPTION).map_or_else(|| self.0.no_vector(), |description| description.vector(id))
    }

    /// The group of resources that share memory.
    pub fn alias_group(&self) -> Option<u32> {
        Some(self.0.u32(Self::ALIAS_GROUP, NONE)).filter(|&group| group != NONE)
    }

    pub(super) fn offset(&self) -> usize {
        self.0.offset()
    }
}
