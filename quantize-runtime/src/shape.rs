//! Tensor shapes as values.

/// Highest rank of a tensor (TOSA 1.0, level 8K).
pub const MAX_RANK: usize = 6;

/// The dimensions of a row-major, packed tensor of rank 0 to 6.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    rank: u8,
    dims: [u32; MAX_RANK], // 1 beyond the rank, so that equal shapes compare equal
}

impl Shape {
    /// The shape with these dimensions, or `None` for more than six or a dimension of zero.
    pub const fn new(dims: &[u32]) -> Option<Self> {
        if dims.len() > MAX_RANK {
            return None;
        }
        let mut shape = Self { rank: dims.len() as u8, dims: [1; MAX_RANK] };
        let mut axis = 0;
        while axis < dims.len() {
            if dims[axis] == 0 {
                return None;
            }
            shape.dims[axis] = dims[axis];
            axis += 1;
        }
        Some(shape)
    }

    /// A four-dimensional activation: batch, height, width, channels.
    pub const fn nhwc(n: u32, h: u32, w: u32, c: u32) -> Self {
        Self { rank: 4, dims: [n, h, w, c, 1, 1] }
    }

    /// The dimensions, outermost first.
    pub fn dims(&self) -> &[u32] {
        &self.dims[..usize::from(self.rank)]
    }

    /// Number of dimensions.
    pub const fn rank(&self) -> usize {
        self.rank as usize
    }

    /// Number of elements; saturates, so that an absurd shape never looks small.
    pub const fn len(&self) -> usize {
        let mut len = 1_usize;
        let mut axis = 0;
        while axis < MAX_RANK {
            len = len.saturating_mul(self.dims[axis] as usize);
            axis += 1;
        }
        len
    }

    /// Never: each dimension is at least one.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The dimensions as counts; an axis beyond the rank has size 1, one beyond `N` is left out.
    pub const fn sizes<const N: usize>(&self) -> [usize; N] {
        let mut sizes = [1; N];
        let mut axis = 0;
        while axis < N && axis < MAX_RANK {
            sizes[axis] = self.dims[axis] as usize;
            axis += 1;
        }
        sizes
    }

    /// Distance in elements between neighbours on each axis of the packed tensor; 0 beyond the rank.
    pub const fn strides(&self) -> [usize; MAX_RANK] {
        let mut strides = [0; MAX_RANK];
        let mut stride = 1_usize;
        let mut axis = MAX_RANK;
        while axis > 0 {
            axis -= 1;
            if axis < self.rank as usize {
                strides[axis] = stride;
                stride = stride.saturating_mul(self.dims[axis] as usize);
            }
        }
        strides
    }

    /// The strides with 0 on axes of size 1, so that such an axis can be read at any index.
    ///
    /// Source: TOSA 1.0, broadcasting.
    pub const fn broadcast_strides(&self) -> [usize; MAX_RANK] {
        let mut strides = self.strides();
        let mut axis = 0;
        while axis < MAX_RANK {
            if self.dims[axis] == 1 {
                strides[axis] = 0;
            }
            axis += 1;
        }
        strides
    }

    /// The shape of an elementwise result: each pair of dimensions is equal or one of them is 1.
    ///
    /// `None` when the shapes do not broadcast or the ranks differ.
    ///
    /// Source: TOSA 1.0, broadcasting.
    pub fn broadcast(&self, other: &Self) -> Option<Self> {
        let mut shape = *self;
        for (dim, &theirs) in shape.dims.iter_mut().zip(&other.dims) {
            match (*dim, theirs) {
                (ours, theirs) if ours == theirs => {}
                (1, theirs) => *dim = theirs,
                (_, 1) => {}
                _ => return None,
            }
        }
        (self.rank == other.rank).then_some(shape)
    }

    /// The shape with another size on one axis; `None` for an axis outside the rank or a size of zero.
    pub fn with_axis(mut self, axis: u32, size: u32) -> Option<Self> {
        let rank = self.rank();
        let dim = self.dims[..rank].get_mut(axis as usize)?;
        *dim = size;
        (size > 0).then_some(self)
    }

    /// Number of elements before, on and after an axis: the shape as a three-dimensional one.
    pub fn around(&self, axis: u32) -> (usize, usize, usize) {
        let size = |from: usize, to: usize| {
            let dims = self.dims.get(from..to).unwrap_or_default();
            dims.iter().fold(1_usize, |size, &dim| size.saturating_mul(dim as usize))
        };
        let axis = axis as usize;
        (size(0, axis), size(axis, axis + 1), size(axis + 1, MAX_RANK))
    }
}

#[cfg(feature = "alloc")]
impl Shape {
    /// The dimensions, if there are `N`.
    pub(crate) fn axes<const N: usize>(&self) -> Result<[u32; N], crate::graph::Rule> {
        self.dims().try_into().map_err(|_| "an operand has the wrong rank")
    }

    /// The shape with one axis less; `None` for an axis outside the rank.
    pub(crate) fn without_axis(&self, axis: u32) -> Option<Self> {
        let (before, rest) = self.dims().split_at_checked(axis as usize)?;
        let (_, after) = rest.split_first()?;
        Self::new(&[before, after].concat())
    }

    /// The index of every element, in the order of memory.
    pub(crate) fn indices(&self) -> impl Iterator<Item = [usize; MAX_RANK]> + use<> {
        let dims = self.dims;
        let mut next = [0; MAX_RANK];
        (0..self.len()).map(move |_| {
            let index = next;
            for axis in (0..MAX_RANK).rev() {
                next[axis] += 1;
                if next[axis] < dims[axis] as usize {
                    break;
                }
                next[axis] = 0;
            }
            index
        })
    }
}

impl core::fmt::Debug for Shape {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.dims()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_broadcast_by_axes_of_size_one() {
        let shape = |dims: &[u32]| Shape::new(dims).unwrap();
        assert_eq!(shape(&[4, 1, 3]).broadcast(&shape(&[1, 2, 3])), Some(shape(&[4, 2, 3])));
        assert_eq!(shape(&[4]).broadcast(&shape(&[3])), None);
        assert_eq!(shape(&[4]).broadcast(&shape(&[1, 4])), None);
        assert_eq!(shape(&[2, 1, 3]).broadcast_strides()[..3], [3, 0, 1]);
    }

    #[test]
    fn zero_and_seventh_dimensions_are_refused() {
        assert_eq!(Shape::new(&[1, 0]), None);
        assert_eq!(Shape::new(&[1; 7]), None);
        assert_eq!(Shape::new(&[]).map(|scalar| scalar.len()), Some(1));
    }

    #[test]
    fn an_absurd_shape_is_never_small() {
        assert_eq!(Shape::new(&[u32::MAX; 6]).map(|shape| shape.len()), Some(usize::MAX));
    }
}
