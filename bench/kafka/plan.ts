/** What the two servers are given to do, and how much of it. */
import type { Mode } from "../bench.ts";

/** A server's name, and what is asked of it. */
export interface Way {
  readonly name: string;
  readonly server: "Rivulet" | "Kafka";
  readonly acks: "1" | "all";
  readonly topicSettings: Readonly<Record<string, string>>;
  /** Whether its topics are read, too: how they were written makes no difference to that. */
  readonly isRead: boolean;
  /** Of a turn's bytes: a sync for each batch takes its time. */
  readonly share: number;
}

const WRITTEN = { acks: "1", topicSettings: {}, isRead: true, share: 1 } as const;
const SYNCED = { acks: "all", isRead: false, share: 0.3 } as const;

/**
 * Both with their defaults, with which Kafka syncs nothing and Rivulet everything; besides, each as the other does it:
 * Rivulet with a `flush.ms` that never comes (Kafka's default is Rivulet's, too, and means there that all is synced), Kafka
 * with a sync for each batch.
 */
export const ways = {
  rivulet: { name: "Rivulet, acks=1 (synced after)", server: "Rivulet", ...WRITTEN },
  rivuletUnsynced: {
    name: "Rivulet, acks=1, flush.ms (not synced)",
    server: "Rivulet",
    ...WRITTEN,
    topicSettings: { "flush.ms": "9223372036854775806" },
    isRead: false,
  },
  kafka: { name: "Kafka, acks=1 (not synced)", server: "Kafka", ...WRITTEN },
  rivuletAll: { name: "Rivulet, acks=all (synced)", server: "Rivulet", ...SYNCED, topicSettings: {} },
  kafkaSynced: {
    name: "Kafka, acks=all, flush.messages=1 (synced)",
    server: "Kafka",
    ...SYNCED,
    topicSettings: { "flush.messages": "1" },
  },
  kafkaUnsynced: {
    name: "Kafka, acks=all (not synced)",
    server: "Kafka",
    ...SYNCED,
    topicSettings: {},
    share: 1,
  },
} as const satisfies Record<string, Way>;

export interface Cell {
  readonly name: string;
  readonly recordBytes: number;
  readonly partitions: number;
  readonly codec: string;
}

const cellsOf = (
  sizes: readonly number[],
  partitions: readonly number[],
  codecs: readonly string[],
): Cell[] =>
  sizes.flatMap((recordBytes) =>
    partitions.flatMap((each) =>
      codecs.map((codec) => ({
        name: `${recordBytes === 1024 ? "1 KiB" : `${recordBytes} B`}, ${each} p., ${codec}`,
        recordBytes,
        partitions: each,
        codec,
      })),
    ),
  );

export interface Size {
  readonly cells: readonly Cell[];
  readonly rounds: number;
  /** Starts of each server, the first of which does not count where there are others. */
  readonly starts: number;
  /** How long a server is left alone before its memory at rest is read. */
  readonly idleMs: number;
  /** Bytes of records in a turn, by the size of one. */
  readonly turnBytes: Readonly<Record<number, number>>;
  /** Whether turns are taken before anything is measured: two virtual machines have to compile themselves. */
  readonly warmsUp: boolean;
  readonly latency: { readonly perSecond: number; readonly records: number; readonly unmeasured: number };
}

export const sizes: Readonly<Record<Mode, Size>> = {
  full: {
    cells: cellsOf([100, 1024], [1, 16], ["none", "lz4"]),
    rounds: 3,
    starts: 6,
    idleMs: 3000,
    turnBytes: { 100: 150_000_000, 1024: 400_000_000 },
    warmsUp: true,
    latency: { perSecond: 2000, records: 6000, unmeasured: 1000 },
  },
  small: {
    cells: cellsOf([100], [1], ["none"]).concat(cellsOf([1024], [4], ["lz4"])),
    rounds: 1,
    starts: 1,
    idleMs: 0,
    turnBytes: { 100: 100_000, 1024: 1_024_000 },
    warmsUp: false,
    latency: { perSecond: 500, records: 100, unmeasured: 20 },
  },
};

export const recordsInTurn = (size: Size, { recordBytes }: Cell, { share }: Way): number =>
  Math.floor(((size.turnBytes[recordBytes] ?? 0) * share) / recordBytes);
