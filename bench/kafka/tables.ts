/** From what the turns measured to what is printed: Rivulet beside Kafka, and whether it reaches its bars. */
import { MEGABYTES, type Result } from "../harness.ts";
import type { Aim, Table, TableCase } from "../report.ts";
import { judgeFootprint, judgeLatency, judgeThroughput, type Contest } from "./judge.ts";
import { ways, type Way } from "./plan.ts";
import { CLIENT_CPU, CPU, P50, P99, READ } from "./turns.ts";

export const START = "start s";
export const IDLE = "idle MiB";
export const LOADED = "loaded MiB";
export const PEAK = "peak MiB";

/** What is compared with what; the last of them is what the others are divided by and held against. */
const comparisons: readonly { title: string; among: readonly Way[]; to: Way }[] = [
  { title: "acks=1", among: [ways.rivulet, ways.rivuletUnsynced, ways.kafka], to: ways.kafka },
  {
    title: "acks=all",
    among: [ways.rivuletAll, ways.kafkaSynced, ways.kafkaUnsynced],
    to: ways.kafkaSynced,
  },
];

/** Each of Rivulet's ways is held against the same one of Kafka's. */
const contestsOf = (title: string, among: readonly Way[], to: Way): Contest[] =>
  among
    .filter(({ server }) => server === "Rivulet")
    .map(({ name }) => ({ title: `${title}, ${name}`, of: name, to: to.name }));

export interface Measured {
  readonly throughput: readonly TableCase[];
  readonly latency: readonly TableCase[];
  readonly perSecond: number;
  /** Of each server, by its name. */
  readonly processes: readonly Result[];
}

interface Page {
  readonly tables: readonly Table[];
  readonly aims: readonly Aim[];
}

/** Parts of which nothing was measured are left out. */
export function pageOf({ throughput, latency, perSecond, processes }: Measured): Page {
  const tables: Table[] = [];
  const aims: Aim[] = [];
  for (const { title, among, to } of comparisons) {
    const cases = throughput.map((each) => pick(each, among));
    const metrics = [MEGABYTES, CPU, CLIENT_CPU];
    tables.push({ title: `produce, ${title}`, metrics, ratioTo: to.name, cases });
    aims.push(...contestsOf("produce", among, to).flatMap((contest) => judgeThroughput(contest, cases)));
  }
  const read = throughput.map(readingOf);
  tables.push({ title: "consume", metrics: [MEGABYTES, CPU, CLIENT_CPU], ratioTo: "Kafka", cases: read });
  aims.push(...judgeThroughput({ title: "consume", of: "Rivulet", to: "Kafka" }, read));
  for (const { title, among, to } of comparisons) {
    const cases = latency.map((each) => pick(each, among));
    const rate = `end to end, ${title}, ${perSecond} records/s`;
    tables.push({ title: rate, metrics: [P50, P99], ratioTo: to.name, cases });
    aims.push(...contestsOf("end to end", among, to).flatMap((contest) => judgeLatency(contest, cases)));
  }
  const metrics = [START, IDLE, LOADED, PEAK];
  const cases = [{ name: "since its start", results: processes }];
  tables.push({ title: "the server's process", metrics, ratioTo: "Kafka", cases });
  aims.push(...judgeFootprint(processes, { start: START, memory: [IDLE, LOADED] }));
  return { tables: tables.filter((table) => table.cases.length > 0), aims };
}

function pick({ name, results }: TableCase, among: readonly Way[]): TableCase {
  return { name, results: among.flatMap((way) => results.filter((result) => result.contender === way.name)) };
}

/** What was read of one case, by the server's name: it is all one to a reader how the records were acknowledged. */
function readingOf({ name, results }: TableCase): TableCase {
  const reading = Object.values(ways).filter((way) => way.isRead);
  return {
    name,
    results: reading.flatMap((way) =>
      results
        .filter((result) => result.contender === way.name)
        .map(({ metrics }) => ({ contender: way.server, metrics: withoutPrefix(metrics) })),
    ),
  };
}

function withoutPrefix<Value>(metrics: Readonly<Record<string, Value>>): Record<string, Value> {
  const read = Object.entries(metrics).filter(([name]) => name.startsWith(READ));
  return Object.fromEntries(read.map(([name, value]) => [name.slice(READ.length), value]));
}
