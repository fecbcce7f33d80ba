/** Files of records for Kafka's tools, which draw among a file's lines. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { clickStreamBytes } from "../click-stream.ts";

/** Of records in one file: many more than a batch holds. */
const FILE_BYTES = 4_000_000;

/** A file of records of this size each, cut from one stream of events; answers its path. */
export async function writePayload(directory: string, seed: number, recordBytes: number): Promise<string> {
  const records = Math.floor(FILE_BYTES / recordBytes);
  const events = Buffer.from(clickStreamBytes(seed, records * recordBytes)).toString("latin1");
  // A line's end within a record would make two of it.
  const stream = events.replaceAll("\n", ",");
  const lines = Array.from({ length: records }, (_, at) =>
    stream.slice(at * recordBytes, (at + 1) * recordBytes),
  );
  const path = join(directory, `${recordBytes}.txt`);
  await writeFile(path, lines.join("\n"), "latin1");
  return path;
}
