import {
  BAD_ARGUMENT,
  BAD_CRC,
  BAD_FRAME,
  BAD_LENGTH,
  BAD_MAGIC,
  BAD_OFFSET,
  BAD_RECORDS,
  OUTPUT_FULL,
  TORN,
  UNSUPPORTED_CODEC,
} from "../engine-as/status.ts";
import { CODEC_GZIP, CODEC_LZ4, CODEC_NONE, CODEC_SNAPPY, CODEC_ZSTD } from "../engine-as/format.ts";
import { ErrorCode, KafkaError } from "../wire/errors.ts";

const REASONS: ReadonlyMap<number, readonly [code: number, reason: string]> = new Map([
  [TORN, [ErrorCode.CORRUPT_MESSAGE, "the bytes end before the batch does"]],
  [BAD_MAGIC, [ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT, "not a record batch of magic 2"]],
  [BAD_LENGTH, [ErrorCode.CORRUPT_MESSAGE, "a length or count that cannot be"]],
  [BAD_CRC, [ErrorCode.CORRUPT_MESSAGE, "the CRC does not match"]],
  [BAD_RECORDS, [ErrorCode.CORRUPT_MESSAGE, "the records are not what the header says"]],
  [BAD_OFFSET, [ErrorCode.CORRUPT_MESSAGE, "offsets do not rise within the batch"]],
  [
    UNSUPPORTED_CODEC,
    [ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, "its codec is none of Kafka's: none, gzip, snappy, lz4, zstd"],
  ],
  [OUTPUT_FULL, [ErrorCode.MESSAGE_TOO_LARGE, "the result would be larger than its limit"]],
  [BAD_FRAME, [ErrorCode.CORRUPT_MESSAGE, "the compressed bytes are not what their codec says"]],
  [BAD_ARGUMENT, [ErrorCode.INVALID_REQUEST, "an argument outside what the engine takes"]],
]);

const CODEC_NAMES: ReadonlyMap<number, string> = new Map([
  [CODEC_NONE, "none"],
  [CODEC_GZIP, "gzip"],
  [CODEC_SNAPPY, "snappy"],
  [CODEC_LZ4, "lz4"],
  [CODEC_ZSTD, "zstd"],
]);

/** Kafka's name of a codec, or its number. */
export function codecName(codec: number): string {
  return CODEC_NAMES.get(codec) ?? `codec ${codec}`;
}

/** A status below 0 of the engine, as the error for a caller. `what` says what was being done. */
export function statusError(status: number, what: string): KafkaError {
  const [code, reason] = REASONS.get(status) ?? [
    ErrorCode.UNKNOWN_SERVER_ERROR,
    `the engine answered ${status}`,
  ];
  return new KafkaError(code, `${what}: ${reason}`);
}
