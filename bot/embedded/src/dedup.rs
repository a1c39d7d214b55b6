//! Which deliveries are known, in memory: five to six bytes each, one look-up whatever is stored.
//!
//! A unique index on the GUID would dirty a page a delivery, because GUIDs are random. So the set lives in
//! memory and is read back from the segments at start. It holds no GUIDs but fingerprints, each with its
//! delivery's number; a hit is only a reason to look at the segment, where the whole GUID stands. So two GUIDs
//! with one fingerprint cost a read, and never a delivery.
//!
//! Numbers grow, so entries lie in generations by age, and a generation whose last entry left the dedup window
//! is dropped whole.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};

use deputy_core::ids::DeliveryId;
use hashbrown::HashTable;

/// Buckets of the smallest generation: 640 KB.
const MIN_BUCKETS_LOG2: u32 = 17;
/// Buckets of the largest: the bits that remain for the fingerprint keep false hits rarer than 1 in 10,000.
const MAX_BUCKETS_LOG2: u32 = 22;

/// The deliveries within the dedup window, or at least those.
pub(crate) struct Dedup {
    hasher: RandomState,
    /// Oldest first.
    generations: VecDeque<Generation>,
}

struct Generation {
    /// The number of its first delivery. Entries hold the distance from it.
    base: u64,
    /// How many bits of an entry are the distance; the others are the fingerprint.
    distance_bits: u32,
    /// When its last delivery was received, in milliseconds since 1970.
    last_at: i64,
    /// Never grows past its first capacity: growing would need the hashes, which are not kept.
    entries: HashTable<u32>,
}

impl Generation {
    fn starting_at(base: u64, buckets_log2: u32) -> Self {
        let capacity = (1 << buckets_log2) / 8 * 7;
        Self {
            base,
            distance_bits: buckets_log2,
            last_at: i64::MIN,
            entries: HashTable::with_capacity(capacity),
        }
    }

    fn has_room_for(&self, number: u64) -> bool {
        self.entries.len() < self.entries.capacity() && (number - self.base) >> self.distance_bits == 0
    }

    /// The bits of the hash that neither choose the bucket nor are hashbrown's own seven of a fingerprint.
    fn fingerprint(&self, hash: u64) -> u32 {
        ((hash >> 24) as u32) >> self.distance_bits
    }
}

impl Dedup {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), generations: VecDeque::new() }
    }

    /// Adds a delivery; `number` is larger than all before.
    pub(crate) fn insert(&mut self, id: DeliveryId, number: u64, received_at: i64) {
        let hash = self.hasher.hash_one(id.as_bytes());
        if !self.generations.back().is_some_and(|newest| newest.has_room_for(number)) {
            // Generations grow with what is stored, so that there are never many to look through.
            let buckets_log2 = (self.len() / 4).next_power_of_two().ilog2();
            let buckets_log2 = buckets_log2.clamp(MIN_BUCKETS_LOG2, MAX_BUCKETS_LOG2);
            self.generations.push_back(Generation::starting_at(number, buckets_log2));
        }
        if let Some(newest) = self.generations.back_mut() {
            let distance = (number - newest.base) as u32;
            let entry = newest.fingerprint(hash) << newest.distance_bits | distance;
            newest.entries.insert_unique(hash, entry, |_| {
                unreachable!("a generation is left before it has to grow");
            });
            newest.last_at = newest.last_at.max(received_at);
        }
    }

    /// The numbers under which this delivery may be stored, newest first: mostly none, or the one.
    pub(crate) fn candidates(&self, id: DeliveryId) -> Vec<u64> {
        let hash = self.hasher.hash_one(id.as_bytes());
        let mut numbers = Vec::new();
        for generation in self.generations.iter().rev() {
            let fingerprint = generation.fingerprint(hash);
            for entry in generation.entries.iter_hash(hash) {
                if entry >> generation.distance_bits == fingerprint {
                    let distance = entry & ((1 << generation.distance_bits) - 1);
                    numbers.push(generation.base + u64::from(distance));
                }
            }
        }
        numbers
    }

    /// Drops the generations whose deliveries were all received before `cutoff`.
    pub(crate) fn expire(&mut self, cutoff: i64) {
        while self.generations.front().is_some_and(|oldest| oldest.last_at < cutoff) {
            self.generations.pop_front();
        }
    }

    /// How many deliveries it knows.
    pub(crate) fn len(&self) -> usize {
        self.generations.iter().map(|generation| generation.entries.len()).sum()
    }

    /// The number of the oldest delivery that is certain to be in here, if stored at all.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.generations.front().map(|generation| generation.base)
    }

    /// What it holds in memory, in bytes, reserved room included.
    #[cfg(test)]
    fn allocated(&self) -> usize {
        self.generations.iter().map(|generation| generation.entries.allocation_size()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> DeliveryId {
        let mut guid = [0; 16];
        guid[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        DeliveryId::from_bytes(guid)
    }

    #[test]
    fn what_was_added_is_found_and_little_else() {
        let mut dedup = Dedup::new();
        for number in 0..400_000 {
            dedup.insert(id(number), number, 0);
        }
        assert_eq!(dedup.len(), 400_000);
        for number in 0..400_000 {
            assert!(dedup.candidates(id(number)).contains(&number), "{number}");
        }
        let false_hits: usize = (1_000_000..1_200_000).map(|number| dedup.candidates(id(number)).len()).sum();
        assert!(false_hits < 200, "{false_hits} false hits in 200,000");
        assert!(dedup.generations.len() <= 4, "{} generations", dedup.generations.len());
        assert!(dedup.allocated() < 4_000_000, "{} bytes", dedup.allocated());
    }

    #[test]
    fn what_left_the_window_is_forgotten_by_generation() {
        let mut dedup = Dedup::new();
        let day = 86_400_000;
        for number in 0..400_000 {
            dedup.insert(id(number), number, i64::try_from(number).unwrap() / 100_000 * day);
        }
        dedup.expire(2 * day);
        assert!(dedup.candidates(id(1)).is_empty());
        for number in 200_000..400_000 {
            assert!(dedup.candidates(id(number)).contains(&number), "{number}");
        }
        dedup.expire(100 * day);
        assert_eq!((dedup.len(), dedup.oldest()), (0, None));
    }

    #[test]
    fn gaps_between_numbers_are_fine() {
        let mut dedup = Dedup::new();
        for number in [5, 6, 1 << 17, 1 << 40, (1 << 40) + 1] {
            dedup.insert(id(number), number, 0);
            assert_eq!(dedup.candidates(id(number)), [number]);
        }
    }
}
