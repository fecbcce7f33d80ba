/**
 * Thousands of Kafka connections, in a process of its own: their memory and CPU time are not the server's, and killing it
 * ends them all at once.
 */
import { apiVersions } from "../../wire/apis/api-versions.ts";
import { listOffsets } from "../../wire/apis/list-offsets.ts";
import { metadata } from "../../wire/apis/metadata.ts";
import { CODEC_NONE } from "../../engine-as/format.ts";
import { BatchHeader } from "../../log/batch.ts";
import { serveParent } from "../child.ts";
import { clickStreamRecords } from "../click-stream.ts";
import { loadEngine } from "../engine.ts";
import { openKafkaClient, type KafkaClient } from "../kafka-client.ts";
import { fetchFrom, produceTo, type Place } from "./calls.ts";
import { Latencies, paced, inParallel, type LatencySummary } from "./pace.ts";

export type CrowdCommands = {
  /** Before anything else. Answers how many records a large batch has. */
  prepare: (settings: { root: string; seed: number; port: number }) => number;
  /** Opens connections that each ask for ApiVersions and for the metadata of one topic. Answers milliseconds. */
  gather: (request: { connections: number; topics: readonly string[] }) => Promise<number>;
  /** Connections in turn produce a record or fetch one, at a steady pace. Latencies count from when a request was due. */
  tickOver: (request: TickOver) => Promise<{ produce: LatencySummary; fetch: LatencySummary }>;
  /** Connections follow some partitions each from their ends, as consumers do, until `stopPolling`. */
  startPolling: (request: Polling) => Promise<void>;
  /** Produces a record for each reader in turn, at a steady pace. Latencies are from its sending to its arrival there. */
  wake: (request: { records: number; perSecond: number }) => Promise<LatencySummary>;
  stopPolling: () => Promise<void>;
  /** A large batch to each partition in turn. Answers MB/s. */
  produceInTurn: (turns: InTurn) => Promise<number>;
  /** As much as a large batch from the start of each partition in turn. Answers MB/s. */
  fetchInTurn: (turns: InTurn) => Promise<number>;
};

export interface TickOver {
  readonly places: readonly Place[];
  readonly requests: number;
  readonly perSecond: number;
}

export interface Polling {
  readonly places: readonly Place[];
  readonly readers: number;
  readonly partitionsEach: number;
  readonly waitMs: number;
}

export interface InTurn {
  readonly places: readonly Place[];
  /** Of one partition each, in the order of `places`, round and round. */
  readonly requests: number;
  /** Under way at once, each on a connection of its own. */
  readonly atOnce: number;
}

/** A connection that follows partitions, the first of which it is woken by. */
interface Reader {
  readonly client: KafkaClient;
  readonly offsets: Map<Place, bigint>;
  readonly first: Place;
  /** Hears of records. */
  onRecords: () => void;
}

const LIST_OFFSETS_VERSION = 5;
const METADATA_VERSION = 9;
const LATEST = -1n;
const OPENING_AT_ONCE = 64;
export const LARGE_BYTES = 64 * 1024;
const RECORD_BYTES = 1024;

let port = 0;
let small: Uint8Array = new Uint8Array(0);
let large: Uint8Array = new Uint8Array(0);
const crowd: KafkaClient[] = [];
let readers: Reader[] = [];
let polling: Promise<unknown> = Promise.resolve();
let isPolling = false;

