/** What runs in the tab: the SDK as an app would use it, and, to compare, ways of taking in the same bytes that do less. */
import { connect } from "../../web-client/index.ts";
import { isLive } from "../browser/connected.ts";
import { watchMainThread } from "../browser/main-thread.ts";
import type { BareAnswer, BareWay } from "./bare-worker.ts";

export interface TabRequest {
  /** Of the gateway. */
  readonly url: string;
  readonly topic: string;
  readonly topicId: string;
  /** Names the store on this device; another name, another store. */
  readonly name: string;
  /** How many values the hash covers. */
  readonly hashedValues: number;
}

export interface TabResult {
  readonly milliseconds: number;
  /** The longest time for which the page's thread was not free, meanwhile. */
  readonly longestStallMs: number;
  readonly longTasks: number;
  readonly bytes: number;
  /** Records, where they were counted. */
  readonly records?: number;
  /** SHA-256 of the first values, one after the other. */
  readonly hash?: string;
}

const tab = {
  /** From asking for the replica, connected, to holding all of it on the device, checked; then deletes it. */
  replicate: async ({ url, topic, name, hashedValues }: TabRequest): Promise<TabResult> => {
    const rivulet = await connect({ url, name });
    if (rivulet.storage !== "indexeddb") throw new Error("the SDK keeps nothing on this device");
    await isLive(rivulet);
    const watch = watchMainThread();
    const begin = performance.now();
    const replica = await rivulet.topic(topic).replicate();
    await replica.caughtUp();
    const milliseconds = performance.now() - begin;
    const measured = { milliseconds, ...watch.stop() };
    const held = { bytes: replica.heldBytes, records: replica.heldRecords };
    const values: Uint8Array[] = [];
    for await (const { valueBytes } of replica.read()) {
      if (valueBytes !== null) values.push(valueBytes.slice());
      if (values.length === hashedValues) break;
    }
    await replica.delete();
    await rivulet.close();
    return { ...measured, ...held, hash: await sha256(values) };
  },

  unchecked: (request: TabRequest) => inWorker("unchecked", request),
  fetchIntoStore: (request: TabRequest) => inWorker("fetchIntoStore", request),
  fetchOnly: (request: TabRequest) => inWorker("fetchOnly", request),
};
export type Tab = typeof tab;
Object.assign(window, { bench: tab });

/** A worker of its own, as the SDK has one. Its start is not timed. */
async function inWorker(way: BareWay, request: TabRequest): Promise<TabResult> {
  const worker = new Worker(new URL("./bare-worker.ts", import.meta.url), { type: "module" });
  const ask = (asked: BareWay | "start"): Promise<BareAnswer> =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<BareAnswer | { error: string }>) =>
        "error" in data ? reject(new Error(data.error)) : resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage({ way: asked, request });
    });
  await ask("start");
  const watch = watchMainThread();
  const answer = await ask(way);
  const stalls = watch.stop();
  worker.terminate();
  return { ...answer, ...stalls };
}

async function sha256(values: readonly Uint8Array[]): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-256",
    await new Blob(values.map((value) => value.slice())).arrayBuffer(),
  );
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
