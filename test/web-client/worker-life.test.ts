/** A client whose worker ends, or does not come up: what its page does then, with workers that do as they are told. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { RemoteClient } from "../../web-client/remote/remote-client.ts";
import { Exposed } from "../../web-client/remote/service.ts";
import { ServingChannel } from "../../web-client/remote/serving-channel.ts";
import { openInWorker } from "../../web-client/remote/start-worker.ts";

const NEVER = new Promise<never>(() => undefined);

/** What a worker does; left out, all that it should. */
interface Behaviour {
  /** Its script cannot be fetched. */
  readonly isMissing?: boolean;
  readonly hold?: () => Promise<boolean>;
  readonly prepare?: () => Promise<void>;
  readonly open?: () => Promise<void>;
  readonly storage?: "indexeddb" | "memory";
}

/** Those that are started do so, one after the other; the last one's way is that of all others. */
let behaviours: Behaviour[];
let workers: FakeWorker[];
let network: EventTarget;
let browser: { onLine: boolean; readonly locks: Pick<LockManager, "request"> };

class FakeWorker extends EventTarget {
  /** What it was asked for. */
  readonly asked: string[] = [];
  lock: string | undefined;
  isGone = false;
  readonly gone: Promise<void>;
  private tellGone: () => void = () => undefined;
  private readonly ports: readonly [page: MessagePort, own: MessagePort];

  constructor() {
    super();
    this.gone = new Promise((resolve) => (this.tellGone = resolve));
    const { port1: page, port2: own } = new MessageChannel();
    this.ports = [page, own];
    const [behaviour = {}] = behaviours;
    if (behaviours.length > 1) behaviours.shift();
    workers.push(this);
    if (behaviour.isMissing === true) {
      setImmediate(() => this.dispatchEvent(new Event("error")));
      return;
    }
    page.addEventListener("message", ({ data }) => {
      if (!this.isGone) this.dispatchEvent(new MessageEvent("message", { data }));
    });
    new ServingChannel(own, this.service(behaviour));
    for (const port of this.ports) port.start();
  }

  postMessage(message: unknown, transfer: ArrayBuffer[]): void {
    this.ports[0].postMessage(message, transfer);
  }

  /** It is gone a little later, as in a browser. */
  terminate(): void {
    setImmediate(() => this.die());
  }

  /** Nobody is told. */
  die(): void {
    this.isGone = true;
    for (const port of this.ports) port.close();
    this.tellGone();
  }

  private service({ hold, prepare, open, storage = "indexeddb" }: Behaviour) {
    const asked = (what: string): void => void this.asked.push(what);
    const answer =
      <T>(name: string, value: T) =>
      (): Promise<T> => {
        asked(name);
        return Promise.resolve(value);
      };
    const client = new Exposed(
      {
        topics: answer("topics", []),
        goOffline: answer("goOffline", undefined),
        goOnline: answer("goOnline", undefined),
        close: answer("close", undefined),
        storageStatus: answer("storageStatus", { reason: "the browser does not open its IndexedDB" }),
        subscribe: answer("subscribe", undefined),
        joinGroup: answer("joinGroup", undefined),
      },
      {
        state: () => ({
          connection: { name: "connecting", reason: undefined },
          storage,
          outbox: { pending: 0, asking: 0 },
          switches: 0,
          published: 0,
        }),
        listen: () => () => undefined,
      },
    );
    return {
      hold: async (lock: string): Promise<boolean> => {
        asked("hold");
        if (hold !== undefined) return hold();
        this.lock = lock;
        return true;
      },
      prepare: async (): Promise<void> => {
        asked("prepare");
        await prepare?.();
      },
      open: async () => {
        asked("open");
        await open?.();
        return client;
      },
    };
  }
}

beforeEach(() => {
  [behaviours, workers, network] = [[], [], new EventTarget()];
  browser = { onLine: true, locks: { request: lockRequest as LockManager["request"] } };
  vi.stubGlobal("navigator", browser);
  vi.stubGlobal("Worker", FakeWorker);
  vi.stubGlobal("addEventListener", network.addEventListener.bind(network));
  // The shortest of all waits.
  vi.spyOn(Math, "random").mockReturnValue(0);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  for (const worker of workers) worker.die();
});

