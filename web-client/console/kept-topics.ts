/** The topics that this device keeps whole: their replicas, and how far each has come. */
import { signal, type ReadonlySignal } from "@preact/signals";
import type { Replica, Rivulet } from "../index.ts";

/** One kept topic. A new object whenever something in it has changed. */
export interface KeptTopic {
  readonly replica: Replica<Uint8Array>;
  readonly heldRecords: number;
  readonly heldBytes: number;
  /** What is still to come, by the end that the gateway last told; undefined until it has told one. */
  readonly missingRecords: bigint | undefined;
  /** It has had all there was at some time since this page opened. */
  readonly isCaughtUp: boolean;
  /** A sentence that a person should read: a failed partition, a topic that is gone, a range lost to retention. */
  readonly notice: string | undefined;
}

export interface KeptTopics {
  readonly byName: ReadonlySignal<ReadonlyMap<string, KeptTopic>>;
  /** Names that were kept when this page was last open, in whichever tab. */
  remembered(): readonly string[];
  /** Starts to keep a topic, or goes on with what this device holds of it. */
  keep(name: string): Promise<void>;
  /** Stops, and deletes what is held. */
  forget(name: string): Promise<void>;
}

/** Progress comes with every batch; a person reads four numbers a second at most. */
const REFRESH_MS = 250;

/** The choice is the reader's, and is remembered as such: what is held says nothing yet of a topic just chosen. */
const REMEMBERED_KEY = "rivulet-console-kept";

export function createKeptTopics(rivulet: Rivulet): KeptTopics {
  const byName = signal<ReadonlyMap<string, KeptTopic>>(new Map());
  const opening = new Map<string, Promise<void>>();

  function set(name: string, kept: KeptTopic | undefined): void {
    const next = new Map(byName.peek());
    if (kept === undefined) next.delete(name);
    else next.set(name, kept);
    byName.value = next;
  }

  async function open(name: string): Promise<void> {
    const replica = await rivulet.topic(name).replicate();
    let gap: string | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const refresh = (): void => {
      timer = undefined;
      const before = byName.peek().get(name);
      // What it had to tell when it was let go of is told to nobody.
      if (before?.replica === replica) set(name, describe(replica, { wasCaughtUp: before.isCaughtUp, gap }));
    };
    replica.addEventListener("progress", () => (timer ??= setTimeout(refresh, REFRESH_MS)));
    replica.addEventListener("gap", ({ partition, from, to }) => {
      gap = `offsets ${from} to ${to - 1n} of partition ${partition} were gone before this device had read them`;
      timer ??= setTimeout(refresh, REFRESH_MS);
    });
    set(name, describe(replica, { wasCaughtUp: false, gap }));
  }

  return {
    byName,
    remembered: readNames,
    keep(name) {
      writeNames(new Set([...readNames(), name]));
      const running = opening.get(name) ?? open(name).finally(() => opening.delete(name));
      opening.set(name, running);
      return running;
    },
    async forget(name) {
      writeNames(new Set(readNames().filter((each) => each !== name)));
      const kept = byName.peek().get(name);
      if (kept === undefined) return;
      await kept.replica.delete();
      set(name, undefined);
    },
  };
}

function describe(
  replica: Replica<Uint8Array>,
  { wasCaughtUp, gap }: { wasCaughtUp: boolean; gap: string | undefined },
): KeptTopic {
  let missing: bigint | undefined = 0n;
  for (const { to, highWatermark } of replica.partitions) {
    if (highWatermark === undefined) missing = undefined;
    else if (missing !== undefined && highWatermark > to) missing += highWatermark - to;
  }
  const stuck = replica.partitions.find(({ state }) => state === "failed" || state === "deleted");
  return {
    replica,
    heldRecords: replica.heldRecords,
    heldBytes: replica.heldBytes,
    missingRecords: missing,
    isCaughtUp: wasCaughtUp || missing === 0n,
    notice:
      stuck === undefined
        ? gap
        : (stuck.reason ?? `partition ${stuck.partition}: the topic is ${stuck.state} at the gateway`),
  };
}

function readNames(): string[] {
  try {
    const names: unknown = JSON.parse(localStorage.getItem(REMEMBERED_KEY) ?? "[]");
    return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
  } catch {
    // Anyone may write there.
    return [];
  }
}

function writeNames(names: ReadonlySet<string>): void {
  localStorage.setItem(REMEMBERED_KEY, JSON.stringify([...names]));
}
