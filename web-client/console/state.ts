/** What the page knows, as signals over the SDK: the one place where topics, tail, outbox and device come together. */
import {
  batch,
  computed,
  effect,
  signal,
  untracked,
  type ReadonlySignal,
  type Signal,
} from "@preact/signals";
import type { ConnectionState, Rivulet, TopicSummary } from "../index.ts";
import { createActivity, type Activity } from "./activity.ts";
import { createKeptTopics, type KeptTopics } from "./kept-topics.ts";
import { formatPlace, parsePlace, type Place } from "./place.ts";
import { createPublishing, type Publishing } from "./publishing.ts";
import { createTail, type Tail } from "./tail-state.ts";
import type { TailRow } from "./tail-buffer.ts";
import type { TailStart } from "./tail-source.ts";

/** What a narrow screen shows; a wide one shows all of it. */
export type View = "topics" | "records" | "publish";

export interface DeviceStorage {
  readonly usedBytes: number | undefined;
  readonly quotaBytes: number | undefined;
  /** The browser has promised not to throw the store away by itself. */
  readonly isPersisted: boolean;
}

export interface ConsoleState {
  readonly rivulet: Rivulet;
  readonly connection: ReadonlySignal<ConnectionState>;
  /** The switch: this tab stays away from the gateway. */
  readonly isSwitchedOff: ReadonlySignal<boolean>;
  readonly switchOff: (isOff: boolean) => void;
  /** By name; undefined until the first answer. */
  readonly topics: ReadonlySignal<readonly TopicSummary[] | undefined>;
  /** Asks for the topics now. */
  readonly refreshTopics: () => Promise<void>;
  /** Where the reader is, as in the page's address; undefined until there is something to show. */
  readonly place: ReadonlySignal<Place | undefined>;
  readonly go: (place: Place) => void;
  /** The chosen topic's name; it need not exist (yet). */
  readonly chosenName: ReadonlySignal<string | undefined>;
  readonly chosen: ReadonlySignal<TopicSummary | undefined>;
  readonly kept: KeptTopics;
  readonly tail: Tail;
  readonly activity: Activity;
  readonly start: Signal<TailStart>;
  /** Whether the tail reads what this device holds. */
  readonly readsDevice: ReadonlySignal<boolean>;
  /** The record that is shown whole. */
  readonly selected: Signal<TailRow | undefined>;
  readonly publishing: Publishing;
  readonly outbox: ReadonlySignal<{ readonly pending: number; readonly asking: number }>;
  readonly storage: ReadonlySignal<DeviceStorage>;
  readonly heldRecords: ReadonlySignal<bigint>;
  /** `host:port` for Kafka clients: what the gateway says, else Kafka's usual port. */
  readonly kafkaAddress: ReadonlySignal<string>;
  readonly view: Signal<View>;
}

const TOPICS_POLL_MS = 2_000;
const STORAGE_POLL_MS = 10_000;
/** Who types is not done yet. */
const SEARCH_SETTLES_MS = 300;
/** Outlives a reload of this tab, and is no other tab's business. */
const SWITCHED_OFF_KEY = "rivulet-console-offline";

/** Whether this tab was switched off before its last reload. */
export function wasSwitchedOff(): boolean {
  return sessionStorage.getItem(SWITCHED_OFF_KEY) !== null;
}

