/** An app that keeps a topic on the device: in some tabs of an account, and in some of these it reads along as records arrive. */
import type { Replica, ReplicaPartition } from "../../../web-client/core/api.ts";
import type { Tab } from "../browser/tab.ts";
import type { StoredRecord } from "../history.ts";
import type { Random } from "../kernel/random.ts";
import type { Actor, FinalState, Run } from "../workload.ts";
import { heldRecords } from "./held-records.ts";
import { behind, isDiskDamaged, topicIdNow } from "./log-now.ts";
import { NotedReader } from "./noted-reader.ts";
import type { SdkTabs } from "./sdk-tabs.ts";
import { idOf } from "./values.ts";
import { sleep } from "./waiting.ts";

export interface SdkReplicaOptions {
  readonly topic: string;
  /** Chance that a tab keeps the topic. */
  readonly rate: number;
  /** Chance that such a tab also follows it. */
  readonly followRate: number;
}

/** What one tab has now. */
interface Kept {
  readonly replica: Replica<Uint8Array>;
  readonly reader: NotedReader | undefined;
}

const LOOK_MS = 500;

export class SdkReplica implements Actor {
  readonly name: string;
  private readonly run: Run;
  private readonly tabs: SdkTabs;
  private readonly options: SdkReplicaOptions;
  private readonly random: Random;
  private readonly kept = new Map<Tab, Kept | undefined>();

  constructor(run: Run, tabs: SdkTabs, options: SdkReplicaOptions) {
    this.run = run;
    this.tabs = tabs;
    this.options = options;
    this.name = `${tabs.name}/replica-${options.topic}`;
    this.random = run.random.fork(this.name);
  }

  start(): void {
    this.tabs.runInTabs((tab, name) => {
      if (!this.random.chance(this.options.rate)) return;
      this.kept.set(tab, undefined);
      tab.process.onKilled(() => this.kept.delete(tab));
      void this.keepIn(tab, name);
    });
  }

  calm(): void {
    // It goes on following until the end.
  }

  get waitsFor(): string | undefined {
    for (const [tab, kept] of this.kept) {
      const why = tab.isOpen ? this.waitsIn(kept) : undefined;
      if (why !== undefined) return `${tab.name}: ${why}`;
    }
    return undefined;
  }

  async finish(final: FinalState): Promise<void> {
    for (const [tab, kept] of this.kept) {
      if (kept === undefined || !tab.isOpen) continue;
      final.readers.push(...(kept.reader?.final() ?? []));
      for (const status of kept.replica.partitions) {
        const { partition, from, to, state } = status;
        const records = await this.recordsOf(tab, kept.replica, status);
        const holder = `${tab.name}/${this.options.topic}`;
        final.replicas.push({ holder, topicId: kept.replica.topicId, partition, from, to, records, state });
      }
    }
  }

  private waitsIn(kept: Kept | undefined): string | undefined {
    if (kept === undefined) return "a topic to keep";
    const { topicId, partitions } = kept.replica;
    const topic = Array.from(this.run.gateway.cluster?.topics() ?? []).find(({ id }) => id === topicId);
    if (topic === undefined) return `word that ${this.options.topic} is another topic now`;
    for (const { partition, highWatermark } of topic.partitions) {
      const status = partitions.find((each) => each.partition === partition);
      const why = behind(this.run, topicId, partition, status?.to);
      if (why !== undefined)
        return `${why} (${status?.state ?? "not kept"}: ${status?.reason ?? "no reason told"})`;
      // What a tab that reads along goes by may be an old note, until the one that writes has spoken.
      if (status !== undefined && status.to > highWatermark)
        return `${topic.name}-${partition} ends at ${highWatermark}, and it goes by a note that it holds up to ${status.to}`;
      // The tab that leads writes it, also where its own app does not keep the topic: then nobody here is live.
      if (status?.highWatermark === undefined)
        return `${topic.name}-${partition} has heard of no tab that writes it`;
    }
    const why = kept.reader?.waitsFor;
    return why === undefined ? undefined : `${why}, following a replica that has all of it`;
  }

