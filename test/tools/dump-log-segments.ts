/**
 * What Kafka's own `DumpLogSegments` says about a partition's files. It ends with exit code 0 for most damage and only
 * prints it, and it does not look at everything, so its output is read whole: see `complaints`.
 */
import { cp, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { runKafkaTool } from "./kafka-tools.ts";

const MAIN_CLASS = "org.apache.kafka.tools.DumpLogSegments";
const OFFSET_INDEX_ENTRY_BYTES = 8;
const TIME_INDEX_ENTRY_BYTES = 12;

/** One line of a `.log` file's dump for each batch. */
export interface DumpedBatch {
  readonly baseOffset: bigint;
  readonly lastOffset: bigint;
  readonly count: number;
  readonly baseSequence: number;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly leaderEpoch: number;
  readonly position: number;
  readonly size: number;
  readonly magic: number;
  readonly compression: string;
  readonly isValid: boolean;
}

/** One line for each record, from inside its batch. `payload` only where a decoder was asked for. */
export interface DumpedRecord {
  readonly offset: bigint;
  readonly keySize: number;
  readonly valueSize: number;
  readonly sequence: number;
  readonly payload: string | undefined;
}

/** What one of a partition's files holds; the arrays that its kind has not are empty. */
export interface DumpedFile {
  readonly name: string;
  readonly batches: DumpedBatch[];
  readonly records: DumpedRecord[];
  readonly offsetIndex: { offset: bigint; position: number }[];
  readonly timeIndex: { timestamp: bigint; offset: bigint }[];
  /** Lines of a `.snapshot`: one for each producer. */
  readonly producers: string[];
}

export interface Dump {
  readonly files: readonly DumpedFile[];
  /** What is wrong, in Kafka's words or ours; empty when Kafka's tool accepts every file. */
  readonly complaints: readonly string[];
}

export interface DumpOptions {
  /** Records are decoded as Kafka's own metadata records: for `__cluster_metadata-0`. */
  readonly clusterMetadata?: boolean;
}

/**
 * Dumps every segment, index, time index and producer snapshot of a partition's directory with `--deep-iteration`, and
 * checks the indexes with `--index-sanity-check` and `--verify-index-only`. Rejects when Kafka's tool, or a look at what
 * it printed, finds anything wrong.
 */
export async function dumpPartition(directory: string, options: DumpOptions = {}): Promise<Dump> {
  const dump = await inspectPartition(directory, options);
  if (dump.complaints.length > 0) {
    throw new Error(`DumpLogSegments does not accept ${directory}:\n${dump.complaints.join("\n")}`);
  }
  return dump;
}

/** As `dumpPartition`, but returns the complaints. */
export async function inspectPartition(directory: string, options: DumpOptions = {}): Promise<Dump> {
  // The tool is not harmless: it cuts half an entry off an index. It gets a copy, and looks at the indexes first.
  const copy = await mkdtemp(join(tmpdir(), "rivulet-dump-"));
  try {
    await cp(directory, copy, { recursive: true });
    return await inspect(copy, options);
  } finally {
    await rm(copy, { recursive: true });
  }
}

async function inspect(directory: string, options: DumpOptions): Promise<Dump> {
  const names = (await readdir(directory))
    .filter((name) => /\.(log|index|timeindex|snapshot)$/.test(name))
    .sort();
  const sizes = new Map<string, number>();
  for (const name of names) sizes.set(name, (await stat(join(directory, name))).size);

  const paths = (chosen: readonly string[]): string => chosen.map((name) => join(directory, name)).join(",");
  const indexes = names.filter((name) => name.endsWith("index"));
  const decoder = options.clusterMetadata === true ? ["--cluster-metadata-decoder"] : [];
  const complaints = missingFiles(names);
  let text = "";
  for (const [mode, ...args] of [
    ["--index-sanity-check", "--files", paths(indexes)],
    ["--verify-index-only", "--files", paths(indexes)],
    ["--deep-iteration", "--files", paths(names), ...decoder],
  ]) {
    if (mode === undefined || args[1] === "") continue;
    const { code, stdout, stderr } = await runKafkaTool(MAIN_CLASS, [mode, ...args]);
    text = stdout.toString();
    if (code !== 0) complaints.push(`${mode} ended with exit code ${code}`);
    // Every mismatch that the tool counts goes to stderr, and nothing else does.
    if (stderr.trim() !== "") complaints.push(`${mode}: ${stderr.trim()}`);
    for (const line of text.split("\n").filter(isComplaint)) complaints.push(`${mode}: ${line}`);
  }
  const files = parse(text);
  for (const [name, size] of sizes) complaints.push(...wrongIn(name, size, files));
  return { files, complaints };
}

function missingFiles(names: readonly string[]): string[] {
  const segments = names.filter((name) => name.endsWith(".log")).map((name) => basename(name, ".log"));
  if (segments.length === 0) return ["there is no segment"];
  const needed = segments.flatMap((segment) => [`${segment}.index`, `${segment}.timeindex`]);
  return needed.filter((name) => !names.includes(name)).map((name) => `${name} is missing`);
}

/** Damage that the tool only mentions between the lines of its dump. */
function isComplaint(line: string): boolean {
  return /invalid bytes at the end|isvalid: false|Could not deserialize/i.test(line);
}

/** What the tool prints but does not judge, or skips without a word. */
function wrongIn(name: string, size: number, dumped: readonly DumpedFile[]): string[] {
  const file = dumped.find((one) => one.name === name);
  if (file === undefined) return [`${name} was not dumped`];
  const wrong: string[] = [];
  const expect = (isRight: boolean, text: string): void => {
    if (!isRight) wrong.push(`${name}: ${text}`);
  };
  if (name.endsWith(".log")) {
    let position = 0;
    let next = BigInt(basename(name, ".log"));
    for (const batch of file.batches) {
      const at = `batch at position ${batch.position}`;
      expect(batch.magic === 2, `${at} has magic ${batch.magic}`);
      expect(batch.position === position, `${at} should begin at ${position}`);
      expect(batch.baseOffset >= next, `${at} has base offset ${batch.baseOffset}, below ${next}`);
      position = batch.position + batch.size;
      next = batch.lastOffset + 1n;
    }
    expect(position === size, `batches end at ${position}, the file at ${size}`);
    const counted = file.batches.reduce((sum, batch) => sum + batch.count, 0);
    expect(
      file.records.length === counted,
      `batches say ${counted} records, ${file.records.length} are there`,
    );
  } else if (name.endsWith(".timeindex")) {
    const { timeIndex } = file;
    expect(
      timeIndex.length * TIME_INDEX_ENTRY_BYTES === size,
      `${timeIndex.length} entries in ${size} bytes`,
    );
    expect(isRising(timeIndex.map((entry) => entry.timestamp)), "timestamps do not rise");
    expect(isRising(timeIndex.map((entry) => entry.offset)), "offsets do not rise");
  } else if (name.endsWith(".index")) {
    const { offsetIndex } = file;
    expect(
      offsetIndex.length * OFFSET_INDEX_ENTRY_BYTES === size,
      `${offsetIndex.length} entries in ${size} bytes`,
    );
    expect(isRising(offsetIndex.map((entry) => entry.offset)), "offsets do not rise");
    expect(isRising(offsetIndex.map((entry) => BigInt(entry.position))), "positions do not rise");
  }
  return wrong;
}

function isRising(values: readonly bigint[]): boolean {
  return values.every((value, index) => index === 0 || value > (values[index - 1] ?? value));
}

function parse(text: string): DumpedFile[] {
  const files: DumpedFile[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("Dumping ")) {
      const name = basename(line.slice("Dumping ".length).trim());
      files.push({ name, batches: [], records: [], offsetIndex: [], timeIndex: [], producers: [] });
      continue;
    }
    const file = files.at(-1);
    if (file === undefined) continue;
    const field = fieldsOf(line);
    if (line.startsWith("baseOffset: ")) file.batches.push(batchOf(field));
    else if (line.startsWith("| offset: ")) file.records.push(recordOf(field, line));
    else if (line.startsWith("producerId: ")) file.producers.push(line);
    else if (line.startsWith("timestamp: ")) {
      file.timeIndex.push({ timestamp: BigInt(field("timestamp")), offset: BigInt(field("offset")) });
    } else if (line.startsWith("offset: ")) {
      file.offsetIndex.push({ offset: BigInt(field("offset")), position: Number(field("position")) });
    }
  }
  return files;
}

