/**
 * Where a partition's log begins, kept in `<partition>/log-start` from the moment that it is not offset 0:
 *
 *     version: 0
 *     log_start_offset: 1742
 *     crc32c: 89abcdef              of the two lines above
 *
 * It is durable before anything is deleted because of it, and before anybody is told. So a first segment that begins later
 * than this is a segment that was lost, not one that was deleted. Who has to write the file by hand leaves the last line out.
 */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { Engine } from "./engine.ts";
import { logStartFile } from "./partition-files.ts";
import type { Store } from "./store.ts";

const FORM = /^version: 0\nlog_start_offset: (0|[1-9]\d{0,18})\n(?:crc32c: ([0-9a-f]{8})\n)?$/;

/** The recorded log start; 0 when there is no record. Throws KafkaError KAFKA_STORAGE_ERROR for a damaged one. */
export async function readLogStart(store: Store, engine: Engine, directory: string): Promise<bigint> {
  const name = logStartFile(directory);
  const bytes = await store.read(name);
  if (bytes === undefined) return 0n;
  const parts = FORM.exec(new TextDecoder().decode(bytes));
  const offset = BigInt(parts?.[1] ?? 0);
  if (parts !== null && (parts[2] === undefined || parts[2] === sumOf(engine, offset))) return offset;
  throw new KafkaError(
    ErrorCode.KAFKA_STORAGE_ERROR,
    `${name} is damaged, so it is not known where the log of ${directory} begins. Nothing was changed. Restore it from a ` +
      `backup; or write two lines into it, "version: 0" and "log_start_offset: <offset>" with the offset that the name of ` +
      `the first .log file says`,
  );
}

/** Durable when resolved. */
export function writeLogStart(
  store: Store,
  engine: Engine,
  directory: string,
  offset: bigint,
): Promise<void> {
  const text = `${linesOf(offset)}crc32c: ${sumOf(engine, offset)}\n`;
  return store.write(logStartFile(directory), new TextEncoder().encode(text));
}

function linesOf(offset: bigint): string {
  return `version: 0\nlog_start_offset: ${offset}\n`;
}

function sumOf(engine: Engine, offset: bigint): string {
  const sum = engine.crc32c(new TextEncoder().encode(linesOf(offset)));
  return (sum >>> 0).toString(16).padStart(8, "0");
}
