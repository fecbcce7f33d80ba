/** How a room joins the simulation: it adds actors, which use the system as its users do and write down what they see. */
import type { Device } from "./browser/device.ts";
import type { GatewayNode } from "./gateway-node.ts";
import type { FinalGroup, FinalOutboxRecord, FinalReader, FinalReplica, HistoryEvent } from "./history.ts";
import type { OpenTransport } from "../../sync/transport.ts";
import type { Keeping } from "./keeping.ts";
import type { Process } from "./kernel/process.ts";
import type { Random } from "./kernel/random.ts";
import type { World } from "./kernel/world.ts";
import type { Network } from "./network/network.ts";

/** A topic of the workload: it may be deleted and made again under the same name while others use it. */
export interface WorkloadTopic {
  readonly name: string;
  readonly partitions: number;
  /** Its own settings, by Kafka's names. */
  readonly configs: ReadonlyMap<string, string>;
  /** Its settings say that written counts as synced (`flush.ms`, `flush.messages`): power loss may take back what was told. */
  readonly isRelaxed: boolean;
  /** What its log does not keep; left out: it keeps everything. */
  readonly keeping?: Keeping;
}

/** What Kafka clients act on, in the simulated world or in the real one. */
export interface KafkaRun {
  readonly world: World;
  readonly random: Random;
  /** What is known of it besides what it answers; undefined: nothing. */
  readonly gateway: Pick<GatewayNode, "cluster" | "process">;
  /** A connection to the gateway's Kafka port. */
  readonly openKafka: (process: Process) => OpenTransport;
  readonly topics: readonly WorkloadTopic[];
  /** `producer.id.expiration.ms` of the gateway; undefined: Kafka's day. */
  readonly producerIdExpirationMs?: number | undefined;
  /** Writes down what was done or seen, with the time. */
  note(
    event: HistoryEvent extends infer Kind ? (Kind extends HistoryEvent ? Omit<Kind, "atMs"> : never) : never,
  ): void;
}

/** What actors act on. */
export interface Run extends KafkaRun {
  readonly network: Network;
  readonly gateway: GatewayNode;
  readonly devices: readonly Device[];
}

/** What everybody holds when all is over. */
export interface FinalState {
  readonly replicas: FinalReplica[];
  readonly outboxes: FinalOutboxRecord[];
  readonly readers: FinalReader[];
  readonly groups: FinalGroup[];
}

/** One user of the system. */
export interface Actor {
  readonly name: string;
  /** Acts from now on. */
  start(): void;
  /** Faults are over: begins nothing new, and brings to an end what is open. */
  calm(): void;
  /** What it still waits for, in words for the person who reads why a run did not end; undefined: nothing. */
  readonly waitsFor: string | undefined;
  /** Adds what it holds. Only called when it waits for nothing. */
  finish(final: FinalState): Promise<void>;
}
