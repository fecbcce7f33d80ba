/** One tab of an app, in a process of its own: published in, and killed. It tells what it hears to the test at once. */
import type { BrowserContext, Page } from "playwright";
import type * as Sdk from "../../../web-client/index.ts";
import { browserKind } from "../../tools/browser.ts";
import { openGate } from "../../tools/gate.ts";
import { openInProcess } from "../../tools/tab-process.ts";
import type { TabProcess } from "../../tools/tab-process.ts";
import type { HeldPartition, OutboxRow } from "./judge.ts";
import type { PageWord, Written } from "./notes.ts";
import { stopAt } from "./steps.ts";
import type { InWorker, Step } from "./steps.ts";

declare const sdk: typeof Sdk;

/** What the test gives every page. */
declare function tellTest(word: PageWord): Promise<void>;
declare function tokenOf(user: string): Promise<string>;

/** What every page has. */
interface AppGlobals {
  client: Sdk.Rivulet;
  replica: Sdk.Replica<string> | undefined;
  /** Records that were published here, and of which it was not told what became of them, by id. */
  open: Map<string, Promise<void>>;
}

declare const app: AppGlobals;
/** What the page's worker is asked over, as its site has it (`sdk-site.ts`). */
declare const ear: string;

export interface TabOptions {
  /** One life of one tab. */
  readonly name: string;
  readonly outbox: string;
  readonly url: string;
  readonly topic: string;
  /** Who has signed in; undefined: nobody has to. */
  readonly user: string | undefined;
}

/** How a tab dies: its renderer crashes, or the page is loaded anew, or it is closed. */
export const DEATHS = ["crash", "reload", "close"] as const;
export type Death = (typeof DEATHS)[number];

/** What other tabs tell may be lost: a tab looks for itself, after five seconds first. */
const TOLD_WITHIN_MS = 20_000;

export class Tab {
  readonly process: TabProcess;
  readonly options: TabOptions;
  private isDead = false;

  private constructor(process: TabProcess, options: TabOptions) {
    this.process = process;
    this.options = options;
  }

  get page(): Page {
    return this.process.page;
  }

  get name(): string {
    return this.options.name;
  }

  get isAlive(): boolean {
    return !this.isDead;
  }

  /** Connects in a new page; or in one that has the SDK, where a former tab was. */
  static async start(
    former: TabProcess | undefined,
    { context, origin }: { context: BrowserContext; origin: string },
    options: TabOptions,
  ): Promise<Tab> {
    const process =
      former ??
      (await openInProcess(async () => {
        const page = await context.newPage();
        await page.goto(`${origin}/sdk.html`);
        return page;
      }));
    await process.page.waitForFunction(() => document.title === "ready");
    const tab = new Tab(process, options);
    await tab.connect();
    return tab;
  }

  private connect(): Promise<void> {
    const { url, user } = this.options;
    return this.page.evaluate(
      async ({ url, user }) => {
        const who = user === undefined ? {} : { user, token: () => tokenOf(user) };
        const client = await sdk.connect({ url, ...who });
        (globalThis as unknown as { app: AppGlobals }).app = { client, replica: undefined, open: new Map() };
      },
      { url, user },
    );
  }

  /** Keeps the topic on the device; it has to be known there, or the gateway to be reached. */
  keep(): Promise<void> {
    return this.page.evaluate(
      async (topic) => void (app.replica = await app.client.topic(topic, { value: sdk.text() }).replicate()),
      this.options.topic,
    );
  }

  /** Resolves when they are in the client's hands; what becomes of them it tells by itself. */
  publish(records: readonly Written[]): Promise<void> {
    return this.page.evaluate(
      ({ topic, records }) => {
        const target = app.client.topic(topic, { value: sdk.text() });
        const errorOf = (error: unknown): string =>
          error instanceof Error ? `${error.name}: ${error.message}` : String(error);
        for (const { id, key, value } of records) {
          const { queued, delivered } = target.publish({ key, value });
          queued.then(
            () => void tellTest({ kind: "queued", id }),
            (error: unknown) => void tellTest({ kind: "not queued", id, error: errorOf(error) }),
          );
          const told = delivered.then(
            ({ partition, offset }) =>
              void tellTest({ kind: "delivered", id, topic, partition, offset: String(offset) }),
            (error: unknown) => void tellTest({ kind: "not delivered", id, error: errorOf(error) }),
          );
          app.open.set(
            id,
            told.finally(() => app.open.delete(id)),
          );
        }
      },
      { topic: this.options.topic, records: [...records] },
    );
  }

  private readonly inWorker: InWorker = <A, R>(work: (argument: A) => R | Promise<R>, argument: A) =>
    this.page.evaluate(
      ({ work, argument }) =>
        new Promise<R>((resolve, reject) => {
          const channel = new BroadcastChannel(ear);
          const id = crypto.randomUUID();
          channel.addEventListener(
            "message",
            ({ data }: MessageEvent<{ id: string; value: R; error?: string }>) => {
              if (data.id !== id) return;
              channel.close();
              if (data.error === undefined) resolve(data.value);
              else reject(new Error(data.error));
            },
          );
          channel.postMessage({ id, work, argument });
        }),
      { work: work.toString(), argument: argument as unknown },
    );

  /** Resolves when the client lives no more in a worker that stands still: with its tab, or when it goes on. */
  async stopAt(
    step: Extract<Step, { store: string }>,
  ): Promise<{ arrived: Promise<void>; leave: () => void }> {
    const gate = await openGate();
    await stopAt(this.inWorker, step, gate.url);
    return { arrived: gate.arrived, leave: () => gate.close() };
  }

