/** Produce over TCP and over WebSocket, written (`acks=1`) and synced (`acks=all`), to a real gateway on real files. */
import { listOffsets } from "../../wire/apis/list-offsets.ts";
import { deleteTopics } from "../../wire/apis/delete-topics.ts";
import type { BenchSettings, Mode } from "../bench.ts";
import { checksum } from "../checksum.ts";
import { startChild } from "../child.ts";
import { withCleanup, type Defer } from "../cleanup.ts";
import { startGateway } from "../gateway-process.ts";
import { interleave, MEGABYTES, type Contender, type Rounds } from "../harness.ts";
import { openKafkaClient, type KafkaClient } from "../kafka-client.ts";
import type { BenchReport } from "../report.ts";
import type { LoadGeneratorCommands, Transport } from "./load-generator.ts";
import { readValues } from "./read-values.ts";

const CONNECTIONS = 8;
const P50 = "p50 ms";
const P99 = "p99 ms";

interface Size extends Rounds {
  /** In each round. */
  readonly requests: number;
}
const sizes: Readonly<Record<Mode, Size>> = {
  full: { warmups: 1, rounds: 9, requests: 2000 },
  small: { warmups: 0, rounds: 1, requests: 40 },
};

const ways: readonly { name: string; transport: Transport; acks: number }[] = [
  { name: "TCP, acks=1", transport: "TCP", acks: 1 },
  { name: "TCP, acks=all", transport: "TCP", acks: -1 },
  { name: "WebSocket, acks=1", transport: "WebSocket", acks: 1 },
  { name: "WebSocket, acks=all", transport: "WebSocket", acks: -1 },
];

const CHECK_REQUESTS = 4;
const SYNC_MS = 5000;
const LATEST = -1n;

export function produceBench(settings: BenchSettings): Promise<BenchReport> {
  return withCleanup((defer) => compareWays(settings, defer));
}

async function compareWays(settings: BenchSettings, defer: Defer): Promise<BenchReport> {
  const size = sizes[settings.mode];
  const gateway = await startGateway(settings);
  defer(() => gateway.stop());
  const generator = await startChild<LoadGeneratorCommands>(settings.scripts, "produce/load-generator");
  defer(() => generator.stop());
  const recordsPerBatch = await generator.call("prepare", settings);
  const admin = await openKafkaClient(gateway.kafkaPort, () => {});
  defer(() => admin.close());

  let topics = 0;
  let records = 0;
  /** Produces to a topic of its own and checks that the log holds as many records as were acknowledged. */
  const produceTo = async (
    load: number,
    acks: number,
    requests: number,
  ): Promise<{ topic: string; sample: Record<string, number> }> => {
    const { topic } = await gateway.createTopic(`produce-${topics++}`);
    const { milliseconds, bytes, p50, p99 } = await generator.call("run", { load, topic, acks, requests });
    const expected = BigInt(requests * recordsPerBatch);
    const end = await endOffset(admin, topic, expected);
    if (end !== expected)
      throw new Error(`${topic} ends at ${end} after ${expected} records were acknowledged`);
    records += requests * recordsPerBatch;
    return { topic, sample: { [MEGABYTES]: bytes / 1000 / milliseconds, [P50]: p50, [P99]: p99 } };
  };

  const contenders: Contender[] = [];
  const hashes = new Set<string>();
  for (const { name, transport, acks } of ways) {
    const port = transport === "TCP" ? gateway.kafkaPort : gateway.httpPort;
    const load = await generator.call("open", { transport, port, connections: CONNECTIONS });
    const single = await generator.call("open", { transport, port, connections: 1 });
    const checked = await produceTo(single, acks, CHECK_REQUESTS);
    hashes.add(checksum(await readValues(admin, settings.root, checked.topic)));
    contenders.push({
      name,
      round: async () => {
        const { topic, sample } = await produceTo(load, acks, size.requests);
        await deleteTopic(admin, topic);
        return sample;
      },
    });
  }
  const [hash] = hashes;
  if (hash === undefined || hashes.size > 1) throw new Error("the same batches read back differently");

  const name = `${CONNECTIONS} connections x 64 KiB`;
  const cases = [{ name, results: await interleave(contenders, size) }];
  return {
    name: "produce",
    tables: [{ title: "produce", metrics: [MEGABYTES, P50, P99], cases }],
    aims: [],
    notes: [],
    counts: { records },
    hash,
  };
}

/**
 * The end of what can be read, once it has got to `expected`: an `acks=1` batch is acknowledged when it is written, and can
 * be read when it is synced. After SYNC_MS whatever it is by then.
 */
async function endOffset(admin: KafkaClient, topic: string, expected: bigint): Promise<bigint> {
  const partitions = [{ partitionIndex: 0, timestamp: LATEST }];
  const body = { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions }] };
  const deadline = performance.now() + SYNC_MS;
  for (;;) {
    const { topics } = await admin.request(listOffsets, 5, body);
    const end = topics[0]?.partitions[0]?.offset ?? -1n;
    if (end === expected || performance.now() > deadline) return end;
  }
}

async function deleteTopic(admin: KafkaClient, topic: string): Promise<void> {
  await admin.request(deleteTopics, 5, { topicNames: [topic], timeoutMs: 10_000 });
}
