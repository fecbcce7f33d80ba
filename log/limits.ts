// What the log room takes from outside is bounded, and the bounds stand here. Sizes are in bytes unless the name says otherwise.

/** Largest offset relative to its segment's base that an index entry can hold. */
export const RELATIVE_OFFSET_MAX = 2 ** 31 - 1;
/** Most bytes that a segment may have, as in Kafka: index entries hold positions in 31 bits. */
export const SEGMENT_BYTES_MAX = 2 ** 31 - 1;
/** Most bytes that one call of `PartitionLog.read` may ask for. */
export const READ_BYTES_MAX = 64 * 1024 * 1024;
/** How much of a segment is read at once when it is scanned. */
export const SCAN_PIECE_BYTES = 1024 * 1024;
/** How much is read at once when batch headers are walked to find an offset. */
export const WALK_PIECE_BYTES = 32 * 1024;
/** Largest `max.message.bytes` that may be set, and largest batch that recovery believes in. */
export const MESSAGE_BYTES_MAX = 128 * 1024 * 1024;
/** Indexes of closed segments that one partition keeps in memory. */
export const CLOSED_INDEXES_MAX = 4;
/** Places in the log that one partition remembers because a reader stopped there. */
export const READ_HINTS_MAX = 64;
/** Batches of one producer that duplicates are recognised among, as in Kafka: the most that may be in flight. */
export const PRODUCER_BATCHES_MAX = 5;
/** Producers that one partition remembers; beyond it the one that was silent longest is forgotten. */
export const PRODUCERS_MAX = 100_000;
/** Partitions of one topic. */
export const PARTITIONS_PER_TOPIC_MAX = 10_000;
/** Batches of `__cluster_metadata`: one holds everything about a topic with as many partitions as are allowed. */
export const METADATA_BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** Producer ids that are taken from the metadata log at once, as in Kafka. */
export const PRODUCER_ID_BLOCK = 1000n;
/** Partitions that are opened at the same time. */
export const OPENING_MAX = 16;
/** Synced ends are noted at most this often, in milliseconds. */
export const SYNCED_END_NOTE_INTERVAL_MS = 10;
/** The notes are synced this long after the first that is not, in milliseconds. */
export const SYNCED_END_SYNC_INTERVAL_MS = 1000;
/** The file of the synced ends is written anew when it has grown to so many times what it was then, but not before it has this size. */
export const SYNCED_ENDS_GROWTH_MAX = 4;
export const SYNCED_ENDS_BYTES_MIN = 48 * 1024;
/** Partitions whose leader epoch is raised in one metadata batch; more of them take more batches. */
export const EPOCH_CHANGES_PER_BATCH = 100_000;
/** How often the node's housekeeping looks for what is due, in milliseconds. */
export const HOUSEKEEPING_TICK_MS = 1000;
/** Partitions that it looks at before it lets others run. */
export const HOUSEKEEPING_AT_ONCE = 256;
