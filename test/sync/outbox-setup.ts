/** A tab's outbox over a fake broker, on a clock that runs by itself. */
import type { Engine } from "../../log/engine.ts";
import type { Settlement } from "../../sync/delivery.ts";
import * as delivery from "../../sync/delivery.ts";
import { MemoryOutboxStore } from "../../sync/memory-outbox-store.ts";
import { Metadata } from "../../sync/metadata.ts";
import { takeOver } from "../../sync/outbox-rows.ts";
import type { OutboxStore } from "../../sync/outbox-store.ts";
import { Outbox } from "../../sync/outbox.ts";
import { Upstream } from "../../sync/upstream.ts";
import type { FakeBroker } from "./fake-broker.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const encoder = new TextEncoder();

export interface TabOptions {
  engine: Engine;
  broker: FakeBroker;
  clock: VirtualClock;
  random: () => number;
  store?: OutboxStore;
  serverTime?: () => Promise<number>;
  onSettled?: (settlement: Settlement) => void;
  onTakenOver?: () => void;
  onChange?: () => void;
  onUnable?: () => void;
  /** Fetches what delivers; left out, it is at hand. */
  load?: () => typeof delivery | Promise<typeof delivery>;
}

/** What one tab has: `crash` leaves everything as it is, `close` ends it in order. */
export class Tab {
  readonly store: OutboxStore;
  readonly upstream: Upstream;
  readonly metadata: Metadata;
  readonly outbox: Outbox;
  readonly problems: string[] = [];
  /** The last that was told. */
  problem: string | undefined;
  delivering: Promise<void> = Promise.resolve();
  private readonly controller = new AbortController();
  private readonly load: NonNullable<TabOptions["load"]>;

  constructor({ engine, broker, clock, random, store, serverTime, load, ...told }: TabOptions) {
    this.load = load ?? (() => delivery);
    this.store = store ?? new MemoryOutboxStore();
    this.upstream = new Upstream({ open: broker.open, clock, random, clientId: "tab" });
    this.metadata = new Metadata(this.upstream);
    this.outbox = new Outbox({
      store: this.store,
      engine,
      clock,
      random,
      serverTime: serverTime ?? (() => Promise.resolve(clock.now())),
      onProblem: (reason) => {
        this.problem = reason;
        if (reason !== undefined) this.problems.push(reason);
      },
      ...told,
    });
  }

  deliver(): this {
    this.delivering = this.deliverUnderATerm();
    this.delivering.catch(() => undefined);
    return this;
  }

  private async deliverUnderATerm(): Promise<void> {
    const { upstream, metadata } = this;
    const term = await takeOver(this.store);
    await this.outbox.deliver(this.controller.signal, { upstream, metadata, term }, this.load);
  }

  publish(
    topic: string,
    key: string | null,
    value: string,
    known: { clusterId?: string; topicId?: string } = {},
  ) {
    return this.outbox.publish({
      topic,
      key: key === null ? null : encoder.encode(key),
      value: encoder.encode(value),
      headers: [],
      clusterId: known.clusterId ?? null,
      topicId: known.topicId ?? null,
    });
  }

  /** Resolves when nothing is left that would be delivered. */
  async drained(clock: VirtualClock): Promise<void> {
    for (;;) {
      await this.outbox.refresh();
      const { waiting, frozen, blocked } = this.outbox.counts;
      if (this.outbox.adding + waiting + frozen - blocked === 0) return;
      await new Promise<void>((resolve) => clock.setTimer(50, resolve));
    }
  }

  async close(): Promise<void> {
    this.controller.abort();
    await this.upstream.close("the tab is closed");
  }
}