/** Lives as long as the page. */
export function createState(rivulet: Rivulet): ConsoleState {
  const connection = signal(rivulet.state);
  const isSwitchedOff = signal(wasSwitchedOff());
  const topics = signal<readonly TopicSummary[] | undefined>(undefined);
  const place = signal(parsePlace(location.hash));
  const chosenName = computed(() => (place.value?.page === "topic" ? place.value.topic : undefined));
  const chosen = computed(() => topics.value?.find(({ name }) => name === chosenName.value));
  const start = signal<TailStart>(startOf(place.peek()));
  const selected = signal<TailRow | undefined>(undefined);
  const view = signal<View>(place.value === undefined ? "topics" : "records");
  const outbox = signal({ pending: rivulet.outbox.pending, asking: rivulet.outbox.asking });
  const storage = signal<DeviceStorage>({ usedBytes: undefined, quotaBytes: undefined, isPersisted: false });
  const kafkaAddress = signal(`${location.hostname}:9092`);
  const kept = createKeptTopics(rivulet);
  const tail = createTail(rivulet);
  const activity = createActivity();
  const search = settled(tail.search, SEARCH_SETTLES_MS);
  const publishing = createPublishing(rivulet, (tookMs) => {
    activity.noteDelivery(tookMs, Date.now());
    void refreshTopics();
  });

  const chosenKept = computed(() =>
    chosenName.value === undefined ? undefined : kept.byName.value.get(chosenName.value),
  );
  // While a replica is still taking in what is new, the gateway shows it sooner; without a gateway there is only the replica.
  const readsDevice = computed(() => {
    const topic = chosenKept.value;
    return topic !== undefined && (topic.isCaughtUp || connection.value.name !== "live");
  });
  const heldRecords = computed(() => {
    let held = 0n;
    for (const { name, partitions } of topics.value ?? []) {
      const topic = kept.byName.value.get(name);
      if (topic !== undefined) held += BigInt(topic.heldRecords);
      else
        for (const partition of partitions)
          if (partition.held) held += partition.held.to - partition.held.from;
    }
    return held;
  });

  let refreshing: Promise<void> | undefined;
  const refreshTopics = (): Promise<void> => {
    refreshing ??= readTopics().finally(() => (refreshing = undefined));
    return refreshing;
  };
  async function readTopics(): Promise<void> {
    try {
      const found = await rivulet.topics();
      topics.value = found.toSorted(inOrder);
      if (connection.peek().name === "live") activity.noteEnds(found, Date.now());
    } catch {
      // What was last known stays; the connection's state says why nothing newer is there.
    }
  }

  async function goOnWithKeptTopics(): Promise<void> {
    await refreshTopics();
    const held = (topics.peek() ?? []).filter(({ partitions }) => partitions.some((each) => each.held));
    const names = new Set([...kept.remembered(), ...held.map(({ name }) => name)]);
    // One that cannot be opened now says so when it is asked for again.
    await Promise.allSettled(Array.from(names, (name) => kept.keep(name)));
  }

  async function readStorage(): Promise<void> {
    // Missing on insecure origins.
    const manager = navigator.storage as StorageManager | undefined;
    if (manager === undefined) return;
    const [{ usage, quota }, isPersisted] = await Promise.all([manager.estimate(), manager.persisted()]);
    storage.value = { usedBytes: usage, quotaBytes: quota, isPersisted };
  }

  async function readKafkaAddress(): Promise<void> {
    const response = await fetch("/healthz");
    const health = (await response.json()) as { kafka?: unknown };
    if (typeof health.kafka === "string") kafkaAddress.value = health.kafka;
  }

  rivulet.addEventListener("state", ({ state }) => {
    connection.value = state;
    void refreshTopics();
  });
  effect(() => {
    // An older gateway, or a proxy in front, may answer otherwise: then Kafka's usual port stays the guess.
    if (connection.value.name === "live") readKafkaAddress().catch(() => {});
  });
  effect(() => {
    const title = titleOf(place.value);
    document.title = title === undefined ? "Rivulet" : `${title} · Rivulet`;
  });
  effect(() => {
    // A page that has room for a topic shows one.
    const [first] = topics.value ?? [];
    if (first !== undefined && place.peek() === undefined)
      go({ page: "topic", topic: first.name, tab: "records" }, "replace");
  });
  rivulet.outbox.addEventListener("change", () => {
    outbox.value = { pending: rivulet.outbox.pending, asking: rivulet.outbox.asking };
  });
  addEventListener("popstate", () => arrive(parsePlace(location.hash)));
  document.addEventListener("visibilitychange", () => void refreshTopics());
  setInterval(() => document.hidden || void refreshTopics(), TOPICS_POLL_MS);
  setInterval(() => document.hidden || void readStorage(), STORAGE_POLL_MS);
  void goOnWithKeptTopics();
  void readStorage();
  openTailWhenNeeded();

  /** The tail is opened anew when another log is to be read, not whenever a number in a summary moves. */
  function openTailWhenNeeded(): void {
    const wanted = computed(() => {
      const topic = chosen.value;
      if (topic === undefined) return undefined;
      return [
        topic.id,
        topic.partitions.length,
        readsDevice.value,
        start.value.at,
        whereOf(start.value),
        search.value,
      ].join(" ");
    });
    effect(() => {
      void wanted.value;
      untracked(() => {
        const topic = chosen.value;
        const replica = readsDevice.value ? chosenKept.value?.replica : undefined;
        if (topic === undefined) tail.close();
        else tail.open({ topic, replica, start: start.value, search: search.value });
      });
    });
  }

  function go(to: Place, how: "push" | "replace" = "push"): void {
    arrive(to);
    const hash = formatPlace(to);
    if (hash !== location.hash)
      history[`${how}State`](undefined, "", location.pathname + location.search + hash);
  }

  function arrive(to: Place | undefined): void {
    const before = place.peek();
    const isSameTail =
      before?.page === "topic" &&
      to?.page === "topic" &&
      before.topic === to.topic &&
      before.from === to.from;
    batch(() => {
      place.value = to;
      if (isSameTail) return;
      tail.close();
      tail.search.value = "";
      selected.value = undefined;
      start.value = startOf(to);
    });
  }

  return {
    rivulet,
    connection,
    isSwitchedOff,
    switchOff(isOff) {
      isSwitchedOff.value = isOff;
      if (isOff) sessionStorage.setItem(SWITCHED_OFF_KEY, "1");
      else sessionStorage.removeItem(SWITCHED_OFF_KEY);
      if (isOff) rivulet.goOffline();
      else rivulet.goOnline();
    },
    topics,
    refreshTopics,
    place,
    go,
    chosenName,
    chosen,
    kept,
    tail,
    activity,
    start,
    readsDevice,
    selected,
    publishing,
    outbox,
    storage,
    heldRecords,
    kafkaAddress,
    view,
  };
}

function startOf(place: Place | undefined): TailStart {
  if (place?.page !== "topic" || place.from === undefined) return { at: "newest" };
  return { at: "offset", offset: place.from };
}

/** The signal's value once it has stood still for so long. */
function settled(source: ReadonlySignal<string>, ms: number): ReadonlySignal<string> {
  const value = signal(source.peek().trim());
  effect(() => {
    const next = source.value.trim();
    const timer = setTimeout(() => (value.value = next), ms);
    return () => clearTimeout(timer);
  });
  return value;
}

function titleOf(place: Place | undefined): string | undefined {
  if (place === undefined) return undefined;
  if (place.page === "topic") return place.topic;
  if (place.page === "group") return place.group;
  return { topics: "Topics", groups: "Consumer groups", device: "This device" }[place.page];
}

function whereOf(start: TailStart): string {
  if (start.at === "offset") return String(start.offset);
  return start.at === "time" ? String(start.timestampMs) : "";
}

/** By name, and the log's own topics, which begin with two underscores, after those of apps. */
function inOrder({ name: one }: TopicSummary, { name: other }: TopicSummary): number {
  const [isOwn, isOtherOwn] = [one.startsWith("__"), other.startsWith("__")];
  if (isOwn !== isOtherOwn) return isOwn ? 1 : -1;
  return one < other ? -1 : 1;
}
