/** Rules: a reader gets every record once, in order, and is told what is gone; and in the end it has reached the end. */
import type { Gap, Read, ReadFrom, RetentionDone } from "../history.ts";
import type { Ledger } from "./ledger.ts";
import type { PartitionStory } from "./partition-story.ts";
import type { Noted } from "./record-story.ts";
import { time } from "./words.ts";

/** Offsets rise by one from where the reader wanted to begin, but for gaps that it was told; and no gap is told that nobody made. */
export function* readersMissNothing(ledger: Ledger): Generator<string, void, void> {
  for (const partition of ledger.partitions())
    for (const events of partition.readers.values()) yield* follow(ledger, partition, events);
}

function* follow(
  ledger: Ledger,
  partition: PartitionStory,
  events: readonly Noted<Read | ReadFrom | Gap>[],
): Generator<string, void, void> {
  let next: number | undefined;
  let isEarliest = false;
  let isHeld = false;
  /** Where the history published what this reader read last: what a power loss takes back was written before it. */
  let lastPublishedAt = 0;
  for (const { event, at } of events) {
    if (event.kind === "read from") {
      next = event.from === undefined ? undefined : Number(event.from);
      isEarliest = event.earliest ?? false;
      isHeld = event.askedMs === undefined;
      continue;
    }
    const when = (): string => `at ${time(event.atMs)}`;
    const offset = Number(event.kind === "read" ? event.offset : event.from);
    const isSetBack =
      partition.topic.isRelaxed && next !== undefined && offset < next && ledger.hasLoss(lastPublishedAt, at);
    if (next !== undefined && next !== offset && !isSetBack) {
      const what =
        event.kind === "read"
          ? `read ${event.id} at ${partition.place(offset)} ${when()}`
          : `was told a gap ${when()}`;
      const moment = { at, atMs: event.atMs };
      const missed = isHeld
        ? ledger.firstHeld(partition, next, offset, moment)
        : ledger.firstOwed(partition, next, offset, moment);
      if (offset < next)
        yield `${event.reader} ${what}, from offset ${offset} on, when offset ${next} of ${partition.name} was next: it went back`;
      else if (missed !== undefined)
        yield `${event.reader} ${what}, from offset ${offset} on, and skipped offset ${missed} of ${partition.name} without a word`;
    }
    const isFirstOfAll = isEarliest && next === undefined;
    const missedFirst = isFirstOfAll
      ? ledger.firstOwed(partition, partition.retainedTo(at), offset, { at, atMs: event.atMs })
      : undefined;
    if (missedFirst !== undefined)
      yield `${event.reader} began ${when()} at ${partition.place(offset)}, and wanted the earliest: offset ${missedFirst} was not asked to go`;
    if (event.kind === "read") {
      lastPublishedAt = ledger.record(event.id).publishedAt;
      next = offset + 1;
      continue;
    }
    const to = Number(event.to);
    const asked = partition.retainedTo(at);
    if (to > asked)
      yield `${event.reader} was told ${when()} that [${offset}, ${to}) of ${partition.name} is gone, and only what is before ${asked} was asked to go`;
    next = Math.max(next ?? to, to);
  }
}

/** Who begins when records are gone for good does not get them any more. */
export function* deletedIsNotRead(ledger: Ledger): Generator<string, void, void> {
  for (const partition of ledger.partitions()) {
    if (partition.retained.length === 0) continue;
    for (const events of partition.readers.values()) {
      let gone: RetentionDone | undefined;
      for (const { event } of events) {
        if (event.kind === "read from") gone = goneBefore(partition, event.askedMs);
        if (event.kind !== "read" || gone === undefined || event.offset >= gone.to) continue;
        yield `${event.reader} read ${event.id} at ${partition.place(Number(event.offset))} at ${time(event.atMs)}, and everything before ${gone.to} was gone for good at ${time(gone.atMs)}`;
        break;
      }
    }
  }
}

/** The farthest of what was told as gone before that moment; undefined: nothing was. */
function goneBefore({ retained }: PartitionStory, ms: number | undefined): RetentionDone | undefined {
  const before = retained.filter(({ event }) => ms !== undefined && event.atMs < ms);
  return before.map(({ event }) => event).toSorted((a, b) => Number(b.to - a.to))[0];
}

/** After healing. A log that counts written as synced may have been set back behind what a reader had read. */
export function* readersReachTheEnd(ledger: Ledger): Generator<string, void, void> {
  for (const { reader, next, ...name } of ledger.history.readers) {
    const partition = ledger.partition(name);
    const { final, end, topic } = partition;
    if (final === undefined) continue;
    const events = partition.readers.get(reader) ?? [];
    const at = Number(next);
    // It may have read what its device held still of what the log had lost before.
    if (topic.isRelaxed && at > end && ledger.hasLoss(0, Infinity)) continue;
    if (at !== end) {
      yield `${reader} wants offset ${at} of ${partition.name} next, and the log ends at ${end}`;
      continue;
    }
    const got = gotTo(events);
    if (got === undefined || topic.isRelaxed) continue;
    const missed = isOfDevice(events)
      ? ledger.firstHeld(partition, got, at)
      : ledger.firstOwed(partition, got, at);
    if (missed !== undefined)
      yield `${reader} wants offset ${at} of ${partition.name} next, and never got offset ${missed}`;
  }
}

/** Whether it reads what a device holds. */
function isOfDevice(events: readonly Noted<Read | ReadFrom | Gap>[]): boolean {
  return events.some(({ event }) => event.kind === "read from" && event.askedMs === undefined);
}

/** What it has read and been told ends here; undefined: it was told nothing yet. */
function gotTo(events: readonly Noted<Read | ReadFrom | Gap>[]): number | undefined {
  const event = events.at(-1)?.event;
  if (event === undefined) return undefined;
  if (event.kind === "read") return Number(event.offset) + 1;
  const to = event.kind === "gap" ? event.to : event.from;
  return to === undefined ? undefined : Number(to);
}
