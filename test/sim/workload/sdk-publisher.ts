/**
 * An app that publishes in every tab of an account, offline too, and says what is to become of what its outbox asks about.
 * Its records are of one producer, the outbox that the tabs share; between tabs their order is owed from `queued` on alone.
 */
import { countOf } from "../../../sync/record-run.ts";
import type { RecordRun } from "../../../sync/record-run.ts";
import type { Publication, PublishRecord, Rivulet } from "../../../web-client/core/api.ts";
import { textRecord } from "../../../web-client/core/encode-record.ts";
import { codecOf } from "../../../web-client/core/received-record.ts";
import { outcomes, Publisher } from "../../../web-client/remote/publishing.ts";
import type { Tab } from "../browser/tab.ts";
import { Random } from "../kernel/random.ts";
import type { Actor, FinalState, Run } from "../workload.ts";
import { keyFor } from "./keys.ts";
import type { SdkTabs } from "./sdk-tabs.ts";
import type { SentTap } from "./sent-tap.ts";
import { contentOf, idOf, recordId } from "./values.ts";
import { sleep } from "./waiting.ts";

export interface SdkPublisherOptions {
  /** Longest pause between two goes, in milliseconds; most are much shorter. */
  readonly pauseMsMax: number;
  /** Mean time between two looks at what the outbox asks about. */
  readonly decideMeanMs: number;
}

/** Apps that publish many records in one go now and then. */
const BURSTY_RATE = 0.2;

type Asking = "held" | "in doubt" | "refused";

export class SdkPublisher implements Actor {
  readonly name: string;
  private readonly run: Run;
  private readonly tabs: SdkTabs;
  private readonly tap: SentTap;
  private readonly options: SdkPublisherOptions;
  private readonly random: Random;
  /** Records that may go: nobody asks for them to be sent again, by what an older list says. */
  private readonly discarded = new Set<string>();
  /** Records that were queued, and of which their tab, while it lives, is owed what becomes of them. */
  private readonly owed = new Map<Tab, Set<string>>();
  private published = 0;
  private isCalm = false;
  /** A stream of its own: without bursts a seed is the same history as ever. */
  private readonly bursts: Random;
  private readonly isBursty: boolean;

  constructor(run: Run, tabs: SdkTabs, tap: SentTap, options: SdkPublisherOptions) {
    this.run = run;
    this.tabs = tabs;
    this.tap = tap;
    this.options = options;
    this.name = `${tabs.name}/publisher`;
    this.random = run.random.fork(this.name);
    this.bursts = new Random(run.world.seed).fork(`${this.name}/bursts`);
    this.isBursty = this.bursts.chance(BURSTY_RATE);
  }

  start(): void {
    this.tabs.runInTabs((tab, name) => {
      void this.publishIn(tab, name);
      void this.decideIn(tab);
    });
  }

  calm(): void {
    this.isCalm = true;
  }

  get waitsFor(): string | undefined {
    for (const { client } of this.tabs.tabs) {
      const { pending } = client.outbox;
      if (pending > 0)
        return `${pending} records to be delivered (${client.outbox.problem ?? "no problem told"})`;
    }
    for (const tab of this.tabs.tabs) {
      const owed = this.owed.get(tab) ?? new Set();
      // What the outbox asks about may stay open; `finish` has a closer look.
      if (owed.size > tab.client.outbox.asking)
        return `${tab.name} to be told what became of ${[...owed].join(", ")}`;
    }
    return undefined;
  }

  async finish(final: FinalState): Promise<void> {
    const [tab] = this.tabs.tabs;
    for (const entry of (await tab?.client.outbox.list()) ?? []) {
      const { state, reason } = entry;
      final.outboxes.push({ producer: this.tabs.name, id: idOf(entry), state, reason });
    }
    for (const each of this.tabs.tabs) await this.checkPromises(each);
  }

  /** A record is in the outbox, or its tab has been told why it is not. */
  private async checkPromises(tab: Tab): Promise<void> {
    const kept = new Set((await tab.client.outbox.list()).map((entry) => idOf(entry)));
    for (const id of this.owed.get(tab) ?? [])
      if (!kept.has(id)) this.run.world.trace.violation(`${tab.name} was never told what became of ${id}`);
  }

  private async publishIn(tab: Tab, tabName: string): Promise<void> {
    const { random } = this;
    while (!this.isCalm && tab.isOpen) {
      const count = random.chance(0.7) ? 1 : random.between(2, 8);
      const { name } = random.pick(this.run.topics);
      const publish = (record: PublishRecord<Uint8Array>): Publication =>
        tab.client.topic(name).publish(record);
      for (let left = count; left > 0; left--) this.publishOne(tab, tabName, name, publish);
      if (this.isBursty && this.bursts.chance(0.2)) this.burst(tab, tabName, name);
      await sleep(tab.process, random.delay(10, this.options.pauseMsMax));
    }
  }

