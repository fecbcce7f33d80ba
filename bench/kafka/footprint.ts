/** How long a server takes from its start to its first answer, and what memory it holds at rest. */
import { setTimeout } from "node:timers/promises";
import type { Sample } from "../harness.ts";
import { residentBytes } from "../many/process-figures.ts";
import { makeTopics, type Running, type Server } from "../many/servers.ts";
import type { Size } from "./plan.ts";
import { untilLed } from "./servers.ts";
import { IDLE, START } from "./tables.ts";
import { MEBIBYTE } from "./turns.ts";

const TOPIC = "footprint";
const PARTITIONS = 16;

/**
 * Starts a server several times over the topic that its first start has made, and leaves it running. The first start does
 * not count where there are others: it finds cold files.
 */
export async function startOften(
  server: Server,
  { starts, idleMs }: Size,
): Promise<{ running: Running; samples: Sample[] }> {
  let { running, sample } = await startOnce(server, 0, idleMs);
  await makeTopics(running.port, [TOPIC], PARTITIONS);
  const samples = starts === 1 ? [sample] : [];
  while (samples.length < starts - 1) {
    await running.end("SIGTERM");
    ({ running, sample } = await startOnce(server, PARTITIONS, idleMs));
    samples.push(sample);
  }
  return { running, samples };
}

/** The first answer that counts names a leader for each partition: what it says before, clients have to ask again. */
async function startOnce(
  server: Server,
  partitions: number,
  idleMs: number,
): Promise<{ running: Running; sample: Sample }> {
  const begin = performance.now();
  const running = await server.start();
  await untilLed(running.port, undefined, partitions);
  const seconds = (performance.now() - begin) / 1000;
  await setTimeout(idleMs);
  return { running, sample: { [START]: seconds, [IDLE]: (await residentBytes(running.pid)) / MEBIBYTE } };
}
