//! The rules that hold between the tables of a file.

use super::sections::{Category, Code, ModuleKind, Resource, Segment, Slot};
use super::{Constant, Vgf};
use crate::error::{Error, Rule};

/// Most resources, constants and slots: lists are compared entry by entry, because there is no allocation to sort in.
const MAX_ENTRIES: usize = 1 << 14;

/// Most dimensions of a resource, and its most elements.
const MAX_RANK: usize = 16;
const MAX_ELEMENTS: i64 = 1 << 40;

/// `VkDescriptorType` of tensors.
pub(super) const TENSOR: u32 = 1_000_460_000;

/// `VkDescriptorType` of images and buffers.
const IMAGES_AND_BUFFERS: [u32; 5] = [1, 2, 3, 6, 7];

/// Largest end of a range of push constants, in bytes.
const MAX_PUSH_CONSTANTS: u64 = 1 << 16;

/// Words of a SPIR-V header.
pub(super) const SPIRV_HEADER: usize = 5;

/// Largest number of ids of a module.
pub(super) const MAX_IDS: u32 = 1 << 22;

/// Bytes of an element of a `VkFormat` that tensors may have.
fn element_size(format: u32) -> Option<i64> {
    match format {
        13 | 14 | 1_000_460_000 | 1_000_460_002 | 1_000_460_003 => Some(1), // R8
        74..=76 | 1_000_460_001 => Some(2),                                 // R16
        98..=100 => Some(4),                                                // R32
        110..=112 => Some(8),                                               // R64
        _ => None,
    }
}

/// Turns a broken condition into the error at `offset`.
fn require(holds: bool, rule: Rule, offset: usize) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error { rule, offset }) }
}

/// Checks everything that involves more than one table.
pub(super) fn check(vgf: &Vgf<'_>) -> Result<(), Error> {
    let sequence = vgf.header.sequence.start;
    let slots = vgf.segments().map(|segment| {
        let bound: usize = segment.sets().map(|set| 1 + set.slots().len()).sum();
        1 + bound + segment.inputs().len() + segment.outputs().len() + segment.constants().len()
    });
    let slots = slots.fold(vgf.inputs().len() + vgf.outputs().len(), usize::saturating_add);
    require(slots <= MAX_ENTRIES, Rule::TableCount, sequence)?;
    require(vgf.resources.len() <= MAX_ENTRIES, Rule::TableCount, vgf.header.resources.start)?;
    require(vgf.constants.len() <= MAX_ENTRIES, Rule::TableCount, vgf.header.constants.start)?;

    vgf.resources().try_for_each(|resource| check_resource(&resource))?;
    check_constants(vgf)?;
    for module in vgf.modules() {
        if let Code::Spirv(words) = module.code() {
            check_words(words, module.words_offset())?;
        }
    }
    require(vgf.segments().len() > 0, Rule::NoSegment, sequence)?;
    for (index, segment) in vgf.segments().enumerate() {
        check_segment(vgf, &segment)?;
        check_flow(vgf, index, &segment)?;
    }
    check_model(vgf)
}

fn check_resource(resource: &Resource<'_>) -> Result<(), Error> {
    let at = resource.offset();
    let is_constant = resource.category() == Category::Constant;
    let descriptor = resource.descriptor_type();
    require(is_constant == descriptor.is_none(), Rule::Descriptor, at)?;
    match descriptor {
        None | Some(TENSOR) => require(element_size(resource.format()).is_some(), Rule::Format, at)?,
        Some(other) => require(IMAGES_AND_BUFFERS.contains(&other), Rule::Descriptor, at)?,
    }
    let shape = resource.shape();
    require(shape.len() <= MAX_RANK, Rule::ResourceShape, at)?;
    let elements = shape.clone().try_fold(1_i64, |elements, dim| {
        let dim = if dim == -1 && !is_constant { 1 } else { dim };
        elements.checked_mul(dim).filter(|elements| (1..=MAX_ELEMENTS).contains(elements) && dim >= 1)
    });
    require(elements.is_some(), Rule::ResourceShape, at)?;
    require([0, shape.len()].contains(&resource.strides().len()), Rule::Strides, at)?;
    require(!(is_constant && resource.alias_group().is_some()), Rule::AliasGroup, at)
}

