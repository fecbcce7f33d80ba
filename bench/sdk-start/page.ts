/** An app that shows the first record of a topic as soon as it can, in the way that its address names. */
import { connect, text } from "../../web-client/index.ts";

export type StartWay = "subscribe" | "replica" | "keep" | "fetch";

export interface Started {
  /** From the beginning of the navigation to the frame with the record, in milliseconds. */
  readonly fromNavigation: number;
  /** From the first line of the app: there the page's script has been loaded. */
  readonly fromScript: number;
  /** How long `connect` took. */
  readonly connect: number;
  readonly value: string;
}

const began = performance.now();
const asked = new URLSearchParams(location.search);
const url = asked.get("url") ?? "";
const topicName = asked.get("topic") ?? "";
let connectedMs = 0;

const opened = async () => {
  const rivulet = await connect({ url, name: "start" });
  connectedMs = performance.now() - began;
  return rivulet.topic(topicName, { value: text() });
};

const ways: Readonly<Record<StartWay, () => Promise<string>>> = {
  subscribe: async () => {
    const topic = await opened();
    for await (const { value } of topic.subscribe({ from: "earliest" })) return value ?? "";
    throw new Error("the subscription ended");
  },
  /** From what the device keeps, whatever the connection does. */
  replica: async () => {
    const replica = await (await opened()).replicate();
    for await (const { value } of replica.read()) return value ?? "";
    throw new Error("nothing is kept here");
  },
  /** For the next visit. */
  keep: async () => {
    const replica = await (await opened()).replicate();
    await replica.caughtUp();
    for await (const { value } of replica.read()) return value ?? "";
    throw new Error("nothing is kept here");
  },
  /** Without the SDK: what is the least that a page takes. */
  fetch: async () => {
    const response = await fetch(new URL(`/log/${asked.get("topicId")}/0?from=0`, url));
    return String((await response.arrayBuffer()).byteLength);
  },
};

async function start(): Promise<Started> {
  const value = await ways[asked.get("way") as StartWay]();
  document.body.append(value);
  await new Promise(requestAnimationFrame);
  await new Promise((resolve) => setTimeout(resolve));
  const now = performance.now();
  return { fromNavigation: now, fromScript: now - began, connect: connectedMs, value };
}

const started = start();
Object.assign(window, { bench: { started: () => started } });
