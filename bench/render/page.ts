/** What runs in the two tabs: one publishes at a steady pace, the other shows each record and notes how old it was then. */
import { deferred, type Deferred } from "../../sync/wait.ts";
import { connect, json, type Rivulet } from "../../web-client/index.ts";
import { isLive } from "../browser/connected.ts";

export interface Place {
  /** Of the gateway, or of the peer. */
  readonly url: string;
  readonly topic: string;
  /** Names the store on this device: tabs with the same one share it, and one connection. */
  readonly name: string;
}

export interface Pace {
  readonly perSecond: number;
  readonly count: number;
}

/** How old records were, in milliseconds: when the page had them in its document, and when a frame with them was made. */
export interface Seen {
  readonly given: readonly number[];
  readonly painted: readonly number[];
}

/** What is to be seen, and what has been so far. */
interface Watched {
  readonly wanted: number;
  readonly given: number[];
  readonly painted: number[];
  readonly all: Deferred<void>;
}

interface Message {
  readonly number: number;
  /** By the clock that all tabs of a browser share, in milliseconds since the epoch. */
  readonly sentAt: number;
  readonly text: string;
}

/** One way from tab to tab. */
interface Line {
  send(message: Message): void;
  hear(show: (message: Message) => void): Promise<void>;
  close(): Promise<void>;
}

/** What socket.io's own script puts on the window. */
interface SocketIo {
  connect(url: string, options: { transports: string[]; forceNew: boolean }): IoSocket;
}
interface IoSocket {
  on(event: string, listener: (message: Message) => void): void;
  emit(event: string, message: Message): void;
  close(): void;
}

/** Records are due every few milliseconds, and published together, as an app's own events come. */
const TICK_MS = 5;
/** The list shows so many. */
const SHOWN = 50;
const TEXT = "a record of an app: who did what, where and when, in about a hundred and fifty bytes of JSON, ";

const lines = {
  rivulet: async ({ url, topic, name }: Place): Promise<Line> => {
    const rivulet: Rivulet = await connect({ url, name });
    await isLive(rivulet);
    const messages = rivulet.topic(topic, { value: json<Message>() });
    return {
      send: (message) => void messages.publish({ value: message }),
      hear: async (show) => {
        const records = messages.subscribe({ from: "earliest" });
        // The first one tells that it hears.
        await records.next();
        void (async () => {
          for await (const { value } of records) if (value !== null) show(value);
        })();
      },
      close: () => rivulet.close(),
    };
  },
  "socket.io": async ({ url }: Place): Promise<Line> => {
    const { io } = window as unknown as { io: SocketIo };
    const socket = io.connect(url, { transports: ["websocket"], forceNew: true });
    await new Promise<void>((resolve) => socket.on("connect", () => resolve()));
    return {
      send: (message) => socket.emit("record", message),
      hear: (show) => Promise.resolve(socket.on("record", show)),
      close: () => Promise.resolve(socket.close()),
    };
  },
};
export type LineName = keyof typeof lines;

const now = (): number => performance.timeOrigin + performance.now();
let line: Line | undefined;
let seen: Watched | undefined;

const page = {
  open: async ({ kind, place }: { kind: LineName; place: Place }): Promise<void> => {
    line = await lines[kind](place);
  },

  /** Shows what comes from now on, of which so many are counted. */
  hear: async (wanted: number): Promise<void> => {
    seen = { wanted, given: [], painted: [], all: deferred<void>() };
    await line?.hear(show);
  },

  /** One, so that everything is open before the clock counts. */
  sendFirst: (): Promise<void> => Promise.resolve(line?.send(message(-1))),

  /** Resolves when all have been shown and painted. */
  seen: async (): Promise<Seen> => {
    if (seen === undefined) throw new Error("nothing is listened to");
    await seen.all.promise;
    return { given: seen.given, painted: seen.painted };
  },

  publish: async ({ perSecond, count }: Pace): Promise<void> => {
    const begin = performance.now();
    let sent = 0;
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const due = Math.min(count, Math.floor(((performance.now() - begin) * perSecond) / 1000));
        while (sent < due) line?.send(message(sent++));
        if (sent < count) return;
        clearInterval(timer);
        resolve();
      }, TICK_MS);
    });
  },

  close: async (): Promise<void> => {
    await line?.close();
    list.replaceChildren();
  },
};
export type RenderPage = typeof page;
Object.assign(window, { bench: page });

const list = document.querySelector("ol") ?? document.body.appendChild(document.createElement("ol"));

function message(number: number): Message {
  return { number, sentAt: now(), text: TEXT };
}

let unpainted: Message[] = [];

function show(shown: Message): void {
  if (shown.number < 0 || seen === undefined) return;
  if (shown.number !== seen.given.length)
    return seen.all.reject(new Error(`record ${shown.number} came when ${seen.given.length} was to come`));
  const item = document.createElement("li");
  item.textContent = `${shown.number} ${shown.text}`;
  list.append(item);
  if (list.childElementCount > SHOWN) list.firstElementChild?.remove();
  seen.given.push(now() - shown.sentAt);
  unpainted.push(shown);
  if (unpainted.length === 1) requestAnimationFrame(() => afterPaint());
}

/** A task that a frame's callback asks for comes after the frame was made. */
function afterPaint(): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    const paintedAt = now();
    const group = unpainted;
    unpainted = [];
    for (const { sentAt } of group) seen?.painted.push(paintedAt - sentAt);
    if (seen !== undefined && seen.painted.length >= seen.wanted) seen.all.resolve();
  };
  port2.postMessage(null);
}