  /** As many in one go as are stored together, the way they go where the client lives in a worker. */
  private burst(tab: Tab, tabName: string, topic: string): void {
    const publisher = new Publisher({
      ended: new AbortController().signal,
      // Its worker does not end without the page.
      stream: (_name: string, _signal: undefined, _topic: unknown, records?: RecordRun) =>
        records === undefined
          ? outcomes(0, () => Promise.resolve([]))
          : outcomes(countOf(records), (fate) => tab.publishRun(topic, records, fate)),
    });
    const publish = (record: PublishRecord<Uint8Array>): Publication =>
      publisher.publish(topic, textRecord(record, codecOf()));
    this.run.world.trace.count("publisher: a burst");
    for (let left = this.bursts.between(16, 40); left > 0; left--)
      this.publishOne(tab, tabName, topic, publish);
  }

  private publishOne(
    tab: Tab,
    tabName: string,
    topic: string,
    publish: (record: PublishRecord<Uint8Array>) => Publication,
  ): void {
    const { run, random } = this;
    const { name: producer, principal } = this.tabs;
    const number = this.published++;
    const id = recordId(producer, number);
    const { key, isTombstone } = keyFor(run.topics, topic, random);
    const topicId = tab.knownTopicId(topic);
    run.note({
      kind: "publish",
      id,
      producer,
      number,
      tab: tabName,
      principal,
      topic,
      key,
      ...(isTombstone && { isTombstone }),
      ...(topicId !== undefined && { topicId }),
      idempotent: true,
    });
    const content = contentOf(id, Math.floor(random.delay(10, 2000)), isTombstone);
    this.watch(tab, id, publish({ key, ...content }));
  }

  /** Notes what becomes of a record, as far as its tab is told. */
  private watch(tab: Tab, id: string, { queued, delivered }: Publication): void {
    const { run } = this;
    let isOpen = true;
    const forget = tab.process.onKilled(() => {
      if (isOpen) run.note({ kind: "unknown", id });
      isOpen = false;
    });
    const settle = (): boolean => {
      const wasOpen = isOpen;
      isOpen = false;
      forget();
      return wasOpen;
    };
    queued.then(
      () => {
        if (settle()) run.note({ kind: "queued", id });
        void this.watchDelivery(tab, id, delivered);
      },
      (error: unknown) => {
        run.world.trace.count("publisher: the device said no");
        if (settle()) run.note({ kind: "refused", id, reason: String(error) });
      },
    );
  }

  private async watchDelivery(tab: Tab, id: string, delivered: Publication["delivered"]): Promise<void> {
    const { run } = this;
    const owed = this.owed.get(tab) ?? new Set();
    this.owed.set(tab, owed.add(id));
    const settled = (): void => void owed.delete(id);
    delivered.then(settled, settled);
    try {
      const { partition, offset } = await delivered;
      const topicId = this.tap.topicIdOf(id);
      if (topicId === undefined) run.world.trace.violation(`${id} is delivered, and was never sent`);
      else run.note({ kind: "acknowledged", id, topicId, partition, offset, level: "all" });
    } catch {
      // The outbox says which of the three it is: refused, in doubt, or gone because the app has said so.
      const entry = (await listed(tab.client)).find((each) => each.id === id);
      if (entry?.state === "refused") run.note({ kind: "refused", id, reason: entry.reason ?? "" });
      if (entry?.state === "in doubt") run.note({ kind: "unknown", id });
    }
  }

  /** A user who answers the outbox's questions now and then, in any tab. */
  private async decideIn(tab: Tab): Promise<void> {
    const { random, run } = this;
    while (!this.isCalm && tab.isOpen) {
      await sleep(tab.process, -Math.log(1 - random.next()) * this.options.decideMeanMs);
      if (tab.client.outbox.asking === 0) continue;
      for (const { row, id, state } of await listed(tab.client)) {
        if (!isAsking(state) || this.isCalm) continue;
        const word = this.discarded.has(id) || random.chance(0.5) ? "discard" : "retry";
        if (word === "discard") this.discarded.add(id);
        run.note({ kind: "decided", id, word });
        run.world.trace.count(`publisher: ${state}, and the word is ${word}`);
        // A tab that closes meanwhile has decided, or has not.
        await tab.client.outbox[word]([row]).catch(() => undefined);
      }
    }
  }
}

interface Listed {
  readonly row: number;
  readonly id: string;
  readonly state: string;
  readonly reason: string | undefined;
}

/** What an outbox holds; nothing when its tab is closing. */
async function listed(client: Rivulet): Promise<Listed[]> {
  const entries = await client.outbox.list().catch(() => []);
  return entries.map((entry) => {
    const { id: row, state, reason } = entry;
    return { row, id: idOf(entry), state, reason };
  });
}

function isAsking(state: string): state is Asking {
  return state === "held" || state === "in doubt" || state === "refused";
}
