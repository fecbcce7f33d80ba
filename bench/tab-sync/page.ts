/** What runs in the tab: the SDK as an app would use it, and, to compare, one fetch that keeps nothing. */
import { connect, type Rivulet } from "../../web-client/index.ts";

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
  readonly bytes: number;
  /** Records, where they were counted. */
  readonly records?: number;
  /** Where the SDK kept them. */
  readonly storage?: string;
  /** SHA-256 of the first values, one after the other. */
  readonly hash?: string;
}

export interface Tab {
  /** From asking for the replica, connected, to holding all of it on the device; then deletes it. */
  replicate(request: TabRequest): Promise<TabResult>;
  /** The whole history over HTTP, thrown away. */
  fetchOnly(request: TabRequest): Promise<TabResult>;
}

const tab: Tab = {
  replicate: async ({ url, topic, name, hashedValues }) => {
    const rivulet = await connect({ url, name, engineUrl: new URL("engine.wasm", location.href) });
    await isLive(rivulet);
    const begin = performance.now();
    const replica = await rivulet.topic(topic).replicate();
    await replica.caughtUp();
    const milliseconds = performance.now() - begin;
    const held = { bytes: replica.heldBytes, records: replica.heldRecords, storage: rivulet.storage };
    const values: Uint8Array[] = [];
    for await (const { valueBytes } of replica.read()) {
      if (valueBytes !== null) values.push(valueBytes.slice());
      if (values.length === hashedValues) break;
    }
    await replica.delete();
    await rivulet.close();
    return { milliseconds, ...held, hash: await sha256(values) };
  },

  fetchOnly: async ({ url, topicId }) => {
    const begin = performance.now();
    const response = await fetch(new URL(`/log/${topicId}/0?from=0`, url));
    if (!response.ok || response.body === null) throw new Error(`history answers ${response.status}`);
    let bytes = 0;
    const reader = response.body.getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read())
      bytes += piece.value.length;
    return { milliseconds: performance.now() - begin, bytes };
  },
};
Object.assign(window, { tab });

function isLive(rivulet: Rivulet): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (rivulet.state.name === "live") resolve();
      if (rivulet.state.name === "closed") reject(new Error(`the client closed: ${rivulet.state.reason}`));
    };
    rivulet.addEventListener("state", look);
    look();
  });
}

async function sha256(values: readonly Uint8Array[]): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-256",
    await new Blob(values.map((value) => value.slice())).arrayBuffer(),
  );
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
