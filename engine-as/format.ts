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

// Kafka's sparse indexes.
export const OFFSET_INDEX_ENTRY_BYTES = 8; // int32 offset relative to the segment's base, int32 position
export const TIME_INDEX_ENTRY_BYTES = 12; // int64 timestamp, int32 offset relative to the segment's base
