/** A tab that publishes and keeps a replica, over a fake broker whose log can be cut off, lost or compacted. */
import { HistoryError } from "../../sync/history.ts";
import type { OutboxStore } from "../../sync/outbox-store.ts";
import { directoryStore } from "../../web-client/core/directory-store.ts";
import type { LocalRecord } from "../../web-client/core/api-pending.ts";
import * as pending from "../../web-client/core/pending.ts";
import type { PublishedHere } from "../../web-client/core/local-reading.ts";
import { TabLocks } from "../../web-client/core/locks.ts";
import { MemoryDevice } from "../../web-client/core/memory-device.ts";
import { ReplicaClient, ReplicaKeeper } from "../../web-client/core/replica-client.ts";
import { text } from "../../web-client/core/serializer.ts";
import { openTabChannel } from "../../web-client/core/tab-channel.ts";
import { loadEngine } from "../engine/load.ts";
import { FakeBroker } from "../sync/fake-broker.ts";
import type { FakeTopic } from "../sync/fake-broker.ts";
import { Tab } from "../sync/outbox-setup.ts";
import { seeded, VirtualClock } from "../sync/virtual-clock.ts";
import { leads } from "./leads.ts";

const engine = loadEngine();
const WAITED_MS = 60_000;

export class PendingTab {
  readonly clock = new VirtualClock();
  readonly broker = new FakeBroker(engine);
  readonly topic: FakeTopic = this.broker.createTopic("orders");
  readonly device = new MemoryDevice("pending-test", seeded(3));
  /** As readers see them. */
  readonly published: PublishedHere;
  readonly tab: Tab;
  private readonly hearing = new Set<() => void>();
  private readonly channel = openTabChannel(() => ({ post: () => undefined, close: () => undefined }));
  private opened: { keeper: ReplicaKeeper; replica: ReplicaClient<string, string> } | undefined;

  /** `rowsOf`: what readers get in place of the rows. */
  constructor(rowsOf: (rows: OutboxStore) => OutboxStore = (rows) => rows) {
    const { clock, broker, device } = this;
    const onChange = (): void => this.hearing.forEach((hear) => hear());
    this.tab = new Tab({
      engine,
      broker,
      clock,
      random: seeded(2),
      store: device.outbox,
      onChange,
    }).deliver();
    this.published = {
      rows: rowsOf(device.outbox),
      allAdded: () => this.tab.outbox.allAdded(),
      onChange: (hear) => {
        this.hearing.add(hear);
        return () => this.hearing.delete(hear);
      },
      losses: () => 0,
      code: () => pending,
    };
  }

  async replica(): Promise<ReplicaClient<string, string>> {
    const { clock, device, channel, published, topic, tab } = this;
    const { upstream, metadata } = tab;
    await device.enterCluster("cluster-one");
    const keeper = new ReplicaKeeper({
      leading: leads({ upstream, metadata }, new TabLocks()),
      metadata,
      random: seeded(4),
      history: () => {
        throw new HistoryError("no history");
      },
      engine,
      clock,
      device,
      channel,
      clusterId: "cluster-one",
      store: directoryStore(await device.replicas("cluster-one"), `${topic.id}/`),
      topic: "orders",
      topicId: topic.id,
      partitions: topic.partitions.map((_, partition) => partition),
      isWhole: true,
      keep: {},
    });
    const codec = { key: text(), value: text() };
    const replica = new ReplicaClient(keeper, codec, published, () => Promise.resolve());
    this.opened = { keeper, replica };
    return replica;
  }

  publish(value: string, key: string | null = null): void {
    this.tab.publish("orders", key, value);
  }

  /** By somebody else. */
  append(...values: string[]): void {
    for (const value of values) {
      const options = { codec: 0, producerId: -1n, producerEpoch: -1, baseSequence: -1, bytesMax: 1 << 20 };
      const records = [{ key: null, value: new TextEncoder().encode(value), timestamp: 1 }];
      this.topic.partitions[0]?.append(engine.writeBatch(records, options));
    }
    this.broker.pushAll();
  }

  async until(isSo: () => boolean): Promise<void> {
    await this.clock.until(
      (async () => {
        while (!isSo()) await new Promise<void>((resolve) => this.clock.setTimer(20, resolve));
      })(),
      WAITED_MS,
    );
  }

  async close(): Promise<void> {
    const closing = (async () => {
      await this.opened?.keeper.close();
      await this.tab.close();
      this.channel.close();
    })();
    await this.clock.until(closing);
  }
}

/** What an app shows that keeps a Map by `id`. */
export class ShownRecords {
  readonly byId = new Map<string, LocalRecord<string>>();
  readonly told: LocalRecord<string>[] = [];
  private readonly stop = new AbortController();
  private readonly reading: Promise<void>;

  constructor(open: (signal: AbortSignal) => AsyncIterable<LocalRecord<string>>) {
    this.reading = this.read(open(this.stop.signal));
  }

  get values(): string[] {
    return Array.from(this.byId.values(), ({ isPending, value }) => `${isPending ? "~" : ""}${value}`);
  }

  async end(): Promise<void> {
    this.stop.abort();
    await this.reading;
  }

  private async read(records: AsyncIterable<LocalRecord<string>>): Promise<void> {
    for await (const record of records) {
      this.told.push(record);
      if (record.isPending && record.state === "gone") this.byId.delete(record.id);
      else this.byId.set(record.id, record);
    }
  }
}
