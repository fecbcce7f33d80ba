/** A gateway on a simulated network in a world of its own, and clients of it, for tests. */
import { createTopics } from "../../../wire/apis/create-topics.ts";
import { fetch } from "../../../wire/apis/fetch.ts";
import { produce } from "../../../wire/apis/produce.ts";
import { Connection } from "../../../sync/connection.ts";
import { BatchHeader } from "../../../log/batch.ts";
import { loadEngine } from "../../engine/load.ts";
import { noDiskFaults } from "../disk/disk-faults.ts";
import { SimDisk } from "../disk/sim-disk.ts";
import { GatewayNode } from "../gateway-node.ts";
import { Process } from "../kernel/process.ts";
import { World } from "../kernel/world.ts";
import { tcpTransport, webSocketTransport } from "./client-side.ts";
import { Network, quiet, type NetworkFaults } from "./network.ts";

/** Longer than anything that a test waits for. */
const LIMIT_MS = 3_600_000;
const BYTES_MAX = 2 ** 24;
const engine = loadEngine();

export class NetworkRig {
  readonly world: World;
  readonly network: Network;
  readonly disk: SimDisk;
  readonly gateway: GatewayNode;

  constructor(seed: number, faults: Partial<NetworkFaults> = {}, tell?: (line: string) => void) {
    this.world = new World(seed, tell);
    const { world } = this;
    this.network = new Network(world, { ...quiet, ...faults });
    this.disk = new SimDisk(world, noDiskFaults);
    this.gateway = new GatewayNode({ world, network: this.network, disk: this.disk, name: "gateway" });
  }

  process(name: string): Process {
    return new Process(this.world, name);
  }

  /** Lets the world run until the promise has settled. */
  run<T>(work: Promise<T>): Promise<T> {
    return this.world.settle(work, LIMIT_MS, "what the test waits for");
  }

  /** Lets the world run until it is so. Throws when it never is. */
  async until(isSo: () => boolean): Promise<void> {
    if (!(await this.world.runUntil(isSo, LIMIT_MS)))
      throw new Error(`it never came about: ${isSo.toString()}`);
  }

  async pass(ms: number): Promise<void> {
    await this.world.runUntil(() => false, ms);
  }

  /** Bytes that the gateway has written and that its system has not taken. */
  bufferedAtGateway(): number {
    return this.network.bufferedBy(this.gateway.process);
  }

  connect(process: Process, transport: "TCP" | "WebSocket"): Promise<Connection> {
    const { network, gateway } = this;
    const open =
      transport === "TCP"
        ? tcpTransport(network, process, gateway.kafkaAddress)
        : webSocketTransport(network, process, gateway.webSocketAddress);
    return this.run(Connection.open({ open, clock: process.clock, clientId: process.name }));
  }

  /** Answers the topic's id. */
  async createTopic(connection: Connection, name: string): Promise<string> {
    const topic = { name, numPartitions: 1, replicationFactor: -1, assignments: [], configs: [] };
    const asked = { topics: [topic], timeoutMs: 1000, validateOnly: false };
    const { topics } = await this.run(connection.request(createTopics, asked));
    return topics[0]?.topicId ?? "";
  }

  /** Appends a record; answers its offset. */
  async produce(
    connection: Connection,
    topic: { name: string; id: string },
    value: string,
    acks = -1,
  ): Promise<bigint> {
    const record = { key: null, value: new TextEncoder().encode(value), timestamp: 1_767_225_600_000 };
    const unknown = { codec: 0, producerId: -1n, producerEpoch: -1, baseSequence: -1, bytesMax: BYTES_MAX };
    const records = engine.writeBatch([record], unknown);
    const partitionData = [{ index: 0, records }];
    const topicData = [{ name: topic.name, topicId: topic.id, partitionData }];
    const asked = { transactionalId: null, acks, timeoutMs: 10_000, topicData };
    const { responses } = await this.run(connection.request(produce, asked));
    return responses[0]?.partitionResponses[0]?.baseOffset ?? -1n;
  }

  /** All values of the topic's one partition, read with Fetch. */
  async values(connection: Connection, topic: { name: string; id: string }): Promise<string[]> {
    const found: string[] = [];
    for (let next = 0n; ;) {
      const partitions = [{ partition: 0, fetchOffset: next, partitionMaxBytes: BYTES_MAX }];
      const topics = [{ topic: topic.name, topicId: topic.id, partitions }];
      const asked = { maxWaitMs: 0, minBytes: 0, maxBytes: BYTES_MAX, topics };
      const { responses } = await this.run(connection.request(fetch, asked));
      const records = responses[0]?.partitions[0]?.records ?? new Uint8Array(0);
      if (records.byteLength === 0) return found;
      for (const { offset, value } of recordsOf(records)) {
        next = offset + 1n;
        found.push(value);
      }
    }
  }
}

/** The records of whole batches. */
export function recordsOf(batches: Uint8Array): { offset: bigint; value: string }[] {
  const found: { offset: bigint; value: string }[] = [];
  for (let at = 0; at < batches.byteLength;) {
    const { bytes } = new BatchHeader(batches, at);
    for (const { offset, value } of engine.readBatch(batches.slice(at, at + bytes), BYTES_MAX))
      found.push({ offset, value: new TextDecoder().decode(value ?? undefined) });
    at += bytes;
  }
  return found;
}