const commands: CrowdCommands = {
  prepare: ({ root, seed, port: given }) => {
    port = given;
    const engine = loadEngine(root);
    const recordsPerBatch = Math.floor(LARGE_BYTES / (RECORD_BYTES + 16));
    const values = clickStreamRecords(seed, recordsPerBatch, RECORD_BYTES);
    const sealed = (records: number): Uint8Array =>
      engine.writeBatch(
        values.slice(0, records).map((value) => ({ key: null, value, timestamp: Date.now() })),
        { codec: CODEC_NONE, producerId: -1n, producerEpoch: -1, baseSequence: -1, bytesMax: LARGE_BYTES },
      );
    small = sealed(1);
    large = sealed(recordsPerBatch);
    return recordsPerBatch;
  },

  gather: async ({ connections, topics }) => {
    const begin = performance.now();
    await inParallel(connections, OPENING_AT_ONCE, async (at) => {
      const client = await openKafkaClient(port, lost);
      await client.request(apiVersions, 3, { clientSoftwareName: "crowd", clientSoftwareVersion: "1" });
      const name = topics[at % topics.length] ?? "";
      await client.request(metadata, METADATA_VERSION, { topics: [{ name }] });
      crowd.push(client);
    });
    return performance.now() - begin;
  },

  tickOver: async ({ places, requests, perSecond }) => {
    const [produced, fetched] = [new Latencies(), new Latencies()];
    await paced(requests, perSecond, async (at, dueMs) => {
      const client = item(crowd, at);
      // Neighbours, so that partitions are produced to and fetched from.
      const place = item(places, at >> 1);
      if (at % 2 === 0) {
        await produceTo(client, place, small);
        produced.since(dueMs);
      } else {
        await fetchFrom(client, { offsets: new Map([[place, 0n]]), maxWaitMs: 0, bytes: RECORD_BYTES });
        fetched.since(dueMs);
      }
    });
    return { produce: produced.summary(), fetch: fetched.summary() };
  },

  startPolling: async ({ places, readers: count, partitionsEach, waitMs }) => {
    isPolling = true;
    readers = await Promise.all(
      Array.from({ length: count }, async (_, at) => {
        const client = item(crowd, at);
        const own = Array.from({ length: partitionsEach }, (_, nth) =>
          item(places, at * partitionsEach + nth),
        );
        return { client, offsets: await endsOf(client, own), first: item(own, 0), onRecords: () => {} };
      }),
    );
    polling = Promise.all(readers.map((reader) => follow(reader, waitMs)));
  },

  wake: async ({ records, perSecond }) => {
    const woken = new Latencies();
    const writer = await openKafkaClient(port, lost);
    await paced(records, perSecond, async (at) => {
      const reader = item(readers, at);
      const sentMs = performance.now();
      const arrived = new Promise<void>((resolve) => (reader.onRecords = resolve));
      await produceTo(writer, reader.first, small);
      await arrived;
      woken.since(sentMs);
    });
    writer.close();
    return woken.summary();
  },

  stopPolling: async () => {
    isPolling = false;
    await polling;
  },

  produceInTurn: (turns) => inTurn(turns, (client, place) => produceTo(client, place, large)),

  fetchInTurn: (turns) =>
    inTurn(turns, async (client, place) => {
      const wanted = { offsets: new Map([[place, 0n]]), maxWaitMs: 0, bytes: LARGE_BYTES };
      const [bytes] = (await fetchFrom(client, wanted)).values();
      if (bytes === undefined) throw new Error(`${place.topic} has nothing to fetch`);
      return bytes.length;
    }),
};

/** Fetches as a consumer does: again and again in one session, naming only what it has come further in. */
async function follow(reader: Reader, waitMs: number): Promise<void> {
  const { client, offsets } = reader;
  const session = { id: 0, epoch: 0 };
  let moved = new Map(offsets);
  while (isPolling) {
    const wanted = { offsets: moved, bytes: RECORD_BYTES * 16, maxWaitMs: waitMs, session };
    const found = await fetchFrom(client, wanted);
    moved = new Map();
    for (const place of offsets.keys()) {
      const bytes = found.get(`${place.topic}-${place.partition}`);
      if (bytes !== undefined) moved.set(place, endOf(bytes));
    }
    if (moved.size > 0) reader.onRecords();
  }
}

/** The offset after the last whole batch. */
function endOf(batches: Uint8Array): bigint {
  let end = 0n;
  for (let at = 0; at < batches.length;) {
    const header = new BatchHeader(batches, at);
    at += header.bytes;
    if (at <= batches.length) end = header.lastOffset + 1n;
  }
  return end;
}

async function endsOf(client: KafkaClient, places: readonly Place[]): Promise<Map<Place, bigint>> {
  const topics = places.map(({ topic, partition }) => ({
    name: topic,
    partitions: [{ partitionIndex: partition, timestamp: LATEST }],
  }));
  const body = { replicaId: -1, isolationLevel: 0, topics };
  const answer = await client.request(listOffsets, LIST_OFFSETS_VERSION, body);
  const offsets = answer.topics.flatMap(({ partitions }) => partitions.map(({ offset }) => offset));
  return new Map(places.map((place, at) => [place, offsets[at] ?? 0n]));
}

async function inTurn(
  { places, requests, atOnce }: InTurn,
  call: (client: KafkaClient, place: Place) => Promise<number>,
): Promise<number> {
  const clients = await Promise.all(Array.from({ length: atOnce }, () => openKafkaClient(port, lost)));
  let bytes = 0;
  const begin = performance.now();
  await inParallel(requests, atOnce, async (at, worker) => {
    const taken = await call(item(clients, worker), item(places, at));
    bytes += taken;
  });
  const milliseconds = performance.now() - begin;
  for (const client of clients) client.close();
  return bytes / 1000 / milliseconds;
}

/** Round and round. */
function item<Item>(items: readonly Item[], at: number): Item {
  const found = items[at % items.length];
  if (found === undefined) throw new Error("there is nobody and nothing yet");
  return found;
}

function lost(reason: string): void {
  process.stderr.write(`crowd: ${reason}\n`);
}

serveParent(commands);
