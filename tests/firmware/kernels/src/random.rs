//! Random numbers that are the same in every run.

/// A generator: splitmix with 32 bits.
pub struct Random(pub u32);

impl Random {
    pub fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9);
        let mut x = self.0;
        x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
        x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
        x ^ (x >> 16)
    }

    /// A number of a range with both ends.
    pub fn range(&mut self, least: usize, most: usize) -> usize {
        least + self.next() as usize % (most - least + 1)
    }

    /// Fills a slice, now and then with the extremes only.
    pub fn fill(&mut self, data: &mut [i8]) {
        let extremes = self.range(0, 7) == 0;
        for x in data {
            let byte = self.next() as i8;
            *x = if extremes { byte >> 7 ^ 127 } else { byte };
        }
    }
}