fn check_constants(vgf: &Vgf<'_>) -> Result<(), Error> {
    let mut end = 0;
    let mut sorted = true;
    for (index, constant) in vgf.constants().enumerate() {
        let at = vgf.constants.record_offset(index);
        let resource = vgf.resources.get(constant.resource);
        let resource = resource.ok_or(Error { rule: Rule::ResourceIndex, offset: at })?;
        require(resource.category() == Category::Constant, Rule::ConstantCategory, at)?;
        let dimensions = i64::from(constant.sparsity_dimension) + 1;
        let rank = resource.shape().len().max(1) as i64; // at most 16
        require((0..=rank).contains(&dimensions), Rule::Sparsity, at)?;
        let elements: i64 = resource.shape().product();
        let bytes = element_size(resource.format()).map(|size| size * elements);
        require(bytes == i64::try_from(constant.data.len()).ok(), Rule::ConstantSize, at)?;
        require(vgf.version() < [0, 4, 3] || vgf.constants.is_aligned(index), Rule::ConstantRange, at)?;
        sorted &= constant.range.start >= end;
        end = constant.range.end;
    }
    if sorted {
        return Ok(());
    }
    let overlap = |a: &Constant<'_>, b: &Constant<'_>| a.range.start < b.range.end && b.range.start < a.range.end;
    for (index, constant) in vgf.constants().enumerate() {
        let free = !vgf.constants().take(index).any(|other| overlap(&constant, &other));
        require(free, Rule::ConstantOverlap, vgf.constants.record_offset(index))?;
    }
    Ok(())
}

/// Checks the header and that the instructions fill the code.
fn check_words(words: &[[u8; 4]], offset: usize) -> Result<(), Error> {
    let word = |at: usize| words.get(at).map_or(0, |word| u32::from_le_bytes(*word));
    let version = word(1);
    let known = (0x0001_0000..=0x0001_0600).contains(&version) && version & 0xFF == 0;
    let header = word(0) == 0x0723_0203 && known && (1..=MAX_IDS).contains(&word(3));
    require(words.len() >= SPIRV_HEADER && header, Rule::SpirvHeader, offset)?;
    let mut at = SPIRV_HEADER;
    while at < words.len() {
        let len = (word(at) >> 16) as usize;
        require(len > 0 && len <= words.len() - at, Rule::SpirvWords, offset + 4 * at)?;
        at += len;
    }
    Ok(())
}

