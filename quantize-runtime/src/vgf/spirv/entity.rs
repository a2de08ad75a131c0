//! What the ids of a module stand for.

use crate::Shape;
use crate::graph::{Constant, ElementType, Value, ValueId};
use crate::vgf::sections::Resource;
use alloc::vec::Vec;

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
        // R8 and R32, UINT and SINT: SPIR-V graphs know no sign.
        let element = match resource.format() {
            13 | 14 => Some(ElementType::I8),
            98 | 99 => Some(ElementType::I32),
            _ => None,
        };
        let (dims, sizes) = (self.shape.dims(), resource.shape());
        let same_size = |(&dim, size): (&u32, i64)| size == i64::from(dim) || size == -1;
        element == Some(self.element) && dims.len() == sizes.len() && dims.iter().zip(sizes).all(same_size)
    }
}

/// What an id stands for.
pub(super) enum Entity<'a> {
    /// Nothing that an operator can use.
    Opaque,
    InstructionSet,
    BoolType,
    /// `None` for numbers other than i8 and i32.
    ScalarType(Option<ElementType>),
    /// An array of so many u32.
    ShapeType(u32),
    TensorType(Type),
    PointerType(Type),
    GraphType {
        inputs: Vec<Type>,
        outputs: Vec<Type>,
    },
    Flag(bool),
    Scalar(ElementType, i32),
    Shape(Shape),
    Variable(Type),
    /// A constant tensor that is not yet a value of the graph.
    Constant(Value<'a>),
    Value(ValueId),
}
