//! Numbers of the SPIR-V instructions that graph modules have.
//!
//! Sources: SPIR-V 1.6, SPV_ARM_tensors, SPV_ARM_graph.

#![allow(missing_docs)] // named as in the specification: TYPE_INT is OpTypeInt

pub const NOP: u32 = 0;
pub const SOURCE_CONTINUED: u32 = 2;
pub const SOURCE: u32 = 3;
pub const SOURCE_EXTENSION: u32 = 4;
pub const NAME: u32 = 5;
pub const EXTENSION: u32 = 10;
pub const EXT_INST_IMPORT: u32 = 11;
pub const EXT_INST: u32 = 12;
pub const MEMORY_MODEL: u32 = 14;
pub const CAPABILITY: u32 = 17;
pub const TYPE_BOOL: u32 = 20;
pub const TYPE_INT: u32 = 21;
pub const TYPE_FLOAT: u32 = 22;
pub const TYPE_ARRAY: u32 = 28;
pub const TYPE_STRUCT: u32 = 30;
pub const TYPE_POINTER: u32 = 32;
pub const CONSTANT_TRUE: u32 = 41;
pub const CONSTANT_FALSE: u32 = 42;
pub const CONSTANT: u32 = 43;
pub const CONSTANT_COMPOSITE: u32 = 44;
pub const CONSTANT_NULL: u32 = 46;
pub const VARIABLE: u32 = 59;
pub const DECORATE: u32 = 71;
pub const COMPOSITE_EXTRACT: u32 = 81;
pub const MODULE_PROCESSED: u32 = 330;
pub const TYPE_TENSOR: u32 = 4163;
pub const GRAPH_CONSTANT: u32 = 4181;
pub const GRAPH_ENTRY_POINT: u32 = 4182;
pub const GRAPH: u32 = 4183;
pub const GRAPH_INPUT: u32 = 4184;
pub const GRAPH_SET_OUTPUT: u32 = 4185;
pub const GRAPH_END: u32 = 4186;
pub const TYPE_GRAPH: u32 = 4190;
pub const CONSTANT_COMPOSITE_REPLICATE: u32 = 4461;
