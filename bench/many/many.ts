/**
 * Many: thousands of partitions and thousands of connections on one server, most of them idle. How long it takes to start
 * over them, what they cost while nothing happens, and how it serves a crowd in which everybody does a little.
 */
import { setTimeout } from "node:timers/promises";
import type { BenchSettings, Mode } from "../bench.ts";
import { checksum } from "../checksum.ts";
import { startChild, type Child } from "../child.ts";
import { withCleanup, type Defer } from "../cleanup.ts";
import { spread, type Result, type Sample } from "../harness.ts";
import { openKafkaClient } from "../kafka-client.ts";
import type { BenchReport, Table } from "../report.ts";
import { fetchFrom, type Place } from "./calls.ts";
import type { CrowdCommands } from "./crowd.ts";
import { cpuSecondsPerMinute, openFiles, residentBytes } from "./process-figures.ts";
import { makeTopics, partitionsLed, rivulet, type Running, type Server } from "./servers.ts";

interface Size {
  readonly topics: number;
  readonly partitionsEach: number;
  readonly connections: number;
  /** Starts after a clean stop, and as many after a kill. */
  readonly starts: number;
  readonly idleSeconds: number;
  /** How long it is left alone before that. */
  readonly settleMs: number;
  readonly tickOver: { readonly requests: number; readonly perSecond: number };
  readonly readers: number;
  readonly partitionsPerReader: number;
  readonly wakes: { readonly records: number; readonly perSecond: number };
  /** Rounds over all partitions. */
  readonly rounds: number;
  readonly fewPartitions: number;
}

const sizes: Readonly<Record<Mode, Size>> = {
  full: {
    topics: 20,
    partitionsEach: 100,
    connections: 5000,
    starts: 3,
    idleSeconds: 20,
    settleMs: 2000,
    tickOver: { requests: 10_000, perSecond: 500 },
    readers: 1000,
    partitionsPerReader: 4,
    wakes: { records: 1000, perSecond: 100 },
    rounds: 3,
    fewPartitions: 16,
  },
  small: {
    topics: 2,
    partitionsEach: 20,
    connections: 40,
    starts: 1,
    idleSeconds: 0.1,
    settleMs: 100,
    tickOver: { requests: 80, perSecond: 400 },
    readers: 10,
    partitionsPerReader: 2,
    wakes: { records: 10, perSecond: 100 },
    rounds: 1,
    fewPartitions: 4,
  },
};

const AT_ONCE = 16;
/** Kafka's default of `fetch.max.wait.ms`. */
const POLL_MS = 500;
const MEBIBYTE = 2 ** 20;

/** Samples by the table that they belong to, one or more for each. */
type Taken = Map<string, Sample[]>;

export function manyBench(settings: BenchSettings): Promise<BenchReport> {
  return withCleanup((defer) => measureServers(settings, defer));
}

async function measureServers(settings: BenchSettings, defer: Defer): Promise<BenchReport> {
  const size = sizes[settings.mode];
  if (process.platform !== "linux")
    return leftOut("left out: what a process holds is read from Linux's /proc");
  const server = await rivulet(settings);
  defer(() => server.remove());
  const measured = [{ server, taken: await measure(settings, size, server, defer) }];
  const titles = [...(measured[0]?.taken.keys() ?? [])];
  const tables = titles.map((title): Table => {
    const results = measured.map(({ server: { name }, taken }) => resultOf(name, taken.get(title) ?? []));
    return {
      title,
      metrics: Object.keys(results[0]?.metrics ?? {}),
      cases: [{ name: caseOf(size), results }],
    };
  });
  const partitions = size.topics * size.partitionsEach;
  return {
    name: "many",
    tables,
    aims: [],
    notes: [],
    counts: { partitions, connections: size.connections },
    hash: checksum(placesOf(size).map(({ topic, partition }) => `${topic}-${partition}`)),
  };
}

