/** The output of Kafka's `DumpLogSegments` as values. */
import { basename, dirname } from "node:path";

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
  /** Name of the directory that it is in, `<topic>-<partition>`. */
  readonly partition: string;
  readonly name: string;
  readonly batches: DumpedBatch[];
  readonly records: DumpedRecord[];
  readonly offsetIndex: { offset: bigint; position: number }[];
  readonly timeIndex: { timestamp: bigint; offset: bigint }[];
  /** Lines of a `.snapshot`: one for each producer. */
  readonly producers: string[];
}

/** Reads everything that `DumpLogSegments --deep-iteration` has printed. */
export function parseDump(text: string): DumpedFile[] {
  const files: DumpedFile[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("Dumping ")) {
      const path = line.slice("Dumping ".length).trim();
      const of = { partition: basename(dirname(path)), name: basename(path) };
      files.push({ ...of, batches: [], records: [], offsetIndex: [], timeIndex: [], producers: [] });
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
