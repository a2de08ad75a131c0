//! Names of ATen's positional arguments, which the text of a node leaves out.
//!
//! Source: the schemas of torch 2.13 (`torch.ops.aten.<operator>.<overload>._schema`).

/// The positional arguments of an overload, in order, separated by spaces.
#[rustfmt::skip]
pub(super) fn arguments(target: &str) -> Option<&'static str> {
    Some(match target {
        "aten.__and__.Tensor" | "aten.add.Tensor" | "aten.add_.Tensor" | "aten.atan2.default"
        | "aten.bitwise_and.Tensor" | "aten.bitwise_left_shift.Tensor" | "aten.bitwise_or.Tensor"
        | "aten.bitwise_right_shift.Tensor" | "aten.bitwise_xor.Tensor" | "aten.div.Scalar" | "aten.div.Scalar_mode" | "aten.div.Tensor"
        | "aten.div.Tensor_mode" | "aten.eq.Scalar" | "aten.eq.Tensor" | "aten.expand_as.default"
        | "aten.floor_divide.default" | "aten.fmod.Scalar" | "aten.fmod.Tensor" | "aten.ge.Scalar"
        | "aten.ge.Tensor" | "aten.gt.Scalar" | "aten.gt.Tensor" | "aten.le.Scalar" | "aten.le.Tensor"
        | "aten.logical_and.default" | "aten.logical_or.default" | "aten.logical_xor.default"
        | "aten.lt.Scalar" | "aten.lt.Tensor" | "aten.matmul.default" | "aten.max.other"
        | "aten.maximum.default" | "aten.min.other" | "aten.minimum.default" | "aten.mul.Tensor"
        | "aten.mul_.Tensor" | "aten.ne.Scalar" | "aten.ne.Tensor" | "aten.remainder.Scalar"
        | "aten.remainder.Tensor" | "aten.sub.Tensor" | "aten.type_as.default" | "aten.view_as.default"
        | "prims.div.default" => "self other",
        "aten._log_softmax.default" | "aten._softmax.default" => "self dim half_to_float",
        "aten._native_batch_norm_legit_no_training.default" => "input weight bias running_mean running_var momentum eps",
        "aten._safe_softmax.default" | "aten.log_softmax.int" | "aten.softmax.int" => "self dim dtype",
        "aten._to_copy.default" | "aten.abs.default" | "aten.acos.default" | "aten.acosh.default"
        | "aten.all.default" | "aten.any.default" | "aten.asin.default" | "aten.asinh.default"
        | "aten.atan.default" | "aten.atanh.default" | "aten.bitwise_not.default" | "aten.ceil.default"
        | "aten.clone.default" | "aten.contiguous.default" | "aten.cos.default" | "aten.cosh.default"
        | "aten.detach.default" | "aten.detach_.default" | "aten.erf.default" | "aten.erfinv.default"
        | "aten.exp.default" | "aten.expm1.default" | "aten.floor.default" | "aten.gelu.default"
        | "aten.hardsigmoid.default" | "aten.hardswish.default" | "aten.isnan.default"
        | "aten.lift_fresh_copy.default" | "aten.log.default" | "aten.log10.default" | "aten.log1p.default"
        | "aten.log2.default" | "aten.log_sigmoid.default" | "aten.logical_not.default" | "aten.mT.default"
        | "aten.max.default" | "aten.mean.default" | "aten.mish.default" | "aten.neg.default"
        | "aten.numpy_T.default" | "aten.prod.default" | "aten.reciprocal.default" | "aten.relu.default"
        | "aten.relu6.default" | "aten.relu_.default" | "aten.round.default" | "aten.rsqrt.default"
        | "aten.selu.default" | "aten.sigmoid.default" | "aten.sign.default" | "aten.silu.default"
        | "aten.sin.default" | "aten.sinh.default" | "aten.sqrt.default" | "aten.square.default"
        | "aten.squeeze.default" | "aten.sum.default" | "aten.t.default" | "aten.tan.default"
        | "aten.min.default" | "aten.tanh.default" | "aten.zeros_like.default" => "self",
        "aten._unsafe_index.Tensor" | "aten.index.Tensor" => "self indices",
        "aten._unsafe_view.default" | "aten.broadcast_to.default" | "aten.expand.default"
        | "aten.view.default" => "self size",
        "aten._upsample_bilinear2d_aa.default" | "aten.upsample_bilinear2d.default" => "self output_size align_corners scales_h scales_w",
        "aten._upsample_bilinear2d_aa.vec" | "aten.upsample_bicubic2d.vec" | "aten.upsample_bilinear2d.vec"
        | "aten.upsample_linear1d.vec" => "input output_size align_corners scale_factors",
        "aten._upsample_nearest_exact2d.vec" | "aten.upsample_nearest1d.vec" | "aten.upsample_nearest2d.vec" => "input output_size scale_factors",
        "aten.adaptive_avg_pool1d.default" | "aten.adaptive_avg_pool2d.default"
        | "aten.adaptive_max_pool2d.default" => "self output_size",
        "aten.add.Scalar" | "aten.rsub.Scalar" => "self other alpha",
        "aten.addcmul.default" => "self tensor1 tensor2",
        "aten.addmm.default" => "self mat1 mat2",
        "aten.all.dim" | "aten.amax.default" | "aten.amin.default" | "aten.any.dim" | "aten.argmax.default"
        | "aten.argmin.default" | "aten.logsumexp.default" | "aten.max.dim" | "aten.mean.dim"
        | "aten.min.dim" | "aten.prod.dim_int" | "aten.sum.dim_IntList" => "self dim keepdim",
        "aten.arange.default" => "end",
        "aten.arange.start_step" => "start end step",
        "aten.avg_pool1d.default" => "self kernel_size stride padding ceil_mode count_include_pad",
        "aten.avg_pool2d.default" | "aten.avg_pool3d.default" => "self kernel_size stride padding ceil_mode count_include_pad divisor_override",
        "aten.baddbmm.default" => "self batch1 batch2",
        "aten.batch_norm.default" => "input weight bias running_mean running_var training momentum eps cudnn_enabled",
        "aten.bilinear.default" => "input1 input2 weight bias",
        "aten.bmm.default" | "aten.mm.default" => "self mat2",
        "aten.cat.default" | "aten.stack.default" => "tensors dim",
        "aten.cdist.default" => "x1 x2 p compute_mode",
        "aten.celu.default" => "self alpha",
        "aten.channel_shuffle.default" => "self groups",
        "aten.chunk.default" => "self chunks dim",
        "aten.clamp.Tensor" | "aten.clamp.default" => "self min max",
        "aten.clamp_min.Tensor" | "aten.clamp_min.default" => "self min",
        "aten.col2im.default" => "self output_size kernel_size dilation padding stride",
        "aten.constant_pad_nd.default" => "self pad value",
        "aten.conv1d.default" | "aten.conv1d.padding" | "aten.conv2d.default" | "aten.conv2d.padding"
        | "aten.conv3d.default" | "aten.conv3d.padding" => "input weight bias stride padding dilation groups",
        "aten.conv_transpose1d.default" | "aten.conv_transpose2d.input" => "input weight bias stride padding output_padding groups dilation",
        "aten.convolution.default" => "input weight bias stride padding dilation transposed output_padding groups",
        "aten.copy.default" => "self src",
        "aten.cosine_similarity.default" => "x1 x2 dim eps",
        "aten.cumprod.default" | "aten.cumsum.default" | "aten.glu.default" | "aten.squeeze.dim"
        | "aten.std.correction" | "aten.unbind.int" | "aten.unsqueeze.default" | "aten.var.correction" => "self dim",
        "aten.diff.default" => "self n dim prepend append",
        "aten.dot.default" => "self tensor",
        "aten.dropout.default" => "input p train",
        "aten.einsum.default" => "equation tensors",
        "aten.elu.default" => "self alpha scale input_scale",
        "aten.embedding.default" => "weight indices padding_idx scale_grad_by_freq sparse",
        "aten.eye.default" => "n",
        "aten.fill.Scalar" | "aten.fill.Tensor" | "aten.fill_.Tensor" => "self value",
        "aten.flatten.using_ints" => "self start_dim end_dim",
        "aten.flip.default" | "aten.permute.default" | "aten.tile.default" => "self dims",
        "aten.full.default" => "size fill_value",
        "aten.full_like.default" => "self fill_value",
        "aten.gather.default" | "aten.index_select.default" | "aten.select.int" | "aten.select_copy.int" => "self dim index",
        "aten.grid_sampler.default" => "input grid interpolation_mode padding_mode align_corners",
        "aten.group_norm.default" => "input num_groups weight bias eps cudnn_enabled",
        "aten.gru.input" | "aten.lstm.input" | "aten.rnn_relu.input" | "aten.rnn_tanh.input" => "input hx params has_biases num_layers dropout train bidirectional batch_first",
        "aten.gru_cell.default" | "aten.lstm_cell.default" => "input hx w_ih w_hh b_ih b_hh",
        "aten.hardshrink.default" | "aten.softshrink.default" => "self lambd",
        "aten.hardtanh.default" | "aten.hardtanh_.default" => "self min_val max_val",
        "aten.im2col.default" => "self kernel_size dilation padding stride",
        "aten.index_add.default" | "aten.index_copy.default" => "self dim index source",
        "aten.index_put.default" => "self indices values accumulate",
        "aten.instance_norm.default" => "input weight bias running_mean running_var use_input_stats momentum eps cudnn_enabled",
        "aten.layer_norm.default" => "input normalized_shape weight bias eps cudnn_enable",
        "aten.leaky_relu.default" => "self negative_slope",
        "aten.lerp.Scalar" => "self end weight",
        "aten.linalg_vector_norm.default" => "self ord dim keepdim",
        "aten.linear.default" => "input weight bias",
        "aten.linspace.default" => "start end steps",
        "aten.logit.default" => "self eps",
        "aten.masked_fill.Scalar" | "aten.masked_fill.Tensor" => "self mask value",
        "aten.max_pool1d.default" | "aten.max_pool2d.default" | "aten.max_pool2d_with_indices.default"
        | "aten.max_pool3d.default" => "self kernel_size stride padding dilation ceil_mode",
        "aten.movedim.int" => "self source destination",
        "aten.mv.default" => "self vec",
        "aten.narrow.default" => "self dim start length",
        "aten.native_group_norm.default" => "input weight bias N C HxW group eps",
        "aten.native_layer_norm.default" => "input normalized_shape weight bias eps",
        "aten.one_hot.default" => "self num_classes",
        "aten.ones.default" | "aten.zeros.default" => "size",
        "aten.outer.default" => "self vec2",
        "aten.pad.default" => "self pad mode value",
        "aten.pixel_shuffle.default" => "self upscale_factor",
        "aten.pixel_unshuffle.default" => "self downscale_factor",
        "aten.pow.Scalar" | "aten.pow.Tensor_Scalar" | "aten.pow.Tensor_Tensor" => "self exponent",
        "aten.prelu.default" => "self weight",
        "aten.reflection_pad2d.default" | "aten.replication_pad2d.default" => "self padding",
        "aten.repeat.default" => "self repeats",
        "aten.repeat_interleave.self_int" => "self repeats dim",
        "aten.reshape.default" => "self shape",
        "aten.rms_norm.default" => "input normalized_shape weight eps",
        "aten.roll.default" => "self shifts dims",
        "aten.scalar_tensor.default" => "s",
        "aten.scaled_dot_product_attention.default" => "query key value attn_mask dropout_p is_causal",
        "aten.scatter.src" => "self dim index src",
        "aten.scatter.value" => "self dim index value",
        "aten.select_scatter.default" => "self src dim index",
        "aten.slice.Tensor" | "aten.slice_copy.Tensor" => "self dim start end step",
        "aten.slice_scatter.default" => "self src dim start end step",
        "aten.softplus.default" => "self beta threshold",
        "aten.sort.default" => "self dim descending",
        "aten.split.Tensor" | "aten.unsafe_split.Tensor" => "self split_size dim",
        "aten.split_with_sizes.default" => "self split_sizes dim",
        "aten.std.dim" | "aten.var.dim" | "aten.var_mean.dim" => "self dim unbiased keepdim",
        "aten.swapaxes.default" => "self axis0 axis1",
        "aten.tensor_split.sections" => "self sections dim",
        "aten.threshold.default" => "self threshold value",
        "aten.to.dtype" => "self dtype non_blocking copy memory_format",
        "aten.topk.default" => "self k dim largest sorted",
        "aten.transpose.int" => "self dim0 dim1",
        "aten.tril.default" | "aten.triu.default" => "self diagonal",
        "aten.unflatten.int" => "self dim sizes",
        "aten.unfold.default" => "self dimension size step",
        "aten.upsample_nearest2d.default" => "self output_size scales_h scales_w",
        "aten.where.Scalar" | "aten.where.ScalarOther" | "aten.where.ScalarSelf" | "aten.where.self" => "condition self other",
        "prims.broadcast_in_dim.default" => "a shape broadcast_dimensions",
        "prims.convert_element_type.default" => "a dtype",
        "prims.sum.default" => "inp dims",
        "prims.var.default" => "inp dims correction",
        _ => return None,
    })
}