async function measure(settings: BenchSettings, size: Size, server: Server, defer: Defer): Promise<Taken> {
  const taken: Taken = new Map();
  const take = (table: string, sample: Sample): void => {
    process.stderr.write(`bench: ${server.name}: ${table}: ${JSON.stringify(sample)}\n`);
    taken.set(table, [...(taken.get(table) ?? []), sample]);
  };
  const places = placesOf(size);
  const topics = [...new Set(places.map(({ topic }) => topic))];
  let running = await server.start();
  defer(() => running.end("SIGKILL"));
  const restart = async (signal: "SIGTERM" | "SIGKILL"): Promise<{ stop: number; start: number }> => {
    const begin = performance.now();
    await running.end(signal);
    const stopped = performance.now();
    running = await server.start();
    await untilLed(running, places.length);
    return { stop: (stopped - begin) / 1000, start: (performance.now() - stopped) / 1000 };
  };
  let crowd = await gathered(settings, running);
  defer(() => crowd.stop());

  const creating = performance.now();
  await makeTopics(running.port, topics, size.partitionsEach);
  await untilLed(running, places.length);
  const created = (performance.now() - creating) / 1000;
  await crowd.call("produceInTurn", { places, requests: places.length, atOnce: AT_ONCE });
  await crowd.stop();
  for (let round = 0; round < size.starts; round++) {
    const clean = await restart("SIGTERM");
    crowd = await gathered(settings, running);
    await crowd.call("produceInTurn", { places, requests: places.length, atOnce: AT_ONCE });
    const killed = await restart("SIGKILL");
    await crowd.stop();
    take("start", {
      "create s": created,
      "stop s": clean.stop,
      "start s": clean.start,
      "start after kill -9 s": killed.start,
    });
  }
  await restart("SIGTERM");
  await setTimeout(size.settleMs);
  take("idle", await idle(running, size));

  crowd = await gathered(settings, running);
  const before = await residentBytes(running.pid);
  const openMs = await crowd.call("gather", { connections: size.connections, topics });
  await setTimeout(size.settleMs);
  const { "CPU s/min": cpu = 0 } = await idle(running, size);
  take("idle connections", {
    "opened/s": (size.connections / openMs) * 1000,
    "KiB each": ((await residentBytes(running.pid)) - before) / 1024 / size.connections,
    "CPU s/min": cpu,
  });

  const tickingCpu = cpuSecondsPerMinute(running.pid, size.tickOver.requests / size.tickOver.perSecond);
  const ticked = await crowd.call("tickOver", { places, ...size.tickOver });
  take(`${size.tickOver.perSecond} requests/s from all connections in turn`, {
    "produce p50 ms": ticked.produce.p50,
    "p99 ms": ticked.produce.p99,
    "fetch p50 ms": ticked.fetch.p50,
    "fetch p99 ms": ticked.fetch.p99,
    "CPU s/min": await tickingCpu,
  });

  const { readers, partitionsPerReader: partitionsEach, wakes } = size;
  await crowd.call("startPolling", { places, readers, partitionsEach, waitMs: POLL_MS });
  const pollingCpu = await cpuSecondsPerMinute(running.pid, size.idleSeconds);
  const woken = await crowd.call("wake", wakes);
  await crowd.call("stopPolling", undefined);
  take(`${readers} of them follow ${partitionsEach} partitions each`, {
    "CPU s/min, idle": pollingCpu,
    "woken p50 ms": woken.p50,
    "woken p99 ms": woken.p99,
  });

  take("all connections killed at once", await killed(running, crowd, places));
  take("after it", await idle(running, size));

  crowd = await gathered(settings, running);
  for (let round = 0; round < size.rounds; round++)
    take("partitions in turn", await inTurn(running, crowd, size, places));
  await crowd.stop();
  await running.end("SIGTERM");
  return taken;
}

