/**
 * Side by side with Apache Kafka: the same Java tools write to both and read from both, in turns, on one file system.
 * Needs a JDK, and Maven where Kafka's jars are not fetched yet.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findOnPath } from "../../test/tools/find-on-path.ts";
import { kafkaToolsAreFetched, kafkaToolsVersion } from "../../test/tools/kafka-tools.ts";
import { run } from "../../test/tools/run-process.ts";
import type { BenchSettings } from "../bench.ts";
import { checksum } from "../checksum.ts";
import { withCleanup, type Defer } from "../cleanup.ts";
import { interleave, spreads, type Result, type Sample } from "../harness.ts";
import { openKafkaClient } from "../kafka-client.ts";
import { peakResidentBytes } from "../many/process-figures.ts";
import { makeTopics, rivulet, type Running, type Server } from "../many/servers.ts";
import { readValues } from "../produce/read-values.ts";
import type { BenchReport, TableCase } from "../report.ts";
import { startOften } from "./footprint.ts";
import { writePayload } from "./payloads.ts";
import { startPerfClient } from "./perf-client.ts";
import { sizes, ways, type Cell, type Size, type Way } from "./plan.ts";
import { kafka, recordsOf, untilLed } from "./servers.ts";
import { LOADED, pageOf, PEAK } from "./tables.ts";
import { endToEnd, MEBIBYTE, throughput, type Stage } from "./turns.ts";

/** Of the topic that is read back from both servers. */
const CHECKED_RECORDS = 500;

type Turn = (stage: Stage, cell: Cell, way: Way) => Promise<Sample>;

export function kafkaBench(settings: BenchSettings): Promise<BenchReport> {
  const why = missing();
  if (why === undefined) return withCleanup((defer) => compare(settings, defer));
  if (process.env.RIVULET_REQUIRE_TOOLS === "1") return Promise.reject(new Error(why));
  return Promise.resolve({
    name: "kafka",
    tables: [],
    aims: [],
    notes: [`left out: ${why}`],
    counts: {},
    hash: "",
  });
}

function missing(): string | undefined {
  if (process.platform !== "linux") return "what a process holds is read from Linux's /proc";
  if (findOnPath("javac") === undefined) return "there is no JDK: apt-get install openjdk-17-jdk-headless";
  const canFetch = kafkaToolsAreFetched() || findOnPath("mvn") !== undefined;
  return canFetch ? undefined : "there is no Maven to fetch Kafka with: apt-get install maven";
}

async function compare(settings: BenchSettings, defer: Defer): Promise<BenchReport> {
  const { mode, only = [] } = settings;
  const isWanted = (name: string): boolean => only.every((text) => name.includes(text));
  const size = { ...sizes[mode], ...(settings.rounds === undefined ? {} : { rounds: settings.rounds }) };
  const processes = new Map<string, Sample[]>();
  const stage = await setUp(
    settings,
    isWanted("footprint") ? size : { ...size, starts: 1 },
    processes,
    defer,
  );
  const hash = await readBack(settings, stage);
  const cellsOf = (part: string): Cell[] => size.cells.filter(({ name }) => isWanted(`${part} ${name}`));
  const [first, ...others] = ["throughput", "latency"].flatMap(cellsOf);
  if (first !== undefined && size.warmsUp) await warmUp(stage, [first, others.at(-1) ?? first]);
  const notes = [await clientsAndServers()];
  const through = await takeTurns(stage, cellsOf("throughput"), notes, throughput, (way, sample) => {
    const loaded = sample[LOADED];
    if (loaded === undefined) return;
    processes.set(way.server, [...(processes.get(way.server) ?? []), { [LOADED]: loaded }]);
  });
  const latency = await takeTurns(stage, cellsOf("latency"), notes, endToEnd, () => {});
  const results: Result[] = [];
  for (const [contender, { pid }] of Object.entries(stage.servers)) {
    const peak = { [PEAK]: (await peakResidentBytes(pid)) / MEBIBYTE };
    results.push({ contender, metrics: spreads([...(processes.get(contender) ?? []), peak]) });
  }
  const { perSecond } = size.latency;
  const { tables, aims } = pageOf({ throughput: through, latency, perSecond, processes: results });
  const { produced, read, timed } = stage.counts;
  return {
    name: "kafka",
    tables,
    aims: mode === "full" ? aims : [],
    notes,
    counts: { "records produced": produced, "records read": read, "records timed": timed },
    hash,
  };
}

