/** kcat (librdkafka) as a test's client: one process for each call. */
import { run, start, type Running, type RunOptions } from "../../tools/run-process.ts";
import type { Codec, ForeignClient, ForeignRecord, Partition, ReadRecord } from "./client.ts";

// No test's data holds these bytes.
const BETWEEN_RECORDS = "\x1e";
const AFTER_KEY = "\x1f";

/** For `-f`: a line of `offset timestamp keyLength valueLength headers`, then that many bytes. */
export const RECORD_FORMAT = "%o %T %K %S %h\n%k%s";

/** Runs kcat to its end; rejects with what it said when its exit code is not 0. */
export async function runKcat(
  broker: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Buffer> {
  return (await run("kcat", ["-b", broker, ...args], options)).stdout;
}

/** Starts kcat without waiting for it. */
export function startKcat(broker: string, args: readonly string[], options: RunOptions = {}): Running {
  return start("kcat", ["-b", broker, ...args], options);
}

export const kcat: ForeignClient = {
  name: "kcat",

  produce: (to, records, codec) => produceWithKcat(to, records, codec),

  async consume(from, offset, count) {
    const format = ["-f", RECORD_FORMAT];
    const range = ["-o", String(offset), "-c", String(count), "-e"];
    const records = parseRecords(await runKcat(from.broker, ["-C", ...at(from), ...range, ...format]));
    if (records.length !== count) throw new Error(`kcat has read ${records.length} records, not ${count}`);
    return records;
  },
};

/** `produce`, with further arguments. */
export async function produceWithKcat(
  to: Partition,
  records: readonly ForeignRecord[],
  codec: Codec,
  ...further: readonly string[]
): Promise<void> {
  const options = ["-z", codec, "-X", "enable.idempotence=true", "-X", "acks=all", ...further];
  const framing = ["-D", BETWEEN_RECORDS, "-K", AFTER_KEY, ...nulls(records), ...headers(records)];
  const input = Buffer.concat(records.flatMap((record, index) => framed(record, index)));
  await runKcat(to.broker, ["-P", ...at(to), ...options, ...framing], { input });
}

function at({ topic, partition }: Partition): string[] {
  return ["-t", topic, "-p", String(partition)];
}

/** kcat drops records that are empty, and otherwise writes every empty key and value as null, or none of them. */
function nulls(records: readonly ForeignRecord[]): string[] {
  const isEmpty = ({ key, value }: ForeignRecord): boolean => value?.length === 0 || (key ?? value) === null;
  if (records.some(isEmpty)) throw new Error("kcat drops records that are empty");
  return records.some(({ value }) => value === null) ? ["-Z"] : [];
}

/** kcat writes the same headers on every record of a run. */
function headers(records: readonly ForeignRecord[]): string[] {
  const wanted = JSON.stringify(records[0]?.headers ?? []);
  if (records.some((record) => JSON.stringify(record.headers) !== wanted)) {
    throw new Error("kcat writes the same headers on every record");
  }
  return (records[0]?.headers ?? []).flatMap(([name, value]) => ["-H", `${name}=${value}`]);
}

function framed({ key, value }: ForeignRecord, index: number): Uint8Array[] {
  const before = index === 0 ? [] : [Buffer.from(BETWEEN_RECORDS)];
  return [...before, ...(key === null ? [] : [key, Buffer.from(AFTER_KEY)]), value ?? Buffer.alloc(0)];
}

/** Reads what kcat has printed by RECORD_FORMAT. */
export function parseRecords(output: Buffer): ReadRecord[] {
  const records: ReadRecord[] = [];
  let position = 0;
  const take = (length: number): Buffer | null => {
    if (length < 0) return null;
    position += length;
    return Buffer.from(output.subarray(position - length, position));
  };
  while (position < output.length) {
    const end = output.indexOf("\n", position);
    const [offset = "", timestamp = "", keyLength, valueLength, ...rest] = output
      .toString("utf8", position, end)
      .split(" ");
    position = end + 1;
    const key = take(Number(keyLength));
    const value = take(Number(valueLength));
    const pairs = rest
      .join(" ")
      .split(",")
      .filter((pair) => pair !== "");
    const parsed = pairs.map(
      (pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)] as const,
    );
    records.push({ offset: BigInt(offset), timestamp: BigInt(timestamp), key, value, headers: parsed });
  }
  return records;
}
