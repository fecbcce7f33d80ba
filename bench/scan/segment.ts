/** A segment scanned as recovery does it, both indexes made on the way, against a copy of the same bytes. */
import { CODEC_NONE } from "../../engine-as/format.ts";
import { OK, TORN } from "../../engine-as/status.ts";
import { BatchHeader } from "../../log/batch.ts";
import type { Engine, SegmentScanner } from "../../log/engine.ts";
import type { BenchSettings, Mode } from "../bench.ts";
import { checksum } from "../checksum.ts";
import { clickStream } from "../click-stream.ts";
import { loadEngine } from "../engine.ts";
import { interleave, MEGABYTES, ratio, type Contender, type Rounds } from "../harness.ts";
import { barAndAim } from "../report.ts";
import type { Part } from "./part.ts";

const MIB = 1024 * 1024;
const PIECE_BYTES = MIB;
const BATCH_BYTES = 16 * 1024;
/** Batches that differ; from then on they come again, at other offsets. */
const DISTINCT_BATCHES = 64;
/** Kafka's default. */
const INDEX_INTERVAL_BYTES = 4096;
/** A round takes the next pieces of the segment, and begins again at its end: short enough to be left alone by others. */
const SHAPES: Readonly<Record<Mode, Rounds & { segmentBytes: number; piecesPerRound: number }>> = {
  full: { segmentBytes: 256 * MIB, piecesPerRound: 16, warmups: 16, rounds: 64 },
  small: { segmentBytes: 4 * MIB, piecesPerRound: 2, warmups: 0, rounds: 2 },
};

const SCAN = "rivulet, scan with both indexes";
const COPY = "memory copy";

export async function measureSegment(settings: BenchSettings): Promise<Part> {
  const { segmentBytes, piecesPerRound, ...rounds } = SHAPES[settings.mode];
  const engine = loadEngine(settings.root);
  const segment = makeSegment(engine, settings.seed, segmentBytes);
  const copied = new Uint8Array(segment.length).fill(1);
  let scanner = startScan(engine);
  const contenders = [
    inPieces(SCAN, segment.length, piecesPerRound, (at, end) => {
      if (at === 0) scanner = startScan(engine);
      feed(scanner, segment.subarray(at, end), end === segment.length);
    }),
    inPieces(COPY, segment.length, piecesPerRound, (at, end) => copied.set(segment.subarray(at, end), at)),
  ];
  const results = await interleave(contenders, rounds);
  const value = ratio(results, MEGABYTES, SCAN, COPY);
  const whole = wholeScan(engine, segment);
  return {
    table: {
      title: "segment",
      metrics: [MEGABYTES],
      ratioTo: COPY,
      cases: [{ name: `${segmentBytes / MIB} MiB in pieces of 1 MiB`, results }],
    },
    aims: barAndAim("recovery scan of a segment with both indexes, times a memory copy", [0.35, 0.6], value),
    counts: { batches: whole.batches },
    hash: whole.hash,
  };
}

/** Takes `pieces` of 1 MiB in each round, of `length` bytes in all, over and over. */
function inPieces(
  name: string,
  length: number,
  pieces: number,
  take: (at: number, end: number) => void,
): Contender {
  let at = 0;
  return {
    name,
    round: () => {
      let bytes = 0;
      const begin = performance.now();
      for (let piece = 0; piece < pieces; piece++) {
        const end = Math.min(at + PIECE_BYTES, length);
        take(at, end);
        bytes += end - at;
        at = end === length ? 0 : end;
      }
      return { [MEGABYTES]: bytes / 1000 / (performance.now() - begin) };
    },
  };
}

function startScan(engine: Engine): SegmentScanner {
  return engine.scanner({
    baseOffset: 0n,
    nextOffset: 0n,
    position: 0,
    indexIntervalBytes: INDEX_INTERVAL_BYTES,
    batchBytesMax: MIB,
  });
}

function feed(scanner: SegmentScanner, piece: Uint8Array, isLast: boolean): void {
  const status = scanner.feed(piece);
  if (status === OK || (status === TORN && !isLast)) return;
  throw new Error(`the scan stopped with ${status} at ${scanner.validBytes}`);
}

function wholeScan(engine: Engine, segment: Uint8Array): { batches: number; hash: string } {
  const scanner = startScan(engine);
  let batches = 0;
  for (let at = 0; at < segment.length; at += PIECE_BYTES) {
    feed(scanner, segment.subarray(at, at + PIECE_BYTES), at + PIECE_BYTES >= segment.length);
    batches += scanner.batches.length;
  }
  return { batches, hash: checksum([scanner.offsetIndex(), scanner.timeIndex()]) };
}

/** Whole batches that come to at most `bytes`, one after the other, with the offsets that a leader gives them. */
function makeSegment(engine: Engine, seed: number, bytes: number): Uint8Array {
  const batches = makeBatches(engine, seed);
  const segment = new Uint8Array(bytes);
  let at = 0;
  let offset = 0n;
  for (let index = 0; ; index++) {
    const batch = batches[index % batches.length];
    if (batch === undefined || at + batch.length > bytes) return segment.subarray(0, at);
    segment.set(batch, at);
    const header = new BatchHeader(segment, at);
    header.stamp(offset, 0);
    offset = header.lastOffset + 1n;
    at += batch.length;
  }
}

function makeBatches(engine: Engine, seed: number): Uint8Array[] {
  const events = clickStream(seed);
  return Array.from({ length: DISTINCT_BATCHES }, (_, batch) => {
    const records = [];
    for (let bytes = 0; bytes < BATCH_BYTES;) {
      const value = Uint8Array.from(Buffer.from(events.next().value));
      records.push({ key: null, value, timestamp: 1_767_600_000_000 + batch });
      bytes += value.length;
    }
    return engine.writeBatch(records, {
      codec: CODEC_NONE,
      producerId: -1n,
      producerEpoch: -1,
      baseSequence: -1,
      bytesMax: MIB,
    });
  });
}
