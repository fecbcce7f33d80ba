/** A gateway that is started, stopped, killed and loses power: the real one but for its disk, its sockets and its clock. */
import { Opened } from "../../gateway/clients/opened.ts";
import { Serving } from "../../gateway/clients/serving.ts";
import { OFFSETS_TOPIC } from "../../gateway/coordinator/group-log.ts";
import { FileStore } from "../../gateway/store/file-store.ts";
import type { Cluster } from "../../log/cluster.ts";
import { brokerConfig } from "../../log/config.ts";
import type { Engine } from "../../log/engine.ts";
import type { LogFields, Logger } from "../../log/logger.ts";
import { freshMemory, type MessageMemory } from "../../wire/frame-reader.ts";
import { loadEngine } from "../engine/load.ts";
import type { SimDisk } from "./disk/sim-disk.ts";
import { Process } from "./kernel/process.ts";
import type { World } from "./kernel/world.ts";
import { listenHttp, listenTcp, listenWebSocket, type Listener } from "./network/gateway-listeners.ts";
import type { Network } from "./network/network.ts";

export interface GatewayNodeOptions {
  world: World;
  network: Network;
  disk: SimDisk;
  name: string;
  /** Kafka's broker settings by Kafka's names. */
  config?: ReadonlyMap<string, string>;
  /** Hears of its topics as it begins to serve, before anybody can ask for them. */
  onServing?: (cluster: Cluster) => void;
}

const DIRECTORY = "/data";

/** What it says of itself and is worth counting. */
const COUNTED: readonly (readonly [words: string, what: string])[] = [
  ["retention.ms has removed", "retention: segments removed by their age"],
  ["retention.bytes has removed", "retention: segments removed by their size"],
  [" is compacted up to offset ", "compaction: done"],
  [`${OFFSETS_TOPIC}-0 is compacted up to offset `, "compaction: committed offsets done"],
];

/** One for all: it keeps nothing between calls. */
let engine: Engine | undefined;

/** Memory of requests in which nothing is left once it has been given back: whoever looks at it too long finds that out. */
const spoiled: MessageMemory = { ...freshMemory, giveBack: (bytes) => void bytes.fill(0xdb) };

/** From a start to a stop or a death. */
interface Life {
  readonly process: Process;
  readonly opened: Opened;
  /** Resolves when it is dead. */
  readonly died: Promise<"died">;
  serving:
    | { readonly cluster: Cluster; readonly isWell: () => boolean; readonly stop: () => Promise<void> }
    | undefined;
  stopping: Promise<void> | undefined;
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
  private life: Life | undefined;

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

  /** While it serves; no more once it stops. */
  get cluster(): Cluster | undefined {
    return this.life?.serving?.cluster;
  }

  /** What `/healthz` says. */
  get isWell(): boolean {
    return this.life?.serving?.isWell() ?? false;
  }

  get isServing(): boolean {
    return this.cluster !== undefined;
  }

  /** Answers whether it serves; false: it refused to start (see `lastFailure`), or died while it started. */
  async start(): Promise<boolean> {
    const { world } = this.options;
    if (this.life !== undefined) throw new Error(`${this.name} runs already`);
    this.lastFailure = undefined;
    const process = new Process(world, this.name);
    const log = this.logger(process);
    const died = new Promise<"died">((resolve) => void process.onKilled(() => resolve("died")));
    const life: Life = { process, opened: new Opened(log), died, serving: undefined, stopping: undefined };
    this.life = life;
    world.trace.say(this.name, "starts");
    const opening = this.open(life, log);
    try {
      if ((await Promise.race([opening, died])) === "died") return false;
    } catch (error) {
      // What was opened is closed again, as far as it gets.
      await Promise.race([life.opened.close().catch(() => undefined), died]);
      if (process.isAlive) this.lastFailure = error;
      world.trace.say(this.name, `does not start: ${String(error)}`);
      this.end(life);
      return false;
    }
    world.trace.say(this.name, "serves");
    world.trace.count("gateway: started");
    return true;
  }

  /** Answers what is in flight and stops cleanly. Resolves when it is down, also when it dies meanwhile or never served. */
  async stop(): Promise<void> {
    const { life } = this;
    if (life === undefined) return;
    if (life.stopping === undefined && life.serving === undefined) return this.kill();
    life.stopping ??= this.stopLife(life);
    return life.stopping;
  }

  /** `kill -9`: what it has written stays. */
  kill(): void {
    const { life } = this;
    if (life === undefined) return;
    const { trace } = this.options.world;
    trace.say(this.name, life.serving === undefined ? "is killed while it starts" : "is killed");
    trace.count("gateway: killed");
    this.end(life);
  }

  /** Dies with what its disk had not synced. */
  losePower(): void {
    const { life } = this;
    const { world, network, disk } = this.options;
    world.trace.say(this.name, "loses power");
    world.trace.count("gateway: power loss");
    if (life !== undefined) {
      network.loseMachine(life.process);
      this.end(life);
    }
    disk.losePower();
  }

  private async stopLife(life: Life): Promise<void> {
    const { trace } = this.options.world;
    const { serving } = life;
    life.serving = undefined;
    trace.say(this.name, "stops");
    const stopped = serving?.stop().then(
      () => "stopped",
      (error: unknown) => `stopped with a failure: ${String(error)}`,
    );
    const how = await Promise.race([stopped, life.died]);
    if (how === "died") return;
    trace.say(this.name, how ?? "stopped");
    trace.count(how === "stopped" ? "gateway: stopped" : "gateway: stopped with a failure");
    this.end(life);
  }

  private end(life: Life): void {
    if (this.life === life) this.life = undefined;
    life.process.kill();
  }

  private async open(life: Life, log: Logger): Promise<void> {
    const { process, opened } = life;
    const { network, disk, config } = this.options;
    const { clock } = process;
    engine ??= loadEngine();
    const store = await FileStore.open(DIRECTORY, { files: disk.fileSystem(process), clock });
    opened.add(() => store.close());
    const serving = await Serving.open(
      {
        store,
        engine,
        clock,
        dataDirectory: { path: DIRECTORY, space: () => Promise.resolve(undefined) },
        random: () => process.random.bytes(16),
        messages: spoiled,
        config: brokerConfig(config ?? new Map()),
        log,
      },
      opened,
    );
    this.options.onServing?.(serving.services.cluster);
    const listeners: Listener[] = [];
    const listen = (listener: Listener): void => {
      listeners.push(listener);
      opened.add(() => listener.close());
    };
    listen(listenTcp(network, process, this.kafkaAddress, serving));
    listen(listenWebSocket(network, process, this.webSocketAddress, serving));
    listen(listenHttp(network, process, this.httpAddress, serving));
    const stop = async (): Promise<void> => {
      await serving.finish(listeners);
      await opened.close();
    };
    const told = { version: "simulated", kafka: this.kafkaAddress };
    const isWell = (): boolean => serving.health(told).well;
    life.serving = { cluster: serving.services.cluster, isWell, stop };
  }

  private logger(process: Process): Logger {
    const { trace } = this.options.world;
    const at =
      (level: string) =>
      (message: string, fields: LogFields = {}): void => {
        const told = Object.entries(fields).map(([name, value]) => `${name}=${String(value)}`);
        if ("droppedBytes" in fields) trace.count("gateway: cut a torn tail");
        for (const [words, what] of COUNTED) if (message.includes(words)) trace.count(what);
        if (process.isAlive) trace.say(this.name, [`${level}: ${message}`, ...told].join(" "));
      };
    return { info: at("info"), warn: at("warn"), error: at("error") };
  }
}