/** A line of `name: value` pairs as a look-up. */
function fieldsOf(line: string): (name: string) => string {
  return (name) => {
    const value = new RegExp(`(?:^|\\s)${name}: (\\S+)`).exec(line)?.[1];
    if (value === undefined) throw new Error(`DumpLogSegments printed a line without ${name}: ${line}`);
    return value;
  };
}

function batchOf(field: (name: string) => string): DumpedBatch {
  return {
    baseOffset: BigInt(field("baseOffset")),
    lastOffset: BigInt(field("lastOffset")),
    count: Number(field("count")),
    baseSequence: Number(field("baseSequence")),
    producerId: BigInt(field("producerId")),
    producerEpoch: Number(field("producerEpoch")),
    leaderEpoch: Number(field("partitionLeaderEpoch")),
    position: Number(field("position")),
    size: Number(field("size")),
    magic: Number(field("magic")),
    compression: field("compresscodec"),
    isValid: field("isvalid") === "true",
  };
}

function recordOf(field: (name: string) => string, line: string): DumpedRecord {
  return {
    offset: BigInt(field("offset")),
    keySize: Number(field("keySize")),
    valueSize: Number(field("valueSize")),
    sequence: Number(field("sequence")),
    payload: /(?:payload|LeaderChange): (.*)$/.exec(line)?.[1],
  };
}
