/**
 * What Kafka's own `DumpLogSegments` says about partitions' files. It ends with exit code 0 for most damage and only
 * prints it, and it does not look at everything, so its output is read whole: see `complaints`.
 */
import { cp, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { parseDump, type DumpedFile } from "./dump-parser.ts";
import { runKafkaTool } from "./kafka-tools.ts";

const MAIN_CLASS = "org.apache.kafka.tools.DumpLogSegments";
const OFFSET_INDEX_ENTRY_BYTES = 8;
const TIME_INDEX_ENTRY_BYTES = 12;

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
 * Dumps every segment, index, time index and producer snapshot of these partitions' directories in `dataDir` with
 * `--deep-iteration`, and checks the indexes with `--index-sanity-check` and `--verify-index-only`. Rejects when Kafka's
 * tool, or a look at what it printed, finds anything wrong.
 */
export async function dumpPartitions(
  dataDir: string,
  partitions: readonly string[],
  options: DumpOptions = {},
): Promise<readonly DumpedFile[]> {
  const { files, complaints } = await inspectPartitions(dataDir, partitions, options);
  if (complaints.length > 0) {
    throw new Error(`DumpLogSegments does not accept ${dataDir}:\n${complaints.join("\n")}`);
  }
  return files;
}

/** As `dumpPartitions`, but returns the complaints. */
export async function inspectPartitions(
  dataDir: string,
  partitions: readonly string[],
  options: DumpOptions = {},
): Promise<Dump> {
  // The tool is not harmless: it cuts half an entry off an index. It gets a copy, and looks at the indexes first.
  const copy = await mkdtemp(join(tmpdir(), "rivulet-dump-"));
  try {
    for (const partition of partitions) {
      await cp(join(dataDir, partition), join(copy, partition), { recursive: true });
    }
    return await inspect(copy, partitions, options);
  } finally {
    await rm(copy, { recursive: true });
  }
}

async function inspect(root: string, partitions: readonly string[], options: DumpOptions): Promise<Dump> {
  const sizes = new Map<string, number>();
  for (const partition of partitions) {
    for (const name of (await readdir(join(root, partition))).sort()) {
      if (!/\.(log|index|timeindex|snapshot)$/.test(name)) continue;
      sizes.set(join(partition, name), (await stat(join(root, partition, name))).size);
    }
  }
  const paths = (chosen: readonly string[]): string => chosen.map((path) => join(root, path)).join(",");
  const indexes = [...sizes.keys()].filter((path) => path.endsWith("index"));
  const decoder = options.clusterMetadata === true ? ["--cluster-metadata-decoder"] : [];
  const complaints = missingFiles(partitions, sizes);
  let text = "";
  for (const [mode, ...args] of [
    ["--index-sanity-check", "--files", paths(indexes)],
    ["--verify-index-only", "--files", paths(indexes)],
    ["--deep-iteration", "--files", paths([...sizes.keys()]), ...decoder],
  ]) {
    if (mode === undefined || args[1] === "") continue;
    const { code, stdout, stderr } = await runKafkaTool(MAIN_CLASS, [mode, ...args]);
    text = stdout.toString();
    if (code !== 0) complaints.push(`${mode} ended with exit code ${code}`);
    // Every mismatch that the tool counts goes to stderr, and nothing else does.
    const mismatches = withoutFirstOffsets(stderr);
    if (mismatches !== "") complaints.push(`${mode}: ${mismatches}`);
    for (const line of text.split("\n").filter(isComplaint)) complaints.push(`${mode}: ${line}`);
  }
  const files = parseDump(text);
  for (const [path, size] of sizes) complaints.push(...wrongIn(path, size, files));
  return { files, complaints };
}

/** Every partition has a segment, and every segment with a record in it both indexes. */
function missingFiles(partitions: readonly string[], sizes: ReadonlyMap<string, number>): string[] {
  const segments = [...sizes].filter(([path]) => path.endsWith(".log"));
  const empty = partitions.filter((partition) => !segments.some(([path]) => dirname(path) === partition));
  if (empty.length > 0) return empty.map((partition) => `${partition} has no segment`);
  const written = segments.filter(([, size]) => size > 0).map(([path]) => path.slice(0, -".log".length));
  const needed = written.flatMap((segment) => [`${segment}.index`, `${segment}.timeindex`]);
  return needed.filter((path) => !sizes.has(path)).map((path) => `${path} is missing`);
}

/**
 * The tool takes -1 for the offset before a segment's first record and so finds a gap before every segment but the one
 * at 0, Kafka's own included. Whether a segment begins where its name says is checked in `wrongIn`.
 */
function withoutFirstOffsets(stderr: string): string {
  const reports = stderr.split(/^(?=\S)/m).map((report) => {
    const base = /^Non-consecutive offsets in .*?(\d{20})\.log$/m.exec(report)?.[1];
    if (base === undefined) return report;
    const [title = "", ...gaps] = report.trimEnd().split("\n");
    const real = gaps.filter((gap) => gap.trim() !== `-1 is followed by ${BigInt(base)}`);
    return real.length === 0 ? "" : [title, ...real, ""].join("\n");
  });
  return reports.join("").trim();
}

/** Damage that the tool only mentions between the lines of its dump. */
function isComplaint(line: string): boolean {
  return /invalid bytes at the end|isvalid: false|Could not deserialize/i.test(line);
}

/** What the tool prints but does not judge, or skips without a word. */
function wrongIn(path: string, size: number, dumped: readonly DumpedFile[]): string[] {
  const file = dumped.find(({ partition, name }) => join(partition, name) === path);
  if (file === undefined) return [`${path} was not dumped`];
  const { name } = file;
  const wrong: string[] = [];
  const expect = (isRight: boolean, text: string): void => {
    if (!isRight) wrong.push(`${path}: ${text}`);
  };
  if (name.endsWith(".log")) {
    let position = 0;
    const base = BigInt(basename(name, ".log"));
    const first = file.batches[0]?.baseOffset ?? base;
    expect(first === base, `begins with offset ${first}`);
    let next = base;
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