/** Workers hold theirs as long as they live. */
async function lockRequest(
  name: string,
  { signal }: { readonly signal: AbortSignal },
  held: () => unknown,
): Promise<unknown> {
  signal.throwIfAborted();
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason as Error)),
  );
  await Promise.race([workers.find(({ lock }) => lock === name)?.gone, aborted]);
  return held();
}

function openWorker(signal?: AbortSignal): Promise<RemoteClient | undefined> {
  const opening = {
    url: "http://gateway.example/",
    account: "a",
    principal: "p",
    isSignedIn: false,
    offline: false,
    engineUrl: undefined,
    hasLocks: true,
  };
  return openInWorker(opening, { tokens: undefined, persist: () => Promise.resolve(true), signal });
}

async function openClient(...ways: Behaviour[]): Promise<RemoteClient> {
  behaviours = ways;
  return (await openWorker()) ?? expect.fail("the client is not in a worker");
}

/** Fake timers leave this alone. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

async function quiet(): Promise<void> {
  for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
}

const living = (): number => workers.filter(({ isGone }) => !isGone).length;

test("a client that is closed while another worker is being started: none is left when close() resolves", async () => {
  const client = await openClient({}, { open: () => NEVER });
  workers[0]?.die();
  await until(() => workers[1]?.asked.includes("open") === true);
  await client.close();
  expect([workers.length, living()]).toEqual([2, 0]);
  expect(client.state).toEqual({ name: "closed", reason: "closed by the app" });
});

test("a client that is closed has let its worker end when close() resolves", async () => {
  const client = await openClient({});
  await client.close();
  expect(living()).toBe(0);
  expect(workers[0]?.asked).toEqual(["hold", "prepare", "open", "close"]);
});

test("a client that is closed between two tries starts no other worker, which would open the stores of who has signed out", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const client = await openClient({}, { isMissing: true });
  workers[0]?.die();
  await quiet();
  // So long it is asked whether it lives.
  await vi.advanceTimersByTimeAsync(1000);
  await until(() => client.state.reason?.startsWith("no worker can be started") === true);
  await quiet();
  expect(workers).toHaveLength(2);
  await client.close();
  await vi.advanceTimersByTimeAsync(60_000);
  await quiet();
  expect([workers.length, living()]).toEqual([2, 0]);
});

test("a worker that cannot open the device's store any more, and would go on in memory, does not take the place of one that could", async () => {
  const client = await openClient({}, { storage: "memory" }, {});
  const reasons: unknown[] = [];
  client.addEventListener("state", ({ state }) => reasons.push(state.reason));
  workers[0]?.die();
  await until(() => workers.length > 1);
  expect(await client.topics()).toEqual([]);
  expect([client.storage, workers.map(({ isGone }) => isGone)]).toEqual(["indexeddb", [true, true, false]]);
  expect(workers[1]?.asked).not.toContain("topics");
  expect(reasons).toContainEqual(expect.stringContaining("does not open its IndexedDB"));
  await client.close();
});

test("where nothing outlives the tab from the start, a worker is replaced by another one in memory", async () => {
  const client = await openClient({ storage: "memory" });
  workers[0]?.die();
  await until(() => workers.length > 1);
  expect(await client.topics()).toEqual([]);
  expect([client.storage, workers.length]).toEqual(["memory", 2]);
  await client.close();
});

test("a worker that is killed before it has said anything keeps nobody waiting for ever: the client runs in the page", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const warn = vi.spyOn(console, "warn").mockReturnValue();
  behaviours = [{ hold: () => NEVER, prepare: () => NEVER }];
  const opened = openWorker();
  await until(() => workers[0]?.asked.includes("prepare") === true);
  workers[0]?.die();
  await quiet();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await opened).toBeUndefined();
  expect(String(warn.mock.calls[0]?.[1])).toContain("it has not answered within 30000 ms");
});

test("a worker that is killed while it loads its engine, or opens the store, is noticed at once", async () => {
  const warn = vi.spyOn(console, "warn").mockReturnValue();
  behaviours = [{ prepare: () => NEVER }, { open: () => NEVER }];
  const loading = openWorker();
  await until(() => workers[0]?.asked.includes("prepare") === true);
  await quiet();
  workers[0]?.die();
  expect(await loading).toBeUndefined();
  expect(String(warn.mock.calls[0]?.[1])).toContain("its worker has ended");
  const opening = openWorker();
  const failure = expect(opening).rejects.toThrow("its worker has ended");
  await until(() => workers[1]?.asked.includes("open") === true);
  workers[1]?.die();
  await failure;
});

test("connecting that is given up while its worker starts leaves no worker behind", async () => {
  behaviours = [{ open: () => NEVER }];
  const controller = new AbortController();
  const opening = openWorker(controller.signal);
  await until(() => workers[0]?.asked.includes("open") === true);
  controller.abort(new Error("given up"));
  await expect(opening).rejects.toThrow("given up");
  expect(living()).toBe(0);
});

test("a worker that ends while the browser is offline, and whose script cannot be fetched then, is replaced when there is a network", async () => {
  const client = await openClient({}, { isMissing: true });
  browser.onLine = false;
  workers[0]?.die();
  const waiting: Promise<unknown>[] = [];
  // More often than it is tried otherwise: each is a network that is gone again at once.
  for (let tries = 1; tries <= 10; tries++) {
    await until(() => client.state.reason?.endsWith("when the browser is online") === true);
    await quiet();
    expect([client.state.name, workers.length]).toEqual(["connecting", 1 + tries]);
    waiting.push(client.topics());
    if (tries === 10) [behaviours, browser.onLine] = [[{}], true];
    network.dispatchEvent(new Event("online"));
    await until(() => workers.length > 1 + tries);
  }
  expect(await Promise.all(waiting)).toHaveLength(10);
  await client.close();
});

test("where the browser is online, eight that do not come up are enough, and the app is told to reload the page", async () => {
  const client = await openClient({}, { isMissing: true });
  workers[0]?.die();
  await until(() => client.state.name === "closed");
  expect(client.state.reason).toMatch(/script could not be loaded.*reload the page/);
  expect(workers).toHaveLength(9);
});

test("what is closed or given up while there is no worker ends at once, and the next one is not asked for it", async () => {
  const client = await openClient({}, { isMissing: true });
  browser.onLine = false;
  workers[0]?.die();
  await until(() => client.state.reason?.endsWith("when the browser is online") === true);
  const notes = client.topic("notes");
  const subscription = notes.subscribe();
  const first = subscription.next();
  const member = client.group("g").subscribe(["notes"]);
  const joined = member.next();
  const controller = new AbortController();
  const replica = notes.replicate({ signal: controller.signal });
  const reason = new Error("not wanted any more");
  controller.abort(reason);
  await expect(replica).rejects.toBe(reason);
  await subscription.close();
  await member.close();
  expect(await Promise.all([first, joined])).toEqual([
    { done: true, value: undefined },
    { done: true, value: undefined },
  ]);
  expect(member.state.name).toBe("left");
  behaviours = [{}];
  network.dispatchEvent(new Event("online"));
  await client.topics();
  expect(workers.at(-1)?.asked).toEqual(["hold", "prepare", "open", "topics"]);
  browser.onLine = false;
  behaviours = [{ isMissing: true }];
  workers.at(-1)?.die();
  await until(() => client.state.reason?.endsWith("when the browser is online") === true);
  await client.close();
});

test("an app that switches off while another worker is started stays off, and the worker is told", async () => {
  let go = (): void => undefined;
  const client = await openClient({}, { open: () => new Promise((resolve) => (go = resolve)) });
  workers[0]?.die();
  await until(() => workers[1]?.asked.includes("open") === true);
  client.goOffline();
  const states: string[] = [];
  client.addEventListener("state", ({ state }) => states.push(state.name));
  go();
  await until(() => workers[1]?.asked.includes("goOffline") === true);
  await client.topics();
  expect([client.state.name, states]).toEqual(["offline", []]);
  await client.close();
});
