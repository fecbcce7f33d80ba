/**
 * A replica's log in the page's own thread: what the SDK's worker runs, from the encoding of the values to its reader, with
 * nothing between them. Objects become record batches as the outbox seals them, and are taken in as what a gateway sends is:
 * every batch is checked, joined, indexed and stored with its neighbours in rows of about 1 MiB.
 */
import { CODEC_NONE } from "../../engine-as/format.ts";
import { BatchHeader } from "../../log/batch.ts";
import type { Engine } from "../../log/engine.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import { UNCOMPRESSED_BYTES_MAX } from "../../web-client/core/limits.ts";
import { ReplicaReader } from "../../web-client/core/replica-reader.ts";
import { ReplicaTopic } from "../../web-client/core/replica-topic.ts";
import { json, text } from "../../web-client/core/serializer.ts";
import { textRecord } from "../../web-client/core/encode-record.ts";
import { packRecords } from "../../web-client/core/pack-records.ts";
import { eachRecord } from "../../sync/run-records.ts";
import { openReplicas } from "../../web-client/replica-database.ts";
import { IdbStore } from "../../web-client/idb-store.ts";
import { wholeEngine } from "../../log/wasm-engine.ts";
import { loadEngine } from "../../web-client/load-engine.ts";
import { systemClock } from "../../web-client/system-clock.ts";
import type { EventStore } from "./event-store.ts";
import type { DeviceEvent } from "./events.ts";

/** As the outbox seals them. */
const BATCH_RECORDS = 1000;
/** Of batches that are appended at once, as a follower joins them. */
const JOINED_BYTES = 1024 * 1024;
const TOPIC = "events";
const TOPIC_ID = "00000000-0000-0000-0000-000000000001";

const events = json<DeviceEvent>();
const CODEC = { key: text(), value: events };

export async function openLog(name: string): Promise<EventStore> {
  const engine = wholeEngine(await loadEngine());
  const database = await openReplicas(indexedDB, name, () => undefined);
  const store = new IdbStore(database, "relaxed", () => 1);
  const kept = new ReplicaTopic({
    topic: TOPIC,
    clock: systemClock,
    keep: {},
    cleanup: undefined,
    onCleanup: () => undefined,
  });
  const log = await PartitionLog.open({
    store,
    engine,
    clock: systemClock,
    topic: TOPIC,
    topicId: TOPIC_ID,
    partition: 0,
    config: kept.config,
    uncompressedBytesMax: UNCOMPRESSED_BYTES_MAX,
    clean: false,
  });
  const reader = new ReplicaReader({ store, engine, directory: `${TOPIC}-0`, log: () => log });
  const at = async (offset: bigint): Promise<DeviceEvent | undefined> => {
    const value = (await reader.recordAt(offset))?.value;
    return value ? events.decode(value) : undefined;
  };
  return {
    add: async (added) => {
      const appended: Promise<void>[] = [];
      for (const { bytes, from, to } of sealed(engine, added))
        appended.push(log.appendReplica(bytes, { from, to }));
      await Promise.all(appended);
    },
    at: (offset) => at(BigInt(offset)),
    since: async (time) => {
      const offset = await reader.offsetAt(BigInt(time));
      return offset === undefined ? undefined : at(offset);
    },
    scan: async (visit) => {
      for await (const records of reader.read(0n, { told: () => undefined, onMissing: () => undefined }))
        for (const { value } of records) if (value !== null) visit(events.decode(value));
    },
    close: async () => {
      await log.close();
      database.close();
    },
  };
}

interface Sealed {
  readonly bytes: Uint8Array;
  readonly from: bigint;
  readonly to: bigint;
}

/** Batches with their offsets, joined. */
function* sealed(engine: Engine, added: readonly DeviceEvent[]): Generator<Sealed, void, void> {
  const joined = new Uint8Array(JOINED_BYTES);
  let [from, to, filled] = [0n, 0n, 0];
  for (let first = 0; first < added.length; first += BATCH_RECORDS) {
    const run = packRecords(
      added
        .slice(first, first + BATCH_RECORDS)
        .map((value) => textRecord({ value, timestamp: value.at }, CODEC)),
    );
    const records = eachRecord(run, ({ timestamp = 0, ...record }) => ({ ...record, timestamp }));
    const batch = engine.writeBatch(records, {
      codec: CODEC_NONE,
      producerId: -1n,
      producerEpoch: -1,
      baseSequence: -1,
      bytesMax: JOINED_BYTES,
    });
    new BatchHeader(batch).stamp(to, 0);
    if (filled + batch.byteLength > JOINED_BYTES) {
      yield { bytes: joined.slice(0, filled), from, to };
      [from, filled] = [to, 0];
    }
    joined.set(batch, filled);
    filled += batch.byteLength;
    to += BigInt(records.length);
  }
  yield { bytes: joined.slice(0, filled), from, to };
}