  private async keepIn(tab: Tab, tabName: string): Promise<void> {
    const { random, run, options } = this;
    for (let count = 1; tab.isOpen; count++) {
      const replica = await this.open(tab);
      if (replica !== undefined) {
        const name = `${tabName}/${options.topic}-replica.${count}`;
        const reader = random.chance(options.followRate)
          ? new NotedReader(run, {
              name,
              topic: options.topic,
              topicId: replica.topicId,
              isCertain: true,
              from: "held",
            })
          : undefined;
        this.kept.set(tab, { replica, reader });
        if (reader !== undefined) void this.follow(tab, replica, reader);
        await this.whileItIsTheTopic(tab, replica, reader);
        reader?.end();
        if (!tab.isOpen) return;
        this.kept.set(tab, undefined);
        // What is left of a deleted topic is kept, or thrown away, as apps do.
        await (random.chance(0.5) ? replica.close() : replica.delete()).catch(() => undefined);
      }
      await sleep(tab.process, random.delay(50, 1000));
    }
  }

  private async open(tab: Tab): Promise<Replica<Uint8Array> | undefined> {
    try {
      return await tab.client.topic(this.options.topic).replicate();
    } catch (error) {
      this.run.world.trace.say(this.name, `cannot keep the topic: ${String(error)}`);
      return undefined;
    }
  }

  /** Resolves when the topic is known to be another one, or the replica or what follows it can do no more. */
  private async whileItIsTheTopic(
    tab: Tab,
    replica: Replica<Uint8Array>,
    reader: NotedReader | undefined,
  ): Promise<void> {
    for (;;) {
      await sleep(tab.process, LOOK_MS);
      const now = topicIdNow(this.run, this.options.topic);
      const isOther = now !== undefined && now !== replica.topicId;
      if (!tab.isOpen || isOther || reader?.isOver === true) return;
      const failed = replica.partitions.find(({ state }) => state === "failed");
      if (failed === undefined) continue;
      this.run.world.trace.count("replica: failed");
      this.run.world.trace.say(this.name, `partition ${failed.partition} failed: ${failed.reason ?? ""}`);
      // A store that fails is opened again; what the gateway sends damaged, again and again, is not taken.
      if (!tab.isLost && !isDiskDamaged(this.run))
        this.run.world.trace.violation(
          `${tab.name}: the replica of ${this.options.topic}-${failed.partition} failed for good: ${failed.reason ?? ""}`,
        );
      return;
    }
  }

  private async follow(tab: Tab, replica: Replica<Uint8Array>, reader: NotedReader): Promise<void> {
    const { signal } = reader;
    const { trace } = this.run.world;
    replica.addEventListener("gap", ({ partition, from, to }) => reader.gap(partition, from, to), { signal });
    try {
      for await (const record of replica.follow({ signal }))
        reader.read(record.partition, record.offset, idOf(record));
    } catch (error) {
      reader.end();
      trace.say(reader.name, `ended: ${String(error)}`);
      trace.count("replica: following failed");
      // A store that is taken away ends all that reads it, and a moment later the client.
      await sleep(tab.process, LOOK_MS);
      const isLost = !tab.isOpen || tab.isLost || replica.partitions.some(({ state }) => state === "failed");
      if (!isLost) trace.violation(`${reader.name}: following failed: ${String(error)}`);
    }
  }

  /** What the app can read of a partition, with what its batches say besides. */
  private async recordsOf(
    tab: Tab,
    replica: Replica<Uint8Array>,
    { partition, from, to }: ReplicaPartition,
  ): Promise<StoredRecord[]> {
    const { topic, topicId } = replica;
    const place = {
      account: this.run.gateway.httpAddress,
      clusterId: tab.client.clusterId ?? "",
      topic,
      topicId,
      partition,
    };
    const held = await heldRecords(this.tabs.device, tab, place);
    const stored = new Map(held.map((record) => [record.offset, record]));
    const records: StoredRecord[] = [];
    for await (const found of replica.read({ partition })) {
      const { offset } = found;
      const record = stored.get(offset);
      const id = idOf(found);
      if (offset < from || offset >= to) continue;
      if (record?.id !== id)
        this.run.world.trace.violation(
          `${tab.name}: the replica reads ${id} at ${replica.topic}-${partition} ${offset}, and holds ${record?.id ?? "nothing"} there`,
        );
      else records.push(record);
    }
    return records;
  }
}
