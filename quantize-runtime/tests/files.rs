//! VGF files of Arm's converter, sound, broken and hostile, against what is known about them.
//!
//! The files are in the reference material.

mod shared;

use quantize_runtime::error::Rule;
use quantize_runtime::graph::{ElementType, Graph};
use quantize_runtime::interpreter::{Interpreter, Tensor};
use quantize_runtime::vgf::Vgf;
use shared::{read, shared};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Largest error of f32 results, relative to those above 1: implementations that follow TOSA differ by up to 2.4e-7.
const TOLERANCE: f32 = 1e-6;

/// Names in a folder that end so.
fn names(folder: &Path, end: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    entries.filter_map(|name| name.into_string().ok()).filter(|name| name.ends_with(end)).collect()
}

/// The broken rule of a file.
fn rule(file: &[u8]) -> Result<(), Rule> {
    Vgf::new(file).and_then(|vgf| vgf.graph()).map(drop).map_err(|error| error.rule)
}

/// The tensor in a `.npy` file of version 1.0.
fn npy(path: &Path) -> Tensor {
    let file = read(path);
    let (header, data) = file[10..].split_at(u16::from_le_bytes([file[8], file[9]]).into());
    let header = String::from_utf8_lossy(header);
    assert!(header.contains("'fortran_order': False"), "{header}");
    let types = [
        ("|b1", ElementType::Bool),
        ("|i1", ElementType::I8),
        ("<i2", ElementType::I16),
        ("<i4", ElementType::I32),
        ("<i8", ElementType::I48),
        ("<f4", ElementType::F32),
    ];
    let known = types.iter().find(|(name, _)| header.contains(&format!("'{name}'")));
    Tensor::from_le_bytes(known.unwrap_or_else(|| panic!("{header}")).1, data)
}

/// Checks integers for equality, and f32 for a relative error below that of other float implementations.
fn check_close(found: &[Tensor], expected: &[Tensor], name: &str) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        match (found, expected) {
            (Tensor::F32(found), Tensor::F32(expected)) => {
                assert_eq!(found.len(), expected.len(), "{name}");
                for (found, expected) in found.iter().zip(expected) {
                    let close = (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0);
                    assert!(close || found == expected, "{name}: {found} instead of {expected}");
                }
            }
            _ => assert_eq!(found, expected, "{name}"),
        }
    }
}

fn tensors(folder: &Path, prefix: &str) -> Vec<Tensor> {
    let files = (0..).map(|index| folder.join(format!("{prefix}{index}.npy")));
    files.take_while(|file| file.is_file()).map(|file| npy(&file)).collect()
}

#[test]
fn converted_models_run_as_recorded() {
    let expected = [
        ("argmax_i8", Ok(())),
        ("casts", Err(Rule::UnsupportedElement)),
        ("conv2d_f32", Ok(())),
        ("conv2d_i16", Ok(())),
        ("conv2d_i8", Ok(())),
        ("conv2d_i8_strided_dilated", Ok(())),
        ("depthwise_i8", Ok(())),
        ("fully_connected_i8", Ok(())),
        ("gather_scatter", Ok(())),
        ("inverted_residual_i8", Ok(())),
        ("matmul_i8", Ok(())),
        ("misc_ops", Ok(())),
        ("multi_io_i32", Ok(())),
        ("pools_i8", Ok(())),
        ("reduce_i32", Ok(())),
        ("rescale_mix", Ok(())),
        ("resize_i8", Ok(())),
        ("segments_glsl", Err(Rule::UnsupportedSegments)),
        ("segments_placeholder", Err(Rule::UnsupportedSegments)),
        ("select_bool", Ok(())),
        ("shape_ops_i8", Ok(())),
        ("softmax_f32", Ok(())),
        ("table_i16", Ok(())),
        ("table_i8", Ok(())),
        ("transpose_conv_i8", Ok(())),
    ];
    let Some(fixtures) = shared("vgf/fixtures") else { return };
    let mut folders = names(&fixtures, "");
    folders.remove("index.json");
    assert!(folders.iter().eq(expected.iter().map(|(name, _)| *name)), "{folders:?}");
    let all_files = |folder: &Path| {
        let rules = names(folder, ".vgf").into_iter().map(|file| rule(&read(&folder.join(file))));
        let rules = rules.collect::<Vec<_>>();
        assert!(!rules.is_empty() && rules.iter().all(|rule| *rule == rules[0]), "{}: {rules:?}", folder.display());
        rules[0]
    };
    let found: Vec<_> = expected.iter().map(|(name, _)| (*name, all_files(&fixtures.join(name)))).collect();
    assert_eq!(found, expected);
    for (name, expected) in expected {
        let folder = fixtures.join(name);
        for file in names(&folder, ".vgf") {
            let bytes = read(&folder.join(&file));
            if expected.is_ok() {
                let graph = Vgf::new(&bytes).expect("a sound file").graph().expect("a sound module");
                let outputs = Interpreter::new(&graph).expect("a valid graph").run(&tensors(&folder, "in"));
                let outputs = outputs.unwrap_or_else(|error| panic!("{name}/{file}: {error}"));
                check_close(&outputs, &tensors(&folder, "out"), &format!("{name}/{file}"));
            }
        }
    }
}

