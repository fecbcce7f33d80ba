// Layout constants of Kafka's RecordBatch v2 (magic 2) and of the index files, in bytes from the start of the structure.
// Bare integer literals only: this file is compiled by asc into engine.wasm and by tsc into every host.
// Source: Kafka's protocol guide, "Record Batch"; KIP-98; KIP-32 (time index). All integers are big-endian.

export const BASE_OFFSET_AT = 0; // int64; stamped by the leader, outside the CRC
export const BATCH_LENGTH_AT = 8; // int32; bytes that follow this field
export const LEADER_EPOCH_AT = 12; // int32; stamped by the leader, outside the CRC
export const MAGIC_AT = 16; // int8; 2
export const CRC_AT = 17; // uint32; CRC32C of everything from ATTRIBUTES_AT to the end of the batch
export const ATTRIBUTES_AT = 21; // int16
export const LAST_OFFSET_DELTA_AT = 23; // int32
export const BASE_TIMESTAMP_AT = 27; // int64; milliseconds since the epoch
export const MAX_TIMESTAMP_AT = 35; // int64; milliseconds since the epoch
export const PRODUCER_ID_AT = 43; // int64; -1: none
export const PRODUCER_EPOCH_AT = 51; // int16; -1: none
export const BASE_SEQUENCE_AT = 53; // int32; -1: none
export const RECORDS_COUNT_AT = 57; // int32
export const RECORDS_AT = 61; // the records, compressed as one block when a codec is set

export const BATCH_HEADER_BYTES = 61;
export const BATCH_OVERHEAD_BYTES = 12; // base offset and length: what BATCH_LENGTH does not count
export const MAGIC_V2 = 2;

// Attribute bits.
export const CODEC_MASK = 7;
export const CODEC_NONE = 0;
export const CODEC_GZIP = 1;
export const CODEC_SNAPPY = 2;
export const CODEC_LZ4 = 3;
export const CODEC_ZSTD = 4;
export const LOG_APPEND_TIME_BIT = 8;
export const TRANSACTIONAL_BIT = 16;
export const CONTROL_BIT = 32;
export const DELETE_HORIZON_BIT = 64;

// One entry of the record descriptor table that the batch reader fills, in bytes. Positions are relative to the start of
// the (decompressed) records; a length of -1 is a null.
export const DESCRIPTOR_BYTES = 40;
export const DESCRIPTOR_TIMESTAMP_DELTA_AT = 0; // int64, little-endian as all of WASM memory
export const DESCRIPTOR_OFFSET_DELTA_AT = 8; // int32
export const DESCRIPTOR_KEY_AT = 12; // uint32
export const DESCRIPTOR_KEY_LENGTH_AT = 16; // int32
export const DESCRIPTOR_VALUE_AT = 20; // uint32
export const DESCRIPTOR_VALUE_LENGTH_AT = 24; // int32
export const DESCRIPTOR_HEADERS_AT = 28; // uint32; position of the first header (after the count)
export const DESCRIPTOR_HEADERS_COUNT_AT = 32; // int32
export const DESCRIPTOR_RECORD_AT = 36; // uint32; position of the record's length varint

// What a check of a batch's records tells of their timestamps. Milliseconds since the epoch.
export const RECORD_TIMES_BYTES = 16;
export const OLDEST_TIMESTAMP_AT = 0; // int64; of the records that have one; -1: none has
export const NEWEST_TIMESTAMP_AT = 8; // int64; -1: none is greater, as Kafka counts the greatest of a batch

// Kafka's sparse indexes.
export const OFFSET_INDEX_ENTRY_BYTES = 8; // int32 offset relative to the segment's base, int32 position
export const TIME_INDEX_ENTRY_BYTES = 12; // int64 timestamp, int32 offset relative to the segment's base

// The smallest record: length, attributes, timestamp delta, offset delta, key length, value length and header count.
export const RECORD_BYTES_MIN = 7;

// The writer's input. Its record descriptors have the layout above, with DESCRIPTOR_HEADERS_AT as the position of the
// first entry of this table, one entry for each header. Positions are relative to the start of the writer's data.
export const HEADER_ENTRY_BYTES = 16;
export const HEADER_KEY_AT = 0; // uint32
export const HEADER_KEY_LENGTH_AT = 4; // int32
export const HEADER_VALUE_AT = 8; // uint32
export const HEADER_VALUE_LENGTH_AT = 12; // int32; -1: null

// State of a segment scan, kept by the host between calls.
export const SCAN_STATE_BYTES = 80;
export const SCAN_BASE_OFFSET_AT = 0; // int64; of the segment
export const SCAN_NEXT_OFFSET_AT = 8; // int64; the first offset that may come next
export const SCAN_MAX_TIMESTAMP_AT = 16; // int64; the greatest so far, -1: none
export const SCAN_MAX_TIMESTAMP_OFFSET_AT = 24; // int64; last offset of the first batch that has it
export const SCAN_TIME_ENTRY_AT = 32; // int64; timestamp of the last time index entry, -1: none
export const SCAN_POSITION_AT = 40; // uint32; where valid bytes end in the segment
export const SCAN_INTERVAL_AT = 44; // int32; index.interval.bytes, 0: no index
export const SCAN_BATCH_BYTES_MAX_AT = 48; // int32
export const SCAN_SINCE_ENTRY_AT = 52; // uint32; bytes since the last index entry
// What the last call answered.
export const SCAN_CONSUMED_AT = 56; // uint32; bytes of the piece that were whole valid batches
export const SCAN_BATCHES_AT = 60; // int32; entries written to the table of batches
export const SCAN_OFFSET_ENTRIES_AT = 64; // int32; entries written to the offset index
export const SCAN_TIME_ENTRIES_AT = 68; // int32; entries written to the time index
export const SCAN_WANTED_AT = 72; // uint32; after TORN: bytes the unfinished batch needs, counted from its start

// One entry of the table of batches that a segment scan fills.
export const SCANNED_BYTES = 64;
export const SCANNED_BASE_OFFSET_AT = 0; // int64
export const SCANNED_LAST_OFFSET_AT = 8; // int64
export const SCANNED_MAX_TIMESTAMP_AT = 16; // int64
export const SCANNED_PRODUCER_ID_AT = 24; // int64
export const SCANNED_POSITION_AT = 32; // uint32; in the segment
export const SCANNED_SIZE_AT = 36; // int32; bytes of the whole batch
export const SCANNED_LEADER_EPOCH_AT = 40; // int32
export const SCANNED_BASE_SEQUENCE_AT = 44; // int32
export const SCANNED_PRODUCER_EPOCH_AT = 48; // int32
export const SCANNED_ATTRIBUTES_AT = 52; // int32
export const SCANNED_RECORDS_COUNT_AT = 56; // int32

// WASM memory: below HEAP_AT it is the engine's own, from there on the host's. Every region handed in is followed by
// SLACK_BYTES that belong to it: they may be read past an input, and hold nothing past an output's capacity.
export const HEAP_AT = 1048576;
export const SLACK_BYTES = 32;
export const MEMORY_BYTES_MAX = 536870912; // `maximumMemory` in asconfig.json
