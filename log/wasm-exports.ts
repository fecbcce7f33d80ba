/** What `engine.wasm` exports: `engine-as/engine.ts`, seen from TypeScript. Pointers and lengths are bytes. */
export interface EngineExports {
  readonly memory: WebAssembly.Memory;
  crc32c(at: number, length: number, seed: number): number;
  batchSize(at: number, available: number): number;
  checkBatch(at: number, available: number): number;
  checkRecords(at: number, size: number, scratch: number, scratchMax: number, times: number): number;
  readRecords(
    records: number,
    length: number,
    position: number,
    count: number,
    previousDelta: number,
    lastDelta: number,
    table: number,
  ): number;
  writeBatch(
    table: number,
    count: number,
    data: number,
    dataLength: number,
    output: number,
    outputMax: number,
    scratch: number,
    scratchMax: number,
    attributes: number,
    baseTimestamp: bigint,
    producerId: bigint,
    producerEpoch: number,
    baseSequence: number,
  ): number;
  rewriteBatch(
    at: number,
    size: number,
    keep: number,
    output: number,
    outputMax: number,
    scratch: number,
    scratchMax: number,
    deleteHorizon: bigint,
  ): number;
  scanSegment(
    state: number,
    bytes: number,
    length: number,
    batches: number,
    batchesMax: number,
    offsetIndex: number,
    timeIndex: number,
  ): number;
  lookupOffset(index: number, entries: number, relativeOffset: number): number;
  lookupTime(index: number, entries: number, timestamp: bigint): number;
  lookupOffsets(index: number, entries: number, targets: number, count: number, results: number): number;
  lookupTimes(index: number, entries: number, targets: number, count: number, results: number): number;
  compressedBytesMax(codec: number, length: number): number;
  compress(codec: number, source: number, length: number, output: number, outputMax: number): number;
  decompress(codec: number, source: number, length: number, output: number, outputMax: number): number;
}

const FUNCTIONS: readonly (keyof Omit<EngineExports, "memory">)[] = [
  "crc32c",
  "batchSize",
  "checkBatch",
  "checkRecords",
  "readRecords",
  "writeBatch",
  "rewriteBatch",
  "scanSegment",
  "lookupOffset",
  "lookupTime",
  "lookupOffsets",
  "lookupTimes",
  "compressedBytesMax",
  "compress",
  "decompress",
];

/** The exports of an instance of `engine.wasm`; throws an Error naming what is missing when it is another module. */
export function engineExports(instance: WebAssembly.Instance): EngineExports {
  const found = instance.exports;
  const missing: string[] = FUNCTIONS.filter((name) => typeof found[name] !== "function");
  if (!(found["memory"] instanceof WebAssembly.Memory)) missing.push("memory");
  if (missing.length > 0)
    throw new Error(`engine.wasm: not this engine's build, it lacks ${missing.join(", ")}`);
  return found as unknown as EngineExports;
}
