/** Rule 3: looks for batches of ours in the log itself, by producer id, epoch and sequence, before anything is sealed again. */
import { CRC_AT } from "../engine-as/format.ts";
import { fetch as fetchApi } from "../wire/apis/fetch.ts";
import { ErrorCode, errorName, KafkaError } from "../wire/errors.ts";
import type { Connection } from "./connection.ts";
import { EARLIEST, LATEST, logOffset } from "./log-offsets.ts";
import { batchesOf } from "./joined-range.ts";
import type { FrozenBatch } from "./outbox-store.ts";

export interface ReadBack {
  /** Base offsets of the batches that stand in the log, by batch id. */
  readonly found: ReadonlyMap<number, bigint>;
  /** Batches whose range is gone, at least in part: whether they arrived cannot be known. By batch id. */
  readonly gone: ReadonlySet<number>;
}

const PIECE_BYTES = 1024 * 1024;

/** `batches` are of one partition. What is in neither answer is not in the log below its present high watermark. */
export async function readBack(connection: Connection, batches: readonly FrozenBatch[]): Promise<ReadBack> {
  const found = new Map<number, bigint>();
  const first = batches[0];
  if (first === undefined) return { found, gone: new Set() };
  const { topic, partition } = first;
  const logStart = await logOffset(connection, topic, partition, EARLIEST);
  const end = await logOffset(connection, topic, partition, LATEST);
  const earliest = batches.reduce(
    (least, batch) => (batch.endBefore < least ? batch.endBefore : least),
    first.endBefore,
  );
  const bySequence = new Map(
    batches.map((batch) => [identity(batch.producerId, batch.producerEpoch, batch.baseSequence), batch.id]),
  );
  let at = earliest < logStart ? logStart : earliest;
  while (at < end && found.size < batches.length) {
    const before = at;
    for (const { header } of batchesOf(await fetchPiece(connection, first, at))) {
      const id = bySequence.get(identity(header.producerId, header.producerEpoch, header.baseSequence));
      if (id !== undefined) found.set(id, header.baseOffset);
      if (header.lastOffset >= at) at = header.lastOffset + 1n;
    }
    // Compaction may have left nothing up to the end.
    if (at === before) break;
  }
  const gone = batches
    .filter((batch) => batch.endBefore < logStart && !found.has(batch.id))
    .map((batch) => batch.id);
  return { found, gone: new Set(gone) };
}

/** Whether the batch at `offset` is this very one, by all that its CRC covers: producer id, sequence and records. */
export async function standsAt(connection: Connection, batch: FrozenBatch, offset: bigint): Promise<boolean> {
  let piece: Uint8Array;
  try {
    piece = await fetchPiece(connection, batch, offset);
  } catch (error) {
    // Retention has taken it: it is not what was just written.
    if (error instanceof KafkaError && error.code === ErrorCode.OFFSET_OUT_OF_RANGE) return false;
    throw error;
  }
  for (const { at, header } of batchesOf(piece)) {
    if (header.baseOffset === offset) return crcOf(piece, at) === crcOf(batch.bytes, 0);
  }
  return false;
}

function crcOf(batches: Uint8Array, at: number): number {
  return new DataView(batches.buffer, batches.byteOffset).getUint32(at + CRC_AT);
}

function identity(producerId: bigint, epoch: number, sequence: number): string {
  return `${producerId}/${epoch}/${sequence}`;
}

async function fetchPiece(
  connection: Connection,
  { topic, topicId, partition }: FrozenBatch,
  offset: bigint,
): Promise<Uint8Array> {
  const answer = await connection.request(fetchApi, {
    replicaId: -1,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: PIECE_BYTES,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [
      {
        topic,
        topicId,
        partitions: [
          {
            partition,
            currentLeaderEpoch: -1,
            fetchOffset: offset,
            logStartOffset: -1n,
            partitionMaxBytes: PIECE_BYTES,
          },
        ],
      },
    ],
    forgottenTopicsData: [],
  });
  const mine = answer.responses[0]?.partitions[0];
  const code =
    answer.errorCode === ErrorCode.NONE
      ? (mine?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR)
      : answer.errorCode;
  if (code !== ErrorCode.NONE)
    throw new KafkaError(code, `reading back ${topic}-${partition} at ${offset}: ${errorName(code)}`);
  return mine?.records ?? new Uint8Array();
}