#[test]
fn constants_are_borrowed_and_ports_are_named() {
    let Some(folder) = shared("vgf/fixtures/conv2d_i8") else { return };
    let file = read(&folder.join("model-0.5.0.vgf"));
    let graph = Vgf::new(&file).expect("a sound file").graph().expect("a sound module");
    let names = graph.inputs.iter().chain(&graph.outputs).map(|port| port.name.as_str());
    assert!(names.eq(["input_0", "output_0"]));
    let operators = graph.nodes.iter().map(|node| node.op.name());
    assert!(operators.eq(["CONV2D", "RESCALE", "CLAMP"]));
    let constants = graph.values.iter().filter_map(|value| value.constant.as_ref());
    let outside: Vec<_> = constants.filter_map(|constant| Some((constant, constant.range.clone()?))).collect();
    // Bias, multipliers and shifts have 8 elements each, which the converter keeps inside the code.
    let [(weights, range)] = &outside[..] else { panic!("{} constants outside the code", outside.len()) };
    let std::borrow::Cow::Borrowed(data) = &weights.data else { panic!("a copy") };
    assert!(std::ptr::eq(*data, &file[range.clone()]));
}

/// Checks that a folder has these files and that each breaks its rule.
fn check_rejected(folder: &Path, expected: &[(&str, Rule)]) {
    let found = names(folder, ".vgf").into_iter().map(|name| (rule(&read(&folder.join(&name))), name));
    let expected = expected.iter().map(|(name, rule)| (Err(*rule), (*name).to_owned()));
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn malformed_files_are_refused() {
    let Some(folder) = shared("vgf/malformed") else { return };
    check_rejected(
        &folder,
        &[
            ("binding_twice.vgf", Rule::BindingTwice),
            ("constant_count_huge.vgf", Rule::ConstantSection),
            ("constant_index_outside.vgf", Rule::ConstantIndex),
            ("constant_range_wraps.vgf", Rule::ConstantRange),
            ("constant_size_short.vgf", Rule::ConstantSize),
            ("dispatch_shape_of_two.vgf", Rule::DispatchShape),
            ("empty_file.vgf", Rule::Truncated),
            ("entry_point_unknown.vgf", Rule::EntryPoint),
            ("field_outside_table.vgf", Rule::Field),
            ("graph_constant_unbound.vgf", Rule::GraphConstantUnbound),
            ("major_version_1.vgf", Rule::Version),
            ("minor_version_6.vgf", Rule::Version),
            ("module_index_outside.vgf", Rule::ModuleIndex),
            ("module_type_7.vgf", Rule::ModuleKind),
            ("read_before_write.vgf", Rule::ReadBeforeWrite),
            ("resource_index_outside.vgf", Rule::ResourceIndex),
            ("root_offset_zero.vgf", Rule::Offset),
            ("section_misaligned.vgf", Rule::SectionAlignment),
            ("section_size_wraps.vgf", Rule::SectionRange),
            ("sections_overlap.vgf", Rule::SectionOverlap),
            ("shape_negative.vgf", Rule::ResourceShape),
            ("shape_product_overflows.vgf", Rule::ResourceShape),
            ("shared_subtrees.vgf", Rule::TableCount),
            ("spirv_word_count_zero.vgf", Rule::SpirvWords),
            ("string_without_nul.vgf", Rule::Text),
            ("truncated_header.vgf", Rule::Truncated),
            ("truncated_tail.vgf", Rule::SectionRange),
            ("vector_count_huge.vgf", Rule::Vector),
            ("vtable_outside.vgf", Rule::Vtable),
            ("wrong_magic.vgf", Rule::Magic),
        ],
    );
}

#[test]
fn invalid_operators_are_refused() {
    let Some(folder) = shared("vgf/invalid-tosa") else { return };
    // Where the model also has an operator or type that is not supported, that is found first.
    check_rejected(
        &folder,
        &[
            ("add_mixed_types.vgf", Rule::Operator("an operand has the wrong element type")),
            ("argmax_axis.vgf", Rule::Operator("the axis is not below the rank")),
            ("clamp_bounds_swapped.vgf", Rule::Operator("the lower bound is above the upper bound")),
            ("clamp_nan_mode.vgf", Rule::Enumeration),
            ("concat_axis.vgf", Rule::Operator("the inputs differ in another axis than the one they are joined along")),
            ("conv_acc_type.vgf", Rule::Operator("the accumulator is not that of the input's element type")),
            (
                "conv_operands_swapped.vgf",
                Rule::Operator("the bias has neither one element nor one per output channel"),
            ),
            (
                "conv_output_shape.vgf",
                Rule::Operator("the result is declared with another shape than the operator gives"),
            ),
            ("conv_pad_stride_swapped.vgf", Rule::OperandKind),
            ("conv_stride_zero.vgf", Rule::Operator("a stride is outside 1 to 8192")),
            ("mul_shift_64.vgf", Rule::Operator("the shift is outside 0 to 63")),
            (
                "reduce_wrong_axis.vgf",
                Rule::Operator("the result is declared with another shape than the operator gives"),
            ),
            ("rescale_both_unsigned.vgf", Rule::Operator("input and output are both unsigned")),
            ("rescale_double_round_16.vgf", Rule::Operator("double rounding needs scale32")),
            ("rescale_multiplier_negative.vgf", Rule::Operator("a multiplier is negative")),
            ("rescale_not_per_channel.vgf", Rule::Operator("wrong number of multipliers")),
            ("rescale_shift_63.vgf", Rule::Operator("a shift is outside 2 to 62")),
            ("rescale_zero_point_i32.vgf", Rule::Operator("a zero point of a tensor that is not i8 is not 0")),
            ("reverse_axis.vgf", Rule::Operator("the axis is not below the rank")),
            ("slice_outside.vgf", Rule::Operator("the slice leaves the input")),
            ("table_is_input.vgf", Rule::Operator("a table has 256 entries for i8 and 513 for i16")),
            ("transpose_perms_repeated.vgf", Rule::Operator("perms names an axis twice")),
        ],
    );
}

/// Reads a file and, if it is sound and its tensors are small, runs its graph; neither may panic.
fn read_and_run(file: &[u8]) {
    let Ok(graph) = Vgf::new(file).and_then(|vgf| vgf.graph()) else { return };
    let len = |graph: &Graph<'_>| graph.values.iter().map(|value| value.shape.len()).max().unwrap_or_default();
    if len(&graph) <= 1 << 12 {
        let zeros = graph.inputs.iter().map(|port| {
            let value = &graph.values[port.value.0 as usize];
            Tensor::from_le_bytes(value.element, &vec![0; value.shape.len() * value.element.size()])
        });
        let inputs: Vec<_> = zeros.collect();
        // A value may leave the range in which TOSA defines the result.
        let _ = Interpreter::new(&graph).expect("`graph` checks that it is valid").run(&inputs);
    }
}

#[test]
fn damaged_files_never_panic() {
    let Some(fixtures) = shared("vgf/fixtures") else { return };
    for model in ["fully_connected_i8", "inverted_residual_i8", "pools_i8", "misc_ops", "rescale_mix", "select_bool"] {
        damage(&read(&fixtures.join(model).join("model-0.5.0.vgf")));
    }
}

fn damage(file: &[u8]) {
    assert_eq!(rule(file), Ok(()));
    for len in 0..file.len() {
        assert!(rule(&file[..len]).is_err(), "{len} bytes");
    }
    let mut damaged = file.to_vec();
    for at in 0..file.len() {
        for flip in [1, 2, 16, 128, 255] {
            damaged[at] ^= flip;
            read_and_run(&damaged);
            damaged[at] = file[at];
        }
    }
    // Whole words: sizes, offsets and ids at their limits, or in each other's place.
    for at in (0..file.len() - 8).step_by(4) {
        let neighbour = [file[at + 4], file[at + 5], file[at + 6], file[at + 7]];
        for word in [[0; 4], [255; 4], i32::MAX.to_le_bytes(), neighbour] {
            damaged[at..at + 4].copy_from_slice(&word);
            read_and_run(&damaged);
        }
        damaged[at..at + 4].copy_from_slice(&file[at..at + 4]);
    }
}