  /** The client stands still, as that of a frozen tab does; the answer wakes it. */
  async freeze(): Promise<() => Promise<void>> {
    await this.process.freeze();
    return () => this.process.wake();
  }

  /** Whether this tab leads the others of its device. */
  leads(): Promise<boolean> {
    return this.inWorker(async () => {
      const mine = `probe ${Math.random()}`;
      return navigator.locks.request(mine, async () => {
        const { held = [] } = await navigator.locks.query();
        const me = held.find(({ name }) => name === mine)?.clientId;
        return held.some(({ name, clientId }) => clientId === me && name?.endsWith("/leader") === true);
      });
    }, undefined);
  }

  /** Resolves when nothing of it goes on any more. A page that is loaded anew is there for another tab. */
  async die(how: Death): Promise<void> {
    this.isDead = true;
    if (how === "close") return this.page.close();
    if (how === "reload") return void (await this.page.reload());
    await this.process.crash();
    // Of Firefox a tab that has crashed is left as it is: whoever drives it waits for its page in vain.
    if (browserKind === "chromium") await this.page.close();
  }

  /** Its browser was killed. */
  lose(): void {
    this.isDead = true;
  }

  /** What the browser has thrown away under its client. */
  lost(): Promise<string | undefined> {
    return this.page.evaluate(async () => (await app.client.storageStatus()).lost);
  }

  state(): Promise<string> {
    return this.page.evaluate(() => app.client.state.name);
  }

  async untilState(name: string): Promise<void> {
    // By its events: a page in the background is drawn by nobody, and polled by no frame.
    await this.page.evaluate(async (name) => {
      while (app.client.state.name !== name)
        await new Promise((resolve) => app.client.addEventListener("state", resolve, { once: true }));
    }, name);
  }

  /** Resolves when nothing waits in the outbox but what asks the app. */
  async untilDelivered(): Promise<void> {
    await this.page.evaluate(async () => {
      while (app.client.outbox.pending > 0)
        await new Promise((resolve) => app.client.outbox.addEventListener("change", resolve, { once: true }));
    });
  }

  /** Resolves when all that waits is in stored batches, and on its way. */
  async untilSealed(): Promise<void> {
    await this.page.evaluate(async () => {
      for (;;) {
        const changed = new Promise((resolve) =>
          app.client.outbox.addEventListener("change", resolve, { once: true }),
        );
        if ((await app.client.outbox.list()).every(({ state }) => state === "sending")) return;
        await changed;
      }
    });
  }

  /** Why it gets no further, for a message. */
  describe(): Promise<string> {
    return this.page.evaluate(() => {
      const { state, outbox } = app.client;
      const held = app.replica?.partitions.map(({ from, to, state }) => `[${from}, ${to}) ${state}`) ?? [];
      return `${state.name} (${state.reason ?? ""}), ${outbox.pending} pending, ${outbox.asking} asking, problem: ${outbox.problem ?? "none"}, holds ${held.join(" ")}`;
    });
  }

  /** Records that have left the outbox, and of which this tab is not told what became of them, for so long. */
  untold(): Promise<string[]> {
    return this.page.evaluate(async (patienceMs) => {
      const rows = await app.client.outbox.list();
      const kept = new Set(
        rows.map(({ value }) => new TextDecoder().decode(value ?? undefined).split(" ", 1)[0]),
      );
      const owed = [...app.open].filter(([id]) => !kept.has(id));
      const late = new Promise((resolve) => setTimeout(resolve, patienceMs));
      await Promise.race([Promise.all(owed.map(([, told]) => told)), late]);
      return owed.flatMap(([id]) => (app.open.has(id) ? [id] : []));
    }, TOLD_WITHIN_MS);
  }

  outboxRows(): Promise<OutboxRow[]> {
    return this.page.evaluate(async (outbox) => {
      const text = (bytes: Uint8Array | null): string | null =>
        bytes === null ? null : new TextDecoder().decode(bytes);
      return (await app.client.outbox.list()).map(({ key, value, state, reason }) => {
        return { outbox, key: text(key), value: text(value), state, reason };
      });
    }, this.options.outbox);
  }

  /** Resolves when the replica has come to these ends, by partition. */
  async untilHeld(ends: readonly bigint[]): Promise<void> {
    await this.page.evaluate(async (ends) => {
      const { replica } = app;
      if (replica === undefined) throw new Error("this tab keeps nothing");
      while (!replica.partitions.every(({ partition, to }) => String(to) === ends[partition]))
        await new Promise((resolve) => replica.addEventListener("progress", resolve, { once: true }));
    }, ends.map(String));
  }

  /** What the app can read of its replica. */
  async held(): Promise<HeldPartition[]> {
    const partitions = await this.page.evaluate(async () => {
      const { replica } = app;
      if (replica === undefined) return [];
      return Promise.all(
        replica.partitions.map(async ({ partition, from, to, state }) => {
          const records: { key: string | null; value: string | null; offset: string }[] = [];
          for await (const { key, value, offset } of replica.read({ partition }))
            records.push({ key, value, offset: String(offset) });
          return { partition, from: String(from), to: String(to), state, records };
        }),
      );
    });
    const { name: holder, topic } = this.options;
    return partitions.map(({ partition, from, to, state, records }) => ({
      holder,
      topic,
      partition,
      from: BigInt(from),
      to: BigInt(to),
      state,
      records: records.map(({ offset, ...content }) => ({ ...content, offset: BigInt(offset) })),
    }));
  }
}
