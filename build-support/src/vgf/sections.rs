//! The FlatBuffers sections: module, model sequence and resource table of a file with one graph segment.

use super::flatbuffer::{Table, section, table};
use super::spirv::Module;
use flatbuffers::FlatBufferBuilder;
use quantize_runtime::graph::{ElementType, Graph, Port, ValueId};

/// Name of the module and of its entry point.
pub(super) const ENTRY_POINT: &str = "graph";

/// `ModuleType` of modules and segments.
const GRAPH: u8 = 1;
/// Tag of the union `code`.
const SPIRV: u8 = 1;
const DESCRIPTOR_TENSOR: u32 = 1_000_460_000;
const DESCRIPTOR_NONE: u32 = u32::MAX;
const FORMAT_R8_UINT: u32 = 13;
const FORMAT_R8_SINT: u32 = 14;
const FORMAT_R16_UINT: u32 = 74;
const FORMAT_R16_SINT: u32 = 75;
const FORMAT_R32_SINT: u32 = 99;
const FORMAT_R32_SFLOAT: u32 = 100;
const FORMAT_R64_SINT: u32 = 111;
const FORMAT_R8_BOOL: u32 = 1_000_460_000;
const CATEGORY_INPUT: u8 = 0;
const CATEGORY_OUTPUT: u8 = 1;
const CATEGORY_CONSTANT: u8 = 3;

/// The module table.
pub(super) fn modules(module: &Module) -> Vec<u8> {
    section(|builder| {
        let words = builder.create_vector(&module.words);
        let code = table(builder, |spirv| spirv.field(0, words));
        let name = builder.create_string(ENTRY_POINT);
        let module = table(builder, |module| {
            module.field(1, name);
            module.field(2, name);
            module.field(4, code);
            module.field(0, GRAPH);
            module.field(3, SPIRV);
        });
        let modules = builder.create_vector(&[module]);
        table(builder, |root| root.field(0, modules))
    })
}

/// The model sequence table: a single segment, which binds inputs, then outputs.
pub(super) fn sequence(graph: &Graph<'_>, constants: usize) -> Vec<u8> {
    section(|builder| {
        // Constants are the first resources; see `resources`.
        let slots: Vec<Table> = (0..graph.inputs.len() + graph.outputs.len())
            .map(|binding| {
                table(builder, |slot| {
                    slot.field(0, binding as u32);
                    slot.field(1, (constants + binding) as u32);
                })
            })
            .collect();
        let bindings = builder.create_vector(&slots);
        let (inputs, outputs) = slots.split_at(graph.inputs.len());
        let (inputs, outputs) = (builder.create_vector(inputs), builder.create_vector(outputs));
        let input_names = names(builder, &graph.inputs);
        let output_names = names(builder, &graph.outputs);

        let set = table(builder, |set| set.field(0, bindings));
        let sets = builder.create_vector(&[set]);
        let ids: Vec<u32> = (0..constants as u32).collect();
        // The same binding twice, for readers before and from format 0.5.0.
        let constant_bindings: Vec<Table> = ids
            .iter()
            .map(|&id| {
                table(builder, |binding| {
                    binding.field(0, id);
                    binding.field(1, id);
                })
            })
            .collect();
        let constant_bindings = builder.create_vector(&constant_bindings);
        let constants = builder.create_vector(&ids);
        let dispatch_shape = builder.create_vector(&[0_u32; 3]);
        let push_constant_ranges = builder.create_vector::<Table>(&[]);
        let name = builder.create_string(ENTRY_POINT);
        let segment = table(builder, |segment| {
            segment.field(1, name);
            segment.field(3, sets);
            segment.field(4, inputs);
            segment.field(5, outputs);
            segment.field(6, constants);
            segment.field(7, dispatch_shape);
            segment.field(8, push_constant_ranges);
            segment.field(9, constant_bindings);
            segment.field(0, GRAPH);
        });
        let segments = builder.create_vector(&[segment]);
        table(builder, |root| {
            root.field(0, segments);
            root.field(1, inputs);
            root.field(2, outputs);
            root.field(3, input_names);
            root.field(4, output_names);
        })
    })
}

fn names<'b>(
    builder: &mut FlatBufferBuilder<'b>,
    ports: &[Port],
) -> flatbuffers::WIPOffset<flatbuffers::Vector<'b, flatbuffers::ForwardsUOffset<&'b str>>> {
    let names: Vec<_> = ports.iter().map(|port| builder.create_string(&port.name)).collect();
    builder.create_vector(&names)
}

/// The resource table: constants, so that a record's resource has its index, then inputs, then outputs.
pub(super) fn resources(graph: &Graph<'_>, constants: &[ValueId]) -> Vec<u8> {
    let ports = |ports: &[Port], category| {
        ports.iter().map(move |port| (port.value, port.unsigned, category)).collect::<Vec<_>>()
    };
    let entries = constants
        .iter()
        .map(|&value| (value, false, CATEGORY_CONSTANT))
        .chain(ports(&graph.inputs, CATEGORY_INPUT))
        .chain(ports(&graph.outputs, CATEGORY_OUTPUT));
    section(|builder| {
        let entries: Vec<Table> = entries
            .map(|(value, unsigned, category)| {
                let value = &graph.values[value.0 as usize];
                let dims: Vec<i64> = value.shape.dims().iter().map(|&dim| i64::from(dim)).collect();
                let shape = builder.create_vector(&dims);
                // No strides: packed.
                let strides = builder.create_vector::<i64>(&[]);
                let description = table(builder, |description| {
                    description.field(0, shape);
                    description.field(1, strides);
                });
                table(builder, |entry| {
                    entry.field(0, if category == CATEGORY_CONSTANT { DESCRIPTOR_NONE } else { DESCRIPTOR_TENSOR });
                    entry.field(1, format(value.element, unsigned));
                    entry.field(3, description);
                    entry.field(2, category);
                })
            })
            .collect();
        let entries = builder.create_vector(&entries);
        table(builder, |root| root.field(0, entries))
    })
}

fn format(element: ElementType, unsigned: bool) -> u32 {
    match element {
        ElementType::Bool => FORMAT_R8_BOOL,
        ElementType::I8 if unsigned => FORMAT_R8_UINT,
        ElementType::I8 => FORMAT_R8_SINT,
        ElementType::I16 if unsigned => FORMAT_R16_UINT,
        ElementType::I16 => FORMAT_R16_SINT,
        ElementType::I32 => FORMAT_R32_SINT,
        ElementType::I48 => FORMAT_R64_SINT,
        ElementType::F32 => FORMAT_R32_SFLOAT,
    }
}