/** Starts everything, and leaves it running; what the starts took goes to `processes`. */
async function setUp(
  settings: BenchSettings,
  size: Size,
  processes: Map<string, Sample[]>,
  defer: Defer,
): Promise<Stage> {
  const { seed, root } = settings;
  const directory = await mkdtemp(join(tmpdir(), "rivulet-bench-"));
  defer(() => rm(directory, { recursive: true }));
  const payloads: Record<number, string> = {};
  for (const { recordBytes } of size.cells)
    payloads[recordBytes] ??= await writePayload(directory, seed, recordBytes);

  const started = async (server: Server): Promise<Running> => {
    defer(() => server.remove());
    const { running, samples } = await startOften(server, size);
    defer(() => running.end("SIGKILL"));
    processes.set(server.name, samples);
    return running;
  };
  const servers = { Rivulet: await started(await rivulet(settings)), Kafka: await started(await kafka()) };
  const client = await startPerfClient(root);
  defer(() => client.stop());
  return { size, client, servers, payloads, counts: { produced: 0, read: 0, timed: 0 } };
}

/** Everybody has compiled what the cells take before anything is measured; it does not count. */
async function warmUp(stage: Stage, cells: readonly Cell[]): Promise<void> {
  const uncounted = { ...stage, counts: { produced: 0, read: 0, timed: 0 } };
  for (const cell of cells) {
    process.stderr.write(`bench: kafka: warming up with ${cell.name}\n`);
    for (const way of Object.values(ways)) await attempt(way, [], () => throughput(uncounted, cell, way));
  }
}

/** A turn in which Kafka does not do what it should is noted, and measures nothing; one of Rivulet's ends the bench. */
async function attempt(way: Way, notes: string[], turn: () => Promise<Sample>): Promise<Sample> {
  try {
    return await turn();
  } catch (error) {
    if (way.server === "Rivulet") throw error;
    const [reason] = String(error).split("\n");
    process.stderr.write(`bench: kafka: ${String(error)}\n`);
    notes.push(`${way.name}: a turn failed: ${reason}`);
    return {};
  }
}

/** All ways in turn, cell by cell; each sample is shown as it comes, too. */
async function takeTurns(
  stage: Stage,
  cells: readonly Cell[],
  notes: string[],
  turn: Turn,
  taken: (way: Way, sample: Sample) => void,
): Promise<TableCase[]> {
  const cases: TableCase[] = [];
  const { rounds }: Size = stage.size;
  for (const cell of cells) {
    const contenders = Object.values(ways).map((way) => ({
      name: way.name,
      round: async () => {
        const sample = await attempt(way, notes, () => turn(stage, cell, way));
        process.stderr.write(`bench: kafka: ${cell.name}: ${way.name}: ${JSON.stringify(sample)}\n`);
        taken(way, sample);
        return sample;
      },
    }));
    cases.push({ name: cell.name, results: await interleave(contenders, { warmups: 0, rounds }) });
  }
  return cases;
}

/** Both servers must give the same records back; answers their hash. */
async function readBack({ root }: BenchSettings, { client, servers, payloads }: Stage): Promise<string> {
  const [payload = ""] = Object.values(payloads);
  const hashes = new Set<string>();
  for (const { port } of Object.values(servers)) {
    const topic = "read-back";
    await makeTopics(port, [topic], 1);
    await untilLed(port, topic, 1);
    await client.produce({ port, topic, records: CHECKED_RECORDS, payload, acks: "all", codec: "none" });
    await recordsOf(port, topic, 1, CHECKED_RECORDS);
    const reader = await openKafkaClient(port, () => {});
    const values = await readValues(reader, root, topic);
    reader.close();
    if (values.length !== CHECKED_RECORDS)
      throw new Error(`${values.length} of ${CHECKED_RECORDS} records were read`);
    hashes.add(checksum(values));
  }
  const [hash] = hashes;
  if (hash === undefined || hashes.size > 1) throw new Error("the same records read back differently");
  return hash;
}

async function clientsAndServers(): Promise<string> {
  const { stderr } = await run("java", ["-version"]);
  const java = stderr.split("\n")[0] ?? "";
  return `Kafka ${kafkaToolsVersion()} (KRaft, one node, its scripts' Java options), its perf tools with their defaults, ${java}`;
}
