/** Takes in a partition's history in ways that do less than a replica does. */
import { deleteDB, openDB } from "idb";
import { BatchHeader } from "../../log/batch.ts";
import type { Engine } from "../../log/engine.ts";
import { PartitionLog } from "../../log/partition-log.ts";
import { bulkHistory } from "../../sync/bulk-history.ts";
import { ReplicaTopic } from "../../web-client/core/replica-topic.ts";
import { openReplicas } from "../../web-client/replica-database.ts";
import { httpHistory } from "../../web-client/http-gateway.ts";
import { IdbStore } from "../../web-client/idb-store.ts";
import { wholeEngine } from "../../log/wasm-engine.ts";
import { loadEngine } from "../../web-client/load-engine.ts";
import { systemClock } from "../../web-client/system-clock.ts";
import type { TabRequest } from "./page.ts";

export interface BareAnswer {
  readonly milliseconds: number;
  readonly bytes: number;
}

/** Of the rows that a bare fetch is stored in: the size of a replica's. */
const ROW_BYTES = 1024 * 1024;
/** Rows that are being stored while the next one comes. */
const UNDER_WAY_MAX = 2;

const ways = {
  /** A replica's own code from the same requests to the same rows, on its own thread, but that no batch is checked. */
  unchecked: async ({ url, topic, topicId, name }: TabRequest): Promise<BareAnswer> => {
    const engine = trusting(wholeEngine(await loadEngine()));
    const database = await openReplicas(indexedDB, name, () => undefined);
    const store = new IdbStore(database, "relaxed", () => 1);
    const kept = new ReplicaTopic({
      topic,
      clock: systemClock,
      keep: {},
      cleanup: undefined,
      onCleanup: () => {},
    });
    const begin = performance.now();
    const log = await PartitionLog.open({
      store,
      engine,
      clock: systemClock,
      topic,
      topicId,
      partition: 0,
      config: kept.config,
      uncompressedBytesMax: ROW_BYTES,
      clean: false,
    });
    const from = {
      topic,
      topicId,
      partition: 0,
      source: httpHistory(new URL(url)),
      token: undefined,
      signal: new AbortController().signal,
    };
    let writing = Promise.resolve();
    for await (const range of bulkHistory(from, 0n)) {
      if (range.kind === "gap") throw new Error("history has a gap");
      const { written } = await log.takeReplica(range.records, range);
      // One is written while the next one comes, as a follower does it.
      await writing;
      writing = written;
    }
    await writing;
    const answer = { milliseconds: performance.now() - begin, bytes: log.sizeBytes };
    await log.close();
    database.close();
    await deleteDB(name);
    return answer;
  },

  /** One fetch whose bytes go into rows as they come, whatever they are. */
  fetchIntoStore: async (request: TabRequest): Promise<BareAnswer> => {
    const database = await openDB(request.name, 1, {
      upgrade: (fresh) => void fresh.createObjectStore("rows"),
    });
    let [row, filled, stored] = [new Uint8Array(ROW_BYTES), 0, 0];
    const underWay: Promise<unknown>[] = [];
    const store = async (): Promise<void> => {
      const transaction = database.transaction("rows", "readwrite", { durability: "relaxed" });
      void transaction.store.put(row.subarray(0, filled), stored);
      underWay.push(transaction.done);
      stored += filled;
      [row, filled] = [new Uint8Array(ROW_BYTES), 0];
      if (underWay.length >= UNDER_WAY_MAX) await underWay.shift();
    };
    const begin = performance.now();
    await readHistory(request, async (piece) => {
      for (let at = 0; at < piece.byteLength;) {
        const taken = piece.subarray(at, at + ROW_BYTES - filled);
        row.set(taken, filled);
        filled += taken.byteLength;
        at += taken.byteLength;
        if (filled === ROW_BYTES) await store();
      }
    });
    await store();
    await Promise.all(underWay);
    const answer = { milliseconds: performance.now() - begin, bytes: stored };
    database.close();
    await deleteDB(request.name);
    return answer;
  },

  /** One fetch, thrown away. */
  fetchOnly: async (request: TabRequest): Promise<BareAnswer> => {
    let bytes = 0;
    const begin = performance.now();
    await readHistory(request, (piece) => {
      bytes += piece.byteLength;
      return Promise.resolve();
    });
    return { milliseconds: performance.now() - begin, bytes };
  },
};
export type BareWay = keyof typeof ways;

async function readHistory(
  { url, topicId }: TabRequest,
  take: (piece: Uint8Array) => Promise<void>,
): Promise<void> {
  const response = await fetch(new URL(`/log/${topicId}/0?from=0`, url));
  if (!response.ok || response.body === null) throw new Error(`history answers ${response.status}`);
  const reader = response.body.getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) await take(piece.value);
}

/** Takes every batch for sound, and for as long as it says. */
function trusting(engine: Engine): Engine {
  return Object.assign(Object.create(engine) as Engine, {
    checkBatch: (bytes: Uint8Array) => new BatchHeader(bytes).bytes,
  });
}

interface Asked {
  readonly way: BareWay | "start";
  readonly request: TabRequest;
}

globalThis.addEventListener("message", ({ data }: MessageEvent<Asked>) => {
  const run = data.way === "start" ? () => Promise.resolve({}) : ways[data.way];
  run(data.request).then(
    (answer) => postMessage(answer),
    (error: unknown) => postMessage({ error: String(error) }),
  );
});
