/** One turn of a server: records are produced to a new topic and read again, or sent at a fixed rate and followed. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { MEGABYTES, type Sample } from "../harness.ts";
import { cpuTimeMs } from "../machine.ts";
import { makeTopics, type Running } from "../many/servers.ts";
import { residentBytes } from "../many/process-figures.ts";
import type { PerfClient } from "./perf-client.ts";
import { recordsInTurn, type Cell, type Size, type Way } from "./plan.ts";
import { LOADED } from "./tables.ts";
import { recordsOf, removeTopic, untilLed } from "./servers.ts";

export const CPU = "CPU s/GB";
export const CLIENT_CPU = "client's CPU s/GB";
export const READ = "read: ";
export const P50 = "p50 ms";
export const P99 = "p99 ms";
export const MEBIBYTE = 2 ** 20;

/** What all turns share. */
export interface Stage {
  readonly size: Size;
  readonly client: PerfClient;
  readonly servers: Readonly<Record<Way["server"], Running>>;
  /** Files of records, by the size of one. */
  readonly payloads: Readonly<Record<number, string>>;
  /** How much has been done so far. */
  readonly counts: { produced: number; read: number; timed: number };
}

let topics = 0;

/** Produces as fast as the client can, and reads it all where the way says so. */
export async function throughput(stage: Stage, cell: Cell, way: Way): Promise<Sample> {
  const { client, size, counts } = stage;
  const server = stage.servers[way.server];
  const records = recordsInTurn(size, cell, way);
  const bytes = records * cell.recordBytes;
  return inNewTopic(stage, cell, way, async (topic) => {
    let perSecond = 0;
    const producing = await cpuOf(stage, server, async () => {
      perSecond = await client.produce({ ...produceRun(stage, cell, way), topic, records });
    });
    counts.produced += records;
    const held = await recordsOf(server.port, topic, cell.partitions, records);
    if (held !== records) throw new Error(`${way.name}: ${held} of ${records} records are in the log`);
    const sample: Record<string, number> = {
      [MEGABYTES]: (perSecond * cell.recordBytes) / 1e6,
      ...perGigabyte(producing, bytes),
    };
    if (way.isRead) {
      let milliseconds = 0;
      const reading = await cpuOf(stage, server, async () => {
        milliseconds = await client.consume({ port: server.port, topic, records });
      });
      counts.read += records;
      sample[READ + MEGABYTES] = bytes / 1000 / milliseconds;
      for (const [name, value] of Object.entries(perGigabyte(reading, bytes))) sample[READ + name] = value;
    }
    sample[LOADED] = (await residentBytes(server.pid)) / MEBIBYTE;
    return sample;
  });
}

/** Produces at a fixed rate, and times each record's way to a consumer. */
export async function endToEnd(stage: Stage, cell: Cell, way: Way): Promise<Sample> {
  const { client, size, counts } = stage;
  return inNewTopic(stage, cell, way, async (topic) => {
    const run = { ...produceRun(stage, cell, way), ...size.latency, partitions: cell.partitions, topic };
    const { p50, p99, records } = await client.latency(run);
    if (records !== size.latency.records - size.latency.unmeasured)
      throw new Error(`${way.name}: ${records} records were timed`);
    counts.timed += records;
    return { [P50]: p50, [P99]: p99 };
  });
}

/** A topic for one turn. What the turn before has left to be written to the disk is written before this one begins. */
async function inNewTopic(
  stage: Stage,
  cell: Cell,
  way: Way,
  turn: (topic: string) => Promise<Sample>,
): Promise<Sample> {
  const { port } = stage.servers[way.server];
  const topic = `turn-${topics++}`;
  await makeTopics(port, [topic], cell.partitions, way.topicSettings);
  await untilLed(port, topic, cell.partitions);
  await promisify(execFile)("sync");
  const sample = await turn(topic);
  await removeTopic(port, topic);
  return sample;
}

function produceRun({ servers, payloads }: Stage, cell: Cell, { server, acks }: Way) {
  return { port: servers[server].port, payload: payloads[cell.recordBytes] ?? "", acks, codec: cell.codec };
}

interface CpuMs {
  readonly server: number;
  readonly client: number;
}

async function cpuOf({ client }: Stage, { pid }: Running, work: () => Promise<void>): Promise<CpuMs> {
  const now = (): CpuMs => ({ server: cpuTimeMs(pid) ?? 0, client: cpuTimeMs(client.pid) ?? 0 });
  const before = now();
  await work();
  const after = now();
  return { server: after.server - before.server, client: after.client - before.client };
}

function perGigabyte({ server, client }: CpuMs, bytes: number): Record<string, number> {
  const gigabytes = bytes / 1e9;
  return { [CPU]: server / 1000 / gigabytes, [CLIENT_CPU]: client / 1000 / gigabytes };
}
