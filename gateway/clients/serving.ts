/** What makes a gateway out of a store, whatever host it runs on: the log, and what its listeners serve. */
import { AnswerMemory } from "../api/answer-memory.ts";
import type { DataDirectory, Endpoint, ListenerProfile, Services } from "../api/context.ts";
import { FetchSessions } from "../api/fetch-sessions.ts";
import { Lifetime } from "../api/lifetime.ts";
import { PushHub } from "../api/push-hub.ts";
import type { SignIn } from "../api/sign-in.ts";
import { ApiTable } from "../api/table.ts";
import { ANSWER_BYTES_MAX, FETCH_BYTES_MAX, STOP_MS, WEBSOCKET_FETCH_BYTES_MAX } from "./limits.ts";
import { GroupCoordinator } from "../coordinator/group-coordinator.ts";
import type { Opened } from "./opened.ts";
import type { Clock } from "../../log/clock.ts";
import { Cluster } from "../../log/cluster.ts";
import type { BrokerConfig } from "../../log/config.ts";
import type { Engine } from "../../log/engine.ts";
import { LentMemory, type LentMemoryOptions } from "../../log/lent-memory.ts";
import type { Logger } from "../../log/logger.ts";
import type { Store } from "../../log/store.ts";
import type { MessageMemory } from "../../wire/frame-reader.ts";
import { metadataCodec } from "../../wire/metadata-records.ts";

export interface ServingOptions {
  store: Store;
  engine: Engine;
  clock: Clock;
  /** 16 bytes that nobody can guess. */
  random: () => Uint8Array;
  config: BrokerConfig;
  log: Logger;
  dataDirectory: DataDirectory;
  /** Left out: nobody has to sign in. */
  signIn?: SignIn | undefined;
  /** Where the requests of clients are put; left out: in memory that they use one after the other. */
  messages?: MessageMemory;
}

/** Most requests are smaller, and cost next to nothing. Kept is what thirty producers with Kafka's defaults have under way. */
const MESSAGE_MEMORY: LentMemoryOptions = {
  allocate: (length) => new Uint8Array(length),
  sizeMin: 4096,
  keptBytesMax: 32 * 1024 * 1024,
};

/** What `/healthz` answers: 200 when all is well, else 503. */
export interface Health {
  well: boolean;
  body: Readonly<Record<string, unknown>>;
}

/** What a listener serves. */
interface Served {
  readonly services: Services;
  readonly apis: ApiTable;
  /** Kafka's `socket.request.max.bytes`. */
  readonly requestBytesMax: number;
}

export class Serving {
  readonly services: Services;
  readonly kafka: Served;
  readonly webSocket: Served & { readonly hub: PushHub };

  /** Opens the log, and adds what is to be closed. Throws KafkaError KAFKA_STORAGE_ERROR. */
  static async open(
    { config, dataDirectory, signIn, ...options }: ServingOptions,
    opened: Opened,
  ): Promise<Serving> {
    const space = (): ReturnType<DataDirectory["space"]> => dataDirectory.space();
    const cluster = await Cluster.open({ ...options, config, codec: metadataCodec, space });
    opened.add(() => cluster.close());
    const { clock, log } = options;
    const running = new Lifetime();
    const groups = new GroupCoordinator({ ...options, cluster });
    void groups.loadUntilDone();
    // Members that wait for others are told to look elsewhere when the node stops.
    running.onEnd(() => groups.close());
    opened.add(() => Promise.resolve(groups.close()));
    const answerMemory = new AnswerMemory(ANSWER_BYTES_MAX);
    const fetchSessions = new FetchSessions({
      ...options,
      cluster,
      slots: Number(config.values.get("max.incremental.fetch.session.cache.slots")),
    });
    opened.add(() => fetchSessions.closeAll());
    const giveBack = (records: Uint8Array): void => options.store.giveBack?.(records);
    const messages = options.messages ?? new LentMemory(MESSAGE_MEMORY);
    const shared = { cluster, clock, log, running, answerMemory, fetchSessions, giveBack, messages };
    const services = { ...shared, groups, dataDirectory, signIn };
    const hub = new PushHub(services);
    opened.add(() => hub.close());
    return new Serving(services, hub, config.socketRequestMaxBytes);
  }

  private constructor(services: Services, hub: PushHub, requestBytesMax: number) {
    this.services = services;
    const signIn = services.signIn !== undefined;
    this.kafka = { services, apis: new ApiTable({ push: false, signIn }), requestBytesMax };
    this.webSocket = { services, apis: new ApiTable({ push: true, signIn }), requestBytesMax, hub };
  }

  kafkaProfile(advertised: Endpoint): ListenerProfile {
    return { name: "kafka", advertised, fetchBytesMax: FETCH_BYTES_MAX };
  }

  webSocketProfile(advertised: Endpoint): ListenerProfile {
    return { name: "websocket", advertised, fetchBytesMax: WEBSOCKET_FETCH_BYTES_MAX };
  }

  /** `kafka` is where Kafka clients find this gateway: the console page tells it to people. */
  health(told: { version: string; kafka: string }): Health {
    const { cluster, clock, groups, signIn } = this.services;
    const partitions = Array.from(cluster.topics()).flatMap((topic) => topic.partitions);
    const fenced = [...cluster.fenced(), ...groups.unreadable()];
    const { disk } = cluster;
    const well = fenced.length === 0 && !disk.isShort;
    return {
      well,
      body: {
        status: well ? "ok" : fenced.length === 0 ? "disk nearly full" : "fenced",
        nowMs: clock.now(),
        ...told,
        partitions: partitions.length,
        // Anybody may ask; names of topics are for those who have signed in, and for the log.
        ...(signIn === undefined ? { fenced } : {}),
        ...(disk.state === undefined ? {} : { disk: disk.state }),
      },
    };
  }

  /** Answers whoever waits with what there is, and lets the listeners finish; not for longer than `STOP_MS`. */
  async finish(listeners: readonly { finish(): Promise<void> }[]): Promise<void> {
    const { running, clock, log } = this.services;
    running.end();
    let cancel = (): void => {};
    const deadline = new Promise<void>((resolve) => {
      cancel = clock.setTimer(STOP_MS, () => {
        log.warn("some requests could not be answered in time");
        resolve();
      });
    });
    await Promise.race([Promise.all(listeners.map((listener) => listener.finish())), deadline]);
    cancel();
  }
}
