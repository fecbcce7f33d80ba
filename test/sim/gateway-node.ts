/** A gateway that is started, stopped, killed and loses power: the real one but for its disk, its sockets and its clock. */
import type { Cluster } from "../../log/cluster.ts";
import type { SimDisk } from "./disk/sim-disk.ts";
import type { Process } from "./kernel/process.ts";
import type { World } from "./kernel/world.ts";
import type { Network } from "./network/network.ts";

export interface GatewayNodeOptions {
  world: World;
  network: Network;
  disk: SimDisk;
  name: string;
  /** Kafka's broker settings by Kafka's names. */
  config?: ReadonlyMap<string, string>;
}

export class GatewayNode {
  readonly name: string;
  /** Names in the network. */
  readonly webSocketAddress: string;
  readonly kafkaAddress: string;
  readonly httpAddress: string;
  /** Why the last start failed; undefined when it did not, or was killed. */
  lastFailure: unknown;
  private readonly options: GatewayNodeOptions;
  private life: { process: Process; cluster: Cluster | undefined } | undefined;

  constructor(options: GatewayNodeOptions) {
    this.options = options;
    this.name = options.name;
    this.webSocketAddress = `ws://${options.name}:8080/ws`;
    this.httpAddress = `http://${options.name}:8080`;
    this.kafkaAddress = `kafka://${options.name}:9092`;
  }

  /** The present life; undefined while it is down. */
  get process(): Process | undefined {
    return this.life?.process;
  }

  /** While it serves. */
  get cluster(): Cluster | undefined {
    return this.life?.cluster;
  }

  get isServing(): boolean {
    return this.cluster !== undefined;
  }

  /** Answers whether it serves; false: it refused to start (see `lastFailure`), or died while it started. */
  start(): Promise<boolean> {
    throw new Error(`follows: ${this.options.name}`);
  }

  /** Answers what is in flight and stops cleanly. Resolves when it is down, also when it dies meanwhile. */
  stop(): Promise<void> {
    throw new Error("follows");
  }

  /** `kill -9`: what it has written stays. */
  kill(): void {
    throw new Error("follows");
  }

  /** Dies with what its disk had not synced. */
  losePower(): void {
    throw new Error("follows");
  }
}
