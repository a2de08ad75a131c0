//! What the ids of a module stand for.

use crate::Shape;
use crate::graph::{Constant, ElementType, Value, ValueId};
use crate::vgf::sections::Resource;
use alloc::vec::Vec;

/// `VkFormat`s of unsigned numbers.
const R8_UINT: u32 = 13;
const R16_UINT: u32 = 74;

/// A type of tensors.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Type {
    pub(super) element: ElementType,
    pub(super) shape: Shape,
}

impl Type {
    pub(super) fn of(value: &Value<'_>) -> Self {
        Self { element: value.element, shape: value.shape }
    }

    pub(super) fn value(self, constant: Option<Constant<'_>>) -> Value<'_> {
        Value { element: self.element, shape: self.shape, constant }
    }

    /// Whether a resource has this type; −1 stands for any size.
    pub(super) fn agrees(&self, resource: &Resource<'_>) -> bool {
        // UINT and SINT: SPIR-V graphs know no sign.
        let element = match resource.format() {
            1_000_460_000 => Some(ElementType::Bool), // R8_BOOL_ARM
            R8_UINT | 14 => Some(ElementType::I8),
            R16_UINT | 75 => Some(ElementType::I16),
            98 | 99 => Some(ElementType::I32),   // R32
            110 | 111 => Some(ElementType::I48), // R64
            100 => Some(ElementType::F32),       // R32_SFLOAT
            _ => None,
        };
        let (dims, sizes) = (self.shape.dims(), resource.shape());
        let same_size = |(&dim, size): (&u32, i64)| size == i64::from(dim) || size == -1;
        element == Some(self.element) && dims.len() == sizes.len() && dims.iter().zip(sizes).all(same_size)
    }
}

/// Whether a caller sees the elements of a resource as unsigned numbers of 8 or 16 bits.
pub(super) fn is_unsigned(resource: &Resource<'_>) -> bool {
    matches!(resource.format(), R8_UINT | R16_UINT)
}

/// What an id stands for.
pub(super) enum Entity<'a> {
    /// Nothing that an operator can use.
    Opaque,
    InstructionSet,
    BoolType,
    /// `None` for numbers that the reader does not support.
    ScalarType(Option<ElementType>),
    /// An array of so many u32.
    ShapeType(u32),
    TensorType(Type),
    /// The results of an operator that has several.
    StructType(Vec<Type>),
    PointerType(Type),
    GraphType {
        inputs: Vec<Type>,
        outputs: Vec<Type>,
    },
    Flag(bool),
    /// A number, whose bytes are the low ones of the word.
    Scalar(ElementType, u64),
    Shape(Shape),
    Variable(Type),
    /// A constant tensor that is not yet a value of the graph.
    Constant(Value<'a>),
    Value(ValueId),
    /// The results of an operator that has several.
    Struct(Vec<ValueId>),
}