async function gathered(settings: BenchSettings, { port }: Running): Promise<Child<CrowdCommands>> {
  const crowd = await startChild<CrowdCommands>(settings.scripts, "many/crowd");
  await crowd.call("prepare", { root: settings.root, seed: settings.seed, port });
  return crowd;
}

async function idle({ pid }: Running, { idleSeconds }: Size): Promise<Sample> {
  const cpu = await cpuSecondsPerMinute(pid, idleSeconds);
  const { files, sockets } = await openFiles(pid);
  return { MiB: (await residentBytes(pid)) / MEBIBYTE, files, sockets, "CPU s/min": cpu };
}

/** How long it takes until the sockets of a killed crowd are gone, and how long another client waits meanwhile. */
async function killed(
  running: Running,
  crowd: Child<CrowdCommands>,
  places: readonly Place[],
): Promise<Sample> {
  const bystander = await openKafkaClient(running.port, () => {});
  const offsets = new Map(places.slice(0, 1).map((place) => [place, 0n]));
  const { sockets: before } = await openFiles(running.pid);
  const begin = performance.now();
  await crowd.stop();
  let worst = 0;
  let sockets = before;
  while (sockets > before / 2 || sockets > 20) {
    const asked = performance.now();
    await fetchFrom(bystander, { offsets, maxWaitMs: 0, bytes: 1 });
    worst = Math.max(worst, performance.now() - asked);
    ({ sockets } = await openFiles(running.pid));
    if (performance.now() - begin > 60_000) throw new Error(`${sockets} sockets are still open`);
  }
  bystander.close();
  return { "gone after ms": performance.now() - begin, "bystander's longest wait ms": worst };
}

async function inTurn(
  { port }: Running,
  crowd: Child<CrowdCommands>,
  { fewPartitions }: Size,
  places: readonly Place[],
): Promise<Sample> {
  const requests = places.length;
  const few = places.slice(0, fewPartitions);
  const produceFew = await crowd.call("produceInTurn", { places: few, requests, atOnce: AT_ONCE });
  const produceAll = await crowd.call("produceInTurn", { places, requests, atOnce: AT_ONCE });
  const fetchFew = await crowd.call("fetchInTurn", { places: few, requests, atOnce: AT_ONCE });
  const fetchAll = await crowd.call("fetchInTurn", { places, requests, atOnce: AT_ONCE });
  const begin = performance.now();
  await partitionsLed(port);
  const metadataMs = performance.now() - begin;
  return {
    [`produce MB/s, ${fewPartitions}`]: produceFew,
    "produce MB/s, all": produceAll,
    [`fetch MB/s, ${fewPartitions}`]: fetchFew,
    "fetch MB/s, all": fetchAll,
    "metadata of all ms": metadataMs,
  };
}

async function untilLed({ port }: Running, partitions: number): Promise<void> {
  const deadline = performance.now() + 120_000;
  while ((await partitionsLed(port)) < partitions) {
    if (performance.now() > deadline) throw new Error(`not all of ${partitions} partitions were led in time`);
    await setTimeout(20);
  }
}

function placesOf({ topics, partitionsEach }: Size): Place[] {
  return Array.from({ length: topics * partitionsEach }, (_, at) => ({
    topic: `many-${Math.floor(at / partitionsEach)}`,
    partition: at % partitionsEach,
  }));
}

function caseOf({ topics, partitionsEach, connections }: Size): string {
  return `${topics * partitionsEach} partitions, ${connections} connections`;
}

function resultOf(contender: string, samples: readonly Sample[]): Result {
  const names = Object.keys(samples[0] ?? {});
  const valuesOf = (name: string): number[] => samples.flatMap((sample) => sample[name] ?? []);
  return { contender, metrics: Object.fromEntries(names.map((name) => [name, spread(valuesOf(name))])) };
}

function leftOut(note: string): BenchReport {
  return { name: "many", tables: [], aims: [], notes: [note], counts: {}, hash: "" };
}
