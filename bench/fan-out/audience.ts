/**
 * The other side of a fan-out, in a process of its own: groups of subscribers that count records and throw them away,
 * and sources that publish ticks. A run is closed-loop: so many ticks are under way at once and no more, so that the
 * server is always busy and never floods itself.
 */
import { checksum, startChecksum, type RunningChecksum } from "../checksum.ts";
import { serveParent } from "../child.ts";
import { clickStreamRecords } from "../click-stream.ts";
import { loadEngine } from "../engine.ts";
import type { WebSocketClient } from "../websocket-client.ts";
import { RECORD_BYTES } from "./peers/peer.ts";
import { plainProtocol } from "./plain-protocol.ts";
import type { Address, Protocol, Source } from "./protocol.ts";
import { createRivuletProtocol } from "./rivulet-protocol.ts";
import { socketIoProtocol } from "./socket-io-protocol.ts";

export type AudienceCommands = {
  /** Before anything else. */
  prepare: (settings: { root: string; seed: number }) => void;
  /** Connects subscribers, one after the other in small groups, and answers the group's number. */
  join: (request: { address: Address; subscribers: number; values?: boolean }) => Promise<number>;
  leave: (group: number) => void;
  pause: (group: number) => void;
  resume: (group: number) => void;
  openSource: (request: { address: Address; recordsPerTick: number }) => Promise<number>;
  closeSource: (source: number) => void;
  run: (request: RunRequest) => Promise<RunResult>;
  /** Waits until every subscriber of a group has had so many records since it joined, and answers how many frames that took. */
  awaitRecords: (request: { group: number; eachSubscriber: number }) => Promise<number>;
  /** Of all values that a group of one, joined with `values`, has been handed; and of all that a source has published. */
  hashReceived: (group: number) => string;
  hashPublished: (source: number) => string;
};

export interface RunRequest {
  readonly source: number;
  /** Whose deliveries count and pace the run. Others may be subscribed, too. */
  readonly group: number;
  readonly ticks: number;
  /** Ticks under way at most. */
  readonly window: number;
}

export interface RunResult {
  /** From the first tick's publishing to the last delivery. */
  readonly milliseconds: number;
  readonly deliveries: number;
  /** WebSocket messages in which they came. */
  readonly frames: number;
}

/** A run in which nothing is delivered for this long has failed. */
const STALL_MS = 20_000;
/** Connections that are opened at once. */
const JOINING_AT_ONCE = 50;
/** Records that sources cycle through. */
const POOL_RECORDS = 64;

interface Group {
  readonly clients: WebSocketClient[];
  /** Records by subscriber. */
  readonly received: number[];
  readonly values: RunningChecksum;
  total: number;
  frames: number;
  /** Called after each frame. */
  onProgress: () => void;
}

interface Feed {
  readonly source: Source;
  readonly recordsPerTick: number;
  /** Ticks. */
  published: number;
}

let protocols: Readonly<Record<Address["protocol"], Protocol>> | undefined;
let pool: readonly Uint8Array[] = [];
const groups: Group[] = [];
const sources: Feed[] = [];
/** The first connection that was lost without being closed fails whatever runs or is asked next. */
let lost: string | undefined;
const onLost = (reason: string): void => {
  lost ??= reason;
};

