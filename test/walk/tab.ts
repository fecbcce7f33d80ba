/** A tab of a real Chromium that shows the console page, and what its client knows. */
import { chromium, type BrowserContext, type Page } from "playwright";
import type { ReceivedRecord, Replica, Rivulet } from "../../web-client/index.ts";

/** A record as the tab was shown it; bytes as text, one character a byte. */
export interface SeenRecord {
  readonly offset: bigint;
  readonly key: string;
  readonly value: string;
}

interface Following {
  readonly replica: Replica<Uint8Array>;
  readonly seen: SeenRecord[];
  failure: string | undefined;
}

declare global {
  /** The console's own client, which it hands to the developer tools. */
  var rivulet: Rivulet | undefined;
  /** What the test has asked the tab to follow. */
  var following: Following | undefined;
}

const TOPIC = "log";
const WAIT_MS = 60_000;

/** A Chromium whose IndexedDB and service workers live in `directory`, and outlive it. */
export async function openBrowser(directory: string): Promise<BrowserContext> {
  const executablePath = process.env.RIVULET_CHROMIUM;
  if (executablePath === undefined) throw new Error("RIVULET_CHROMIUM does not say where a Chromium is");
  return chromium.launchPersistentContext(directory, {
    executablePath,
    headless: true,
    args: ["--no-sandbox"],
  });
}

export class Tab {
  readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  /** Opens the console and waits until its client is there; `url` may be down when a service worker has the page. */
  static async open(context: BrowserContext, url: string): Promise<Tab> {
    const page = await context.newPage();
    await page.goto(url);
    await page.waitForFunction(() => globalThis.rivulet !== undefined, undefined, { timeout: WAIT_MS });
    return new Tab(page);
  }

  close(): Promise<void> {
    return this.page.close();
  }

  /** Waits until a service worker can open this page without the gateway. */
  async canOpenOffline(): Promise<void> {
    await this.page.evaluate(async () => void (await navigator.serviceWorker.ready));
  }

  /** Keeps the whole topic on this device, and collects what it is shown from the start on. */
  async follow(): Promise<void> {
    await this.page.evaluate(async (topic) => {
      if (globalThis.rivulet === undefined) throw new Error("this page has no client");
      const text = (bytes: Uint8Array | null): string => String.fromCharCode(...(bytes ?? []));
      const replica = await globalThis.rivulet.topic(topic).replicate();
      const following: Following = { replica, seen: [], failure: undefined };
      globalThis.following = following;
      const collect = async (records: AsyncIterable<ReceivedRecord<Uint8Array>>): Promise<void> => {
        for await (const { offset, keyBytes, valueBytes } of records) {
          following.seen.push({ offset, key: text(keyBytes), value: text(valueBytes) });
        }
      };
      void collect(replica.follow({ partition: 0 })).catch(
        (error: unknown) => (following.failure = String(error)),
      );
    }, TOPIC);
  }

  /** Waits until `count` records were shown since the tab was opened. */
  async waitForSeen(count: number): Promise<void> {
    await this.page.waitForFunction(
      (wanted) => {
        const { following } = globalThis;
        if (following?.failure !== undefined) throw new Error(following.failure);
        return (following?.seen.length ?? 0) >= wanted;
      },
      count,
      { timeout: WAIT_MS },
    );
  }

  /** Everything that was shown since the tab was opened. */
  seen(): Promise<SeenRecord[]> {
    return this.page.evaluate(() => globalThis.following?.seen ?? []);
  }

  /** Reads from its start what this device holds. */
  held(): Promise<SeenRecord[]> {
    return this.page.evaluate(async () => {
      const { following } = globalThis;
      if (following === undefined) throw new Error("this tab follows nothing");
      const text = (bytes: Uint8Array | null): string => String.fromCharCode(...(bytes ?? []));
      const records: SeenRecord[] = [];
      for await (const { offset, keyBytes, valueBytes } of following.replica.read({ partition: 0 })) {
        records.push({ offset, key: text(keyBytes), value: text(valueBytes) });
      }
      return records;
    });
  }

  /**
   * The bytes of the partition's segments as they lie in IndexedDB, one after the other: rows of `chunks` by file and
   * position, read without any code of the client.
   */
  async stored(): Promise<Buffer> {
    const text = await this.page.evaluate(async (directory) => {
      const done = <T>(request: IDBRequest<T>): Promise<T> =>
        new Promise((resolve, reject) => {
          request.addEventListener("success", () => resolve(request.result));
          request.addEventListener("error", () => reject(request.error ?? new Error("IndexedDB failed")));
        });
      const replicas = (await indexedDB.databases()).filter(({ name }) =>
        name?.startsWith("rivulet/replica/"),
      );
      let bytes = "";
      for (const { name } of replicas) {
        const database = await done(indexedDB.open(name ?? ""));
        const chunks = database.transaction("chunks").objectStore("chunks");
        const [keys, rows] = await Promise.all([done(chunks.getAllKeys()), done(chunks.getAll())]);
        for (const [index, row] of rows.entries()) {
          const [file] = keys[index] as [string, number];
          if (!file.includes(`/${directory}/`) || !file.endsWith(".log")) continue;
          for (const byte of row as Uint8Array) bytes += String.fromCharCode(byte);
        }
        database.close();
      }
      return bytes;
    }, `${TOPIC}-0`);
    return Buffer.from(text, "latin1");
  }

  /** Publishes `count` records, `<name> 0` and so on with the key `name`, and waits until each is safe on the device. */
  async publish(name: string, count: number): Promise<void> {
    await this.page.evaluate(
      async ({ topic, name: key, count: total }) => {
        const log = globalThis.rivulet?.topic(topic);
        if (log === undefined) throw new Error("this page has no client");
        const encoder = new TextEncoder();
        const sent = Array.from({ length: total }, (_, index) => {
          const publication = log.publish({ key, value: encoder.encode(`${key} ${index}`) });
          // The tab may be closed before it is delivered.
          publication.delivered.catch(() => {});
          return publication.queued;
        });
        await Promise.all(sent);
      },
      { topic: TOPIC, name, count },
    );
  }

  /** How many records wait in the outbox, and how many ask for a word of the app. */
  outbox(): Promise<{ pending: number; asking: number }> {
    return this.page.evaluate(() => {
      const outbox = globalThis.rivulet?.outbox;
      if (outbox === undefined) throw new Error("this page has no client");
      return { pending: outbox.pending, asking: outbox.asking };
    });
  }

  waitForState(name: "live" | "offline"): Promise<unknown> {
    const isState = (wanted: string): boolean => globalThis.rivulet?.state.name === wanted;
    return this.page.waitForFunction(isState, name, { timeout: WAIT_MS });
  }

  async waitForEmptyOutbox(): Promise<void> {
    const isEmpty = (): boolean => globalThis.rivulet?.outbox.pending === 0;
    await this.page.waitForFunction(isEmpty, undefined, { timeout: WAIT_MS });
  }
}
