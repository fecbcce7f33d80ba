// What the engine's functions answer: a value >= 0, or one of these. Bare integer literals: compiled by asc and by tsc.

export const OK = 0;
export const TORN = -1; // the bytes end before the structure does: more bytes may complete it
export const BAD_MAGIC = -2; // not a RecordBatch v2
export const BAD_LENGTH = -3; // a length or count that cannot be: negative, smaller than its structure, beyond its limit
export const BAD_CRC = -4; // CRC32C does not match
export const BAD_RECORDS = -5; // the header is sound, the records inside it are not
export const BAD_OFFSET = -6; // offsets do not rise, or a delta lies outside the batch
export const UNSUPPORTED_CODEC = -7; // none of Kafka's codecs
export const OUTPUT_FULL = -8; // the result would be larger than the caller's limit
export const BAD_FRAME = -9; // a compressed frame that is not what its format says
export const BAD_ARGUMENT = -10; // a pointer, length or count outside what the function takes