/// What a segment binds: set, slot.
fn bound<'a>(segment: &Segment<'a>) -> impl Iterator<Item = (u32, Slot<'a>)> + Clone + use<'a> {
    segment.sets().enumerate().flat_map(|(position, set)| {
        let number = set.number(position);
        set.slots().map(move |slot| (number, slot))
    })
}

fn check_segment(vgf: &Vgf<'_>, segment: &Segment<'_>) -> Result<(), Error> {
    let at = segment.offset();
    let module = vgf.modules.get(segment.module()).ok_or(Error { rule: Rule::ModuleIndex, offset: at })?;
    require(module.kind() == segment.kind(), Rule::SegmentKind, at)?;
    let entries = segment.dispatch_entries();
    require(entries.is_none_or(|entries| entries == 3), Rule::DispatchShape, at)?;
    let compute = segment.kind() == ModuleKind::Compute;
    require(!(compute && segment.dispatch_shape().contains(&0)), Rule::DispatchShape, at)?;

    for (position, set) in segment.sets().enumerate() {
        let number = set.number(position);
        let twice = segment.sets().enumerate().take(position).any(|(earlier, set)| set.number(earlier) == number);
        require(!twice, Rule::DescriptorSetTwice, set.offset())?;
        for (index, slot) in set.slots().enumerate() {
            let twice = set.slots().take(index).any(|other| other.binding() == slot.binding());
            require(!twice, Rule::BindingTwice, slot.offset())?;
        }
    }
    let ports = || segment.inputs().chain(segment.outputs());
    for slot in ports().chain(bound(segment).map(|(_, slot)| slot)) {
        let resource = vgf.resources.get(slot.resource());
        let resource = resource.ok_or(Error { rule: Rule::ResourceIndex, offset: slot.offset() })?;
        require(resource.category() != Category::Constant, Rule::SlotCategory, slot.offset())?;
    }
    // Inputs and outputs are numbered over the whole model, bindings are not: what they share is the resource.
    for port in ports() {
        let is_bound = bound(segment).any(|(_, slot)| slot.resource() == port.resource());
        require(is_bound, Rule::Unbound, port.offset())?;
    }
    for (_, slot) in bound(segment) {
        let used = ports().any(|port| port.resource() == slot.resource());
        require(used, Rule::Unused, slot.offset())?;
    }
    check_segment_constants(vgf, segment)?;
    for range in segment.push_constants().iter() {
        let (offset, size) = (range.0.u32(1, 0), range.0.u32(2, 0));
        let inside = u64::from(offset) + u64::from(size) <= MAX_PUSH_CONSTANTS;
        let aligned = offset.is_multiple_of(4) && size.is_multiple_of(4);
        require(size > 0 && aligned && inside, Rule::PushConstants, range.0.offset())?;
    }
    Ok(())
}

fn check_segment_constants(vgf: &Vgf<'_>, segment: &Segment<'_>) -> Result<(), Error> {
    let at = segment.offset();
    let exists = |index: usize| require(index < vgf.constants.len(), Rule::ConstantIndex, at);
    segment.constants().try_for_each(exists)?;
    // The bindings were not counted with the slots: more than there are constants bind one twice or two to one.
    let bindings = segment.constant_bindings().count();
    require(bindings <= MAX_ENTRIES, Rule::TableCount, at)?;
    for (position, (id, index)) in segment.constant_bindings().enumerate() {
        exists(index)?;
        let twice = segment.constant_bindings().take(position).any(|(other, _)| other == id);
        require(!twice, Rule::GraphConstantTwice, at)?;
    }
    if segment.has_constant_bindings() && segment.constants().len() > 0 {
        let listed = |index| segment.constants().any(|constant| constant == index);
        let stated = |constant| segment.constant_bindings().any(|(_, index)| index == constant);
        let same = segment.constant_bindings().all(|(_, index)| listed(index)) && segment.constants().all(stated);
        require(same, Rule::ConstantBindings, at)?;
    }
    Ok(())
}

/// Checks that a segment reads what is there and writes what is not.
fn check_flow(vgf: &Vgf<'_>, index: usize, segment: &Segment<'_>) -> Result<(), Error> {
    let given = |resource: usize| vgf.inputs().any(|input| input.resource() == resource);
    let written = |resource: usize| {
        let earlier = vgf.segments().take(index);
        earlier.flat_map(|segment| segment.outputs()).any(|output| output.resource() == resource)
    };
    for input in segment.inputs() {
        let exists = given(input.resource()) || written(input.resource());
        require(exists, Rule::ReadBeforeWrite, input.offset())?;
    }
    for output in segment.outputs() {
        let is_input =
            vgf.resources.get(output.resource()).map(|resource| resource.category()) == Some(Category::Input);
        let free = !is_input && !given(output.resource()) && !written(output.resource());
        require(free, Rule::WrittenTwice, output.offset())?;
    }
    Ok(())
}

fn check_model(vgf: &Vgf<'_>) -> Result<(), Error> {
    let sequence = vgf.sequence;
    let at = vgf.header.sequence.start;
    for (slots, names, category) in [
        (sequence.inputs(), sequence.input_names(), Category::Input),
        (sequence.outputs(), sequence.output_names(), Category::Output),
    ] {
        require([0, slots.len()].contains(&names.len()), Rule::NameCount, at)?;
        for (index, name) in names.iter().enumerate() {
            require(names.iter().take(index).all(|other| other != name), Rule::NameTwice, at)?;
        }
        for (index, slot) in slots.iter().enumerate() {
            let resource = vgf.resources.get(slot.resource());
            let resource = resource.ok_or(Error { rule: Rule::ResourceIndex, offset: slot.offset() })?;
            require(resource.category() == category, Rule::ModelCategory, slot.offset())?;
            let twice = slots.iter().take(index).any(|other| other.binding() == slot.binding());
            require(!twice, Rule::ModelBindings, slot.offset())?;
        }
        for (index, resource) in vgf.resources().enumerate() {
            let listed = resource.category() != category || slots.iter().any(|slot| slot.resource() == index);
            require(listed, Rule::ModelSlots, resource.offset())?;
        }
    }
    for output in vgf.outputs() {
        let mut written = vgf.segments().flat_map(|segment| segment.outputs());
        let is_written = written.any(|slot| slot.resource() == output.resource());
        require(is_written, Rule::NotWritten, output.offset())?;
    }
    Ok(())
}
