/** An app that subscribes to a topic in a tab, and begins anew whenever the subscription ends. */
import type { Position, Start } from "../../../web-client/core/api-subscribe.ts";
import { ErrorCode, KafkaError } from "../../../wire/errors.ts";
import type { Tab } from "../browser/tab.ts";
import type { Random } from "../kernel/random.ts";
import type { Actor, FinalState, Run } from "../workload.ts";
import { isDiskDamaged, topicIdNow } from "./log-now.ts";
import { NotedReader } from "./noted-reader.ts";
import type { SdkTabs } from "./sdk-tabs.ts";
import { idOf } from "./values.ts";
import { sleep } from "./waiting.ts";

export interface SdkSubscriberOptions {
  readonly topic: string;
  /** Tells two apart that subscribe to one topic in the same tabs, over the same connections. */
  readonly label: string;
  /** Chance that a tab subscribes. */
  readonly rate: number;
}

export class SdkSubscriber implements Actor {
  readonly name: string;
  private readonly run: Run;
  private readonly tabs: SdkTabs;
  private readonly options: SdkSubscriberOptions;
  private readonly random: Random;
  /** What is read now, by tab. */
  private readonly reading = new Map<Tab, NotedReader | undefined>();

  constructor(run: Run, tabs: SdkTabs, options: SdkSubscriberOptions) {
    this.run = run;
    this.tabs = tabs;
    this.options = options;
    this.name = `${tabs.name}/${options.label}-${options.topic}`;
    this.random = run.random.fork(this.name);
  }

  start(): void {
    this.tabs.runInTabs((tab, name) => {
      if (!this.random.chance(this.options.rate)) return;
      this.reading.set(tab, undefined);
      tab.process.onKilled(() => this.reading.delete(tab));
      void this.readIn(tab, name);
    });
  }

  calm(): void {
    // It goes on reading until the end.
  }

  get waitsFor(): string | undefined {
    for (const [tab, reader] of this.reading) {
      if (!tab.isOpen) continue;
      const why = reader === undefined ? "a topic to subscribe to" : reader.waitsFor;
      if (why !== undefined) return `${tab.name}: ${why}`;
    }
    return undefined;
  }

  finish(final: FinalState): Promise<void> {
    for (const reader of this.reading.values()) final.readers.push(...(reader?.final() ?? []));
    return Promise.resolve();
  }

  private async readIn(tab: Tab, tabName: string): Promise<void> {
    const { run, random } = this;
    for (let count = 1; tab.isOpen; count++) {
      const topicId = topicIdNow(run, this.options.topic);
      const topic = run.gateway.cluster?.topics();
      if (topicId !== undefined && topic !== undefined) {
        const partitions = Array.from(topic).find(({ id }) => id === topicId)?.partitions ?? [];
        const from = this.startAmong(partitions);
        const reader = new NotedReader(run, {
          name: `${tabName}/${this.options.label}-${this.options.topic}.${count}`,
          topic: this.options.topic,
          topicId,
          isCertain: false,
          from,
        });
        this.reading.set(tab, reader);
        await this.read(tab, reader, from);
        reader.end();
        if (tab.isOpen) this.reading.set(tab, undefined);
      }
      await sleep(tab.process, random.delay(20, 1000));
    }
  }

  private startAmong(
    partitions: readonly { readonly logStartOffset: bigint; readonly highWatermark: bigint }[],
  ): Start | readonly Position[] {
    const { random } = this;
    if (random.chance(0.3)) return "latest";
    if (random.chance(0.4)) return "earliest";
    return partitions.map(({ highWatermark }, partition) => ({
      partition,
      offset: random.chance(0.5) ? 0n : BigInt(random.below(Number(highWatermark) + 1)),
    }));
  }

  /** Until the subscription ends, or turns out to be to another topic. */
  private async read(tab: Tab, reader: NotedReader, from: Start | readonly Position[]): Promise<void> {
    const { random } = this;
    const isSlow = random.chance(0.2);
    const { signal } = reader;
    const records = tab.client.topic(this.options.topic).subscribe({
      from,
      signal,
      onGap: ({ partition, from: gapFrom, to }) => reader.gap(partition, gapFrom, to),
    });
    try {
      for await (const record of records) {
        reader.read(record.partition, record.offset, idOf(record));
        if (isSlow && random.chance(0.1)) await sleep(tab.process, random.delay(1, 2000));
      }
    } catch (error) {
      const code = error instanceof KafkaError ? error.code : undefined;
      const isDamaged = code === ErrorCode.CORRUPT_MESSAGE && isDiskDamaged(this.run);
      const { trace } = this.run.world;
      if (code === ErrorCode.UNKNOWN_TOPIC_ID) trace.count("subscriber: the topic was deleted");
      else if (isDamaged) trace.count("subscriber: damaged batch");
      else trace.violation(`${reader.name}: the subscription failed: ${String(error)}`);
    }
  }
}
