//! Enumerations among the attributes of TOSA operators.

/// An attribute that is one of a few named values, stored as a u32.
pub trait Enumeration: Copy {
    /// The member with this word.
    fn from_word(word: u32) -> Option<Self>;
    /// The word of this member.
    fn to_word(self) -> u32;
}

/// Makes an enumeration with its words; the first member is the default.
macro_rules! enumeration {
    ($(#[$doc:meta])* $Name:ident { $(#[$first_doc:meta])* $First:ident = $first:literal, $($(#[$member_doc:meta])* $Member:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub enum $Name {
            $(#[$first_doc])* #[default] $First = $first,
            $($(#[$member_doc])* $Member = $word,)*
        }

        impl Enumeration for $Name {
            fn from_word(word: u32) -> Option<Self> {
                match word {
                    $first => Some(Self::$First),
                    $($word => Some(Self::$Member),)*
                    _ => None,
                }
            }

            fn to_word(self) -> u32 {
                self as u32
            }
        }
    };
}

enumeration! {
    /// Type in which a convolution or pool adds up.
    AccumulatorType {
        /// 32-bit integer, for i8.
        Int32 = 1,
        /// Half precision.
        Fp16 = 2,
        /// Single precision.
        Fp32 = 3,
        /// 48-bit integer, for i16.
        Int48 = 4,
    }
}

enumeration! {
    /// What a comparison makes of NaN; without meaning for integers, but part of the operator.
    NanMode {
        /// NaN wins.
        Propagate = 1,
        /// NaN loses.
        Ignore = 2,
    }
}

enumeration! {
    /// How RESIZE computes an element between others.
    ResizeMode {
        /// The closer one on each axis; of two equally close ones the later.
        NearestNeighbor = 1,
        /// Weighed by distance on both axes.
        Bilinear = 2,
    }
}

enumeration! {
    /// How RESCALE rounds.
    RoundingMode {
        /// Half up, once.
        Single = 1,
        /// Within a bound around the exact value; computed as `Single`.
        Inexact = 2,
        /// Twice where the shift exceeds 31: first away from zero by 2^30, then half up.
        Double = 3,
    }
}
