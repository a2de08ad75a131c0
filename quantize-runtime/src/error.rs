//! What is wrong with a VGF file, and where.

use core::fmt;

/// The first broken rule of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Error {
    /// The rule.
    pub rule: Rule,
    /// Offset in the file, in bytes, of what breaks it.
    pub offset: usize,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.rule.message(), self.offset)
    }
}

impl core::error::Error for Error {}

/// Makes [`Rule`] of its members and the messages of those that break them.
macro_rules! rules {
    ($($Rule:ident $message:literal,)*) => {
        /// A rule of the VGF format, of SPIR-V graph modules or of TOSA.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = $message] $Rule,)*
            /// An operator is not valid TOSA 1.0, with what was found.
            Operator(&'static str),
        }

        impl Rule {
            /// What was found.
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$Rule => $message,)*
                    Self::Operator(rule) => rule,
                }
            }
        }
    };
}

rules! {
    Truncated "the file is shorter than its header of 128 bytes",
    Magic "the file does not start with the bytes of a VGF file",
    Version "the version is not one this reader knows: 0.4 or 0.5",
    SectionRange "a section leaves the file or overlaps the header",
    SectionAlignment "a section starts at an unaligned offset",
    SectionOverlap "two sections overlap",
    Offset "a FlatBuffers offset leads out of its section",
    Vtable "a FlatBuffers vtable or table is malformed",
    Field "a FlatBuffers field lies outside its table",
    Vector "a FlatBuffers vector leaves its section",
    Alignment "a FlatBuffers scalar or vector is not aligned",
    Text "a FlatBuffers string has no end or is not UTF-8",
    TableCount "there are more FlatBuffers tables than the section can hold or the reader takes",
    ModuleKind "a module or segment is neither for computing nor a graph",
    CodeKind "the code of a module is of an unknown kind",
    Category "a resource is of an unknown category",
    ExtraConfig "a resource has an unknown kind of configuration",
    ModuleIndex "a segment names a module that does not exist",
    ResourceIndex "a slot or constant names a resource that does not exist",
    ConstantIndex "a segment names a constant that does not exist",
    Descriptor "a resource has an unknown descriptor type, or one that does not fit its category",
    Format "a tensor has an unknown format",
    ResourceShape "a resource has too many dimensions, one below 1 or too many elements",
    Strides "a resource has not as many strides as dimensions",
    AliasGroup "a constant shares memory with other resources",
    ConstantSection "the constants section does not start with its version and the records of its count",
    ConstantRange "the data of a constant leaves the section or is not aligned",
    ConstantOverlap "the data of two constants overlap",
    ConstantCategory "a constant names a resource that is not constant",
    ConstantSize "a constant has not the number of bytes that its shape asks for",
    Sparsity "the sparse dimension of a constant does not exist",
    SegmentKind "a segment and its module are of different kinds",
    DispatchShape "the dispatch shape has not three entries, or a zero for a compute segment",
    DescriptorSetTwice "a segment has the same descriptor set twice",
    BindingTwice "a descriptor set has the same binding twice",
    SlotCategory "a slot of a segment names a constant",
    Unbound "an input or output of a segment has no binding",
    Unused "a bound resource is neither input nor output of its segment",
    GraphConstantTwice "a segment binds the same graph constant twice",
    ConstantBindings "the constants of a segment and their bindings differ",
    PushConstants "a range of push constants is empty, unaligned or too large",
    NoSegment "the model has no segment",
    ModelCategory "an input or output of the model names a resource of another category",
    ModelSlots "an input or output resource is not among the inputs and outputs of the model",
    ModelBindings "two inputs or two outputs of the model have the same binding",
    NameCount "the model has not as many names as inputs or outputs",
    NameTwice "two inputs or two outputs of the model have the same name",
    ReadBeforeWrite "a segment reads a resource that nothing has written",
    WrittenTwice "a segment writes an input of the model or a resource that is written already",
    NotWritten "an output of the model is never written",
    SpirvHeader "the code of a module does not start with a SPIR-V header of version 1.0 to 1.6",
    SpirvWords "a SPIR-V instruction has no words or leaves the code",
    SpirvOperands "a SPIR-V instruction has too few or too many operands",
    SpirvId "a SPIR-V id is zero, out of bounds, defined twice or not defined before its use",
    SpirvText "a SPIR-V string has no end or is not UTF-8",
    SpirvType "a SPIR-V id has not the type that its use asks for",
    SpirvConstant "a SPIR-V constant does not fit its type",
    SpirvLayout "a SPIR-V instruction stands where it is not allowed",
    EntryPoint "the module has no graph with the name of its entry point",
    Interface "the variables of the entry point differ from the descriptors of the segment",
    InterfaceType "a variable of the entry point differs in type from the graph or the resource",
    GraphPorts "an input or output of the graph is missing, doubled or of another type",
    GraphConstantUnbound "a graph constant is not bound to a constant of the file, or declared twice",
    GraphConstantType "a graph constant differs in type from its resource",
    OperandKind "an operand of an operator has the wrong type or is not constant",
    OperandCount "an operator has too few or too many operands",
    Enumeration "an attribute of an operator has an unknown value",
    UnsupportedSegments "the model is not one graph segment, which is what this version runs",
    UnsupportedGraphs "the module has more graphs than its entry point, which this version does not read",
    UnsupportedElement "a tensor has an element type other than bool, i8, i16, i32, i48 and f32, which this version does not support",
    UnsupportedRank "a tensor has no static shape, a rank above 6 or a dimension of 0",
    UnsupportedInstruction "a SPIR-V instruction is not supported",
    UnsupportedOperator "an operator is not supported by this version",
    UnsupportedConstants "the constants inside the code are larger than this version reads",
}
