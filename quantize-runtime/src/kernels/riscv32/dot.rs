//! Products of a run of activations and eight rows of weights.

use super::ROWS;
use core::arch::asm;

/// Adds the product of a row.
macro_rules! add_row {
    ($row:literal, $at:literal) => {
        concat!("lb {b}, ", $at, "({w", $row, "})\n", "mul {b}, {b}, {a}\n", "add {s", $row, "}, {s", $row, "}, {b}\n",)
    };
}

/// Adds the product at an offset in each row.
macro_rules! add_one {
    ($at:literal) => {
        concat!(
            "lb {a}, ",
            $at,
            "({x})\n",
            "sub {a}, {a}, {zero}\n",
            add_row!("0", $at),
            add_row!("1", $at),
            add_row!("2", $at),
            add_row!("3", $at),
            add_row!("4", $at),
            add_row!("5", $at),
            add_row!("6", $at),
            add_row!("7", $at),
        )
    };
}

/// Advances all pointers.
macro_rules! advance {
    ($step:literal) => {
        concat!(
            "addi {x}, {x}, ",
            $step,
            "\n",
            "addi {w0}, {w0}, ",
            $step,
            "\n",
            "addi {w1}, {w1}, ",
            $step,
            "\n",
            "addi {w2}, {w2}, ",
            $step,
            "\n",
            "addi {w3}, {w3}, ",
            $step,
            "\n",
            "addi {w4}, {w4}, ",
            $step,
            "\n",
            "addi {w5}, {w5}, ",
            $step,
            "\n",
            "addi {w6}, {w6}, ",
            $step,
            "\n",
            "addi {w7}, {w7}, ",
            $step,
            "\n",
        )
    };
}

/// Adds the products from `x` to `end`, which are whole fours up to `block`.
macro_rules! add_products {
    () => {
        concat!(
            "beq {x}, {block}, 13f\n",
            "12:\n",
            add_one!("0"),
            add_one!("1"),
            add_one!("2"),
            add_one!("3"),
            advance!("4"),
            "bne {x}, {block}, 12b\n",
            "13:\n",
            "beq {x}, {end}, 15f\n",
            "14:\n",
            add_one!("0"),
            advance!("1"),
            "bne {x}, {end}, 14b\n",
            "15:\n",
        )
    };
}

pub(super) use {add_one, add_products, add_row, advance};

/// Adds to each sum Σ (input − zero_point) · weight over a row of weights; rows start `stride` elements apart.
///
/// Nothing where a row would leave `weights`.
pub(crate) fn rows(sums: &mut [i32; ROWS], input: &[i8], zero_point: i8, weights: &[i8], stride: usize) {
    if weights.len() < (ROWS - 1) * stride + input.len() {
        return;
    }
    let block = input.len() - input.len() % 4;
    let ends = [block, input.len()].map(|len| input.as_ptr().wrapping_add(len));
    let row = |row: usize| weights.as_ptr().wrapping_add(row * stride);
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sums;
    // SAFETY: all rows are as long as the input and lie in the weights. `x` goes to the first end in steps of four, then to the
    // second in steps of one.
    unsafe {
        asm!(
            add_products!(),
            block = in(reg) ends[0],
            end = in(reg) ends[1],
            zero = in(reg) i32::from(zero_point),
            x = inout(reg) input.as_ptr() => _,
            w0 = inout(reg) row(0) => _,
            w1 = inout(reg) row(1) => _,
            w2 = inout(reg) row(2) => _,
            w3 = inout(reg) row(3) => _,
            w4 = inout(reg) row(4) => _,
            w5 = inout(reg) row(5) => _,
            w6 = inout(reg) row(6) => _,
            w7 = inout(reg) row(7) => _,
            s0 = inout(reg) *s0,
            s1 = inout(reg) *s1,
            s2 = inout(reg) *s2,
            s3 = inout(reg) *s3,
            s4 = inout(reg) *s4,
            s5 = inout(reg) *s5,
            s6 = inout(reg) *s6,
            s7 = inout(reg) *s7,
            a = out(reg) _,
            b = out(reg) _,
            options(nostack, readonly),
        );
    }
}