const commands: AudienceCommands = {
  prepare: ({ root, seed }) => {
    const rivulet = createRivuletProtocol(loadEngine(root));
    protocols = { plain: plainProtocol, "socket.io": socketIoProtocol, rivulet };
    pool = clickStreamRecords(seed, POOL_RECORDS, RECORD_BYTES);
  },

  join: async ({ address, subscribers, values }) => {
    const group: Group = {
      clients: [],
      received: [],
      values: startChecksum(),
      total: 0,
      frames: 0,
      onProgress: () => {},
    };
    const protocol = protocolOf(address);
    while (group.clients.length < subscribers) {
      const first = group.clients.length;
      const count = Math.min(JOINING_AT_ONCE, subscribers - first);
      const joining = Array.from({ length: count }, (_, index) =>
        protocol.subscribe(address, {
          onLost,
          onRecords: (records) => {
            group.received[first + index] = (group.received[first + index] ?? 0) + records;
            group.total += records;
            group.frames++;
            group.onProgress();
          },
          ...(values === true ? { onValue: (value: Uint8Array) => group.values.add(value) } : {}),
        }),
      );
      group.clients.push(...(await Promise.all(joining)));
    }
    return groups.push(group) - 1;
  },

  leave: (index) => {
    for (const client of groupAt(index).clients) client.close();
  },
  pause: (index) => {
    for (const client of groupAt(index).clients) client.pause();
  },
  resume: (index) => {
    for (const client of groupAt(index).clients) client.resume();
  },

  openSource: async ({ address, recordsPerTick }) => {
    const ticks = Array.from({ length: Math.ceil(pool.length / recordsPerTick) }, (_, tick) =>
      Array.from({ length: recordsPerTick }, (__, index) => poolRecord(tick * recordsPerTick + index)),
    );
    const source = await protocolOf(address).openSource(address, ticks, onLost);
    return sources.push({ source, recordsPerTick, published: 0 }) - 1;
  },
  closeSource: (index) => sources[index]?.source.close(),

  run: async ({ source: sourceIndex, group: groupIndex, ticks, window }) => {
    const group = groupAt(groupIndex);
    const feed = sourceAt(sourceIndex);
    const perTick = group.clients.length * feed.recordsPerTick;
    const goal = group.total + ticks * perTick;
    const framesBefore = group.frames;
    let left = ticks;
    const begin = performance.now();
    await progress(group, () => {
      // What is published and not yet with everyone, in ticks.
      while (left > 0 && goal - left * perTick - group.total <= (window - 1) * perTick) {
        feed.source.publish(feed.published++);
        left--;
      }
      return group.total >= goal;
    });
    const milliseconds = performance.now() - begin;
    if (group.total !== goal) throw new Error(`${group.total - goal} records more came than were published`);
    return { milliseconds, deliveries: ticks * perTick, frames: group.frames - framesBefore };
  },

  awaitRecords: async ({ group: index, eachSubscriber }) => {
    const group = groupAt(index);
    const framesBefore = group.frames;
    await progress(group, () => group.total >= eachSubscriber * group.clients.length);
    const wrong = group.received.findIndex((records) => records !== eachSubscriber);
    if (wrong >= 0)
      throw new Error(`subscriber ${wrong} got ${group.received[wrong]} records, not ${eachSubscriber}`);
    return group.frames - framesBefore;
  },

  hashReceived: (index) => groupAt(index).values.digest(),
  hashPublished: (index) => {
    const { published, recordsPerTick } = sourceAt(index);
    return checksum(Array.from({ length: published * recordsPerTick }, (_, record) => poolRecord(record)));
  },
};
serveParent(commands);

function protocolOf({ protocol }: Address): Protocol {
  if (protocols === undefined) throw new Error("the audience is not prepared");
  return protocols[protocol];
}

function groupAt(index: number): Group {
  const group = groups[index];
  if (group === undefined) throw new Error(`there is no group ${index}`);
  return group;
}

function sourceAt(index: number): Feed {
  const feed = sources[index];
  if (feed === undefined) throw new Error(`there is no source ${index}`);
  return feed;
}

function poolRecord(index: number): Uint8Array {
  const record = pool[index % pool.length];
  if (record === undefined) throw new Error("the audience is not prepared");
  return record;
}

/** Calls `isDone` now and after each frame of the group until it answers true. */
function progress(group: Group, isDone: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let totalBefore = group.total;
    const watchdog = setInterval(() => {
      if (lost !== undefined) finish(new Error(lost));
      else if (group.total === totalBefore) {
        finish(new Error(`no delivery for ${STALL_MS / 1000} s, after ${group.total} in all`));
      }
      totalBefore = group.total;
    }, STALL_MS);
    const finish = (error?: Error): void => {
      clearInterval(watchdog);
      group.onProgress = () => {};
      if (error === undefined) resolve();
      else reject(error);
    };
    group.onProgress = () => {
      if (isDone()) finish();
    };
    group.onProgress();
  });
}
