/** Kafka's Java perf tools as the clients of both servers: one process, whose source is `PerfClient.java`. */
import { createInterface } from "node:readline";
import { join } from "node:path";
import { startKafkaProgram, THOROUGH } from "../../test/tools/kafka-tools.ts";

export interface PerfClient {
  readonly pid: number;
  /** Kafka's ProducerPerformance with the producer's defaults; answers records a second. */
  produce(run: ProduceRun): Promise<number>;
  /** Kafka's ConsumerPerformance with the consumer's defaults, from the start; answers milliseconds without joining a group. */
  consume(run: { port: number; topic: string; records: number }): Promise<number>;
  /** Produces at a fixed rate to a new topic, and follows it. */
  latency(run: LatencyRun): Promise<EndToEnd>;
  stop(): Promise<void>;
}

export interface ProduceRun {
  readonly port: number;
  readonly topic: string;
  readonly records: number;
  /** A file of records, one a line, of which the tool draws. */
  readonly payload: string;
  readonly acks: string;
  readonly codec: string;
}

export interface LatencyRun extends ProduceRun {
  readonly partitions: number;
  readonly perSecond: number;
  /** The first of the records, which do not count. */
  readonly unmeasured: number;
}

/** From when a record was due to its arrival, in milliseconds. */
export interface EndToEnd {
  readonly p50: number;
  readonly p99: number;
  readonly records: number;
}

/** A run of one turn; the slowest take seconds. */
const TURN_MS = 300_000;
/** Characters of them that are kept of a run. */
const COMPLAINTS_MAX = 4000;
/** The whole bench. */
const LIFE_MS = 2 * 60 * 60_000;
/** Kafka's scripts start its perf tools with this heap. */
const FLAGS = [...THOROUGH, "-Xmx512M", "-Duser.language=en"];

export async function startPerfClient(root: string): Promise<PerfClient> {
  const source = join(root, "bench/kafka/PerfClient.java");
  const options = { flags: FLAGS, keepsInputOpen: true, timeoutMs: LIFE_MS };
  const { child, finished } = await startKafkaProgram(source, [], options);
  const ended = finished.then(
    ({ code, stderr }) => `Kafka's perf tools ended with code ${code}: ${stderr.slice(-4000)}`,
    (error: Error) => error.message,
  );
  // A producer's failures are told there, and the run goes on.
  let complaints = "";
  child.stderr.on("data", (text: Buffer) => {
    complaints = (complaints + text.toString()).slice(0, COMPLAINTS_MAX);
  });
  const waiting: ((answer: string) => void)[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => waiting.shift()?.(line));

  /** Runs a tool and answers the lines that it has printed. */
  const run = async (tool: string, args: readonly (string | number)[]): Promise<string[]> => {
    const answer = new Promise<string>((resolve) => waiting.push(resolve));
    complaints = "";
    child.stdin.write(`${[tool, ...args].join("\t")}\n`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(`failed\tno answer within ${TURN_MS} ms`), TURN_MS);
    });
    const [outcome, ...said] = (await Promise.race([answer, ended, late])).split("\t");
    clearTimeout(timer);
    if (outcome !== "ok") throw new Error(`${tool}: ${[outcome, ...said].join("\n")}`);
    return said;
  };

  return {
    pid: child.pid ?? 0,
    produce: async ({ port, topic, records, payload, acks, codec }) => {
      const settings = [`bootstrap.servers=127.0.0.1:${port}`, `acks=${acks}`, `compression.type=${codec}`];
      const asked = ["--topic", topic, "--num-records", records, "--throughput", -1];
      const said = await run("produce", [
        ...asked,
        "--payload-file",
        payload,
        "--command-property",
        ...settings,
      ]);
      const [, sent, perSecond] = /^(\d+) records sent, ([\d.]+) records\/sec/.exec(said.at(-1) ?? "") ?? [];
      if (Number(sent) !== records)
        throw new Error(`${topic}: not all was sent: ${said.join("\n")}\n${complaints}`);
      return Number(perSecond);
    },
    consume: async ({ port, topic, records }) => {
      const asked = ["--topic", topic, "--num-records", records, "--hide-header"];
      const said = await run("consume", ["--bootstrap-server", `127.0.0.1:${port}`, ...asked]);
      // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, ...
      const fields = (said.at(-1) ?? "").split(", ");
      if (Number(fields[4]) !== records) throw new Error(`${topic}: not all was read: ${said.join("\n")}`);
      return Math.max(1, Number(fields[7]));
    },
    latency: async ({ port, topic, partitions, records, unmeasured, perSecond, payload, acks, codec }) => {
      const how = [partitions, records, unmeasured, perSecond, payload, acks, codec];
      const said = await run("latency", [`127.0.0.1:${port}`, topic, ...how]);
      const [, p50, p99, count] =
        /^p50=(\d+) p99=(\d+) max=\d+ count=(\d+)$/.exec(said.at(-1) ?? "")?.map(Number) ?? [];
      if (p50 === undefined || p99 === undefined || count === undefined)
        throw new Error(`${topic}: ${said.join("\n")}`);
      return { p50: p50 / 1000, p99: p99 / 1000, records: count };
    },
    stop: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
