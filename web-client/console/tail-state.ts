/** The live tail of one topic as signals: rows are handed to the page frame by frame, however fast they come. */
import { signal, type ReadonlySignal, type Signal } from "@preact/signals";
import type { Replica, Rivulet, TopicSummary } from "../index.ts";
import { sentence } from "./publishing.ts";
import { TailBuffer, type TailRow } from "./tail-buffer.ts";
import { Backlog } from "./tail-backlog.ts";
import { rowFilter } from "./tail-search.ts";
import { openStreams, readableRanges, startPositions, toRow, type TailStart } from "./tail-source.ts";

const TAIL_ROWS_MAX = 5_000;
const TAIL_BYTES_MAX = 32_000_000;
/** Partitions that have not brought what they had after this long are shown as they come. */
const BACKLOG_MS = 700;
const SEARCH_MS = 5_000;
/** A hidden page has no frames. */
const HIDDEN_FLUSH_MS = 1_000;

export interface TailRequest {
  readonly topic: TopicSummary;
  /** Read from this replica; from the gateway when there is none. */
  readonly replica: Replica<Uint8Array> | undefined;
  readonly start: TailStart;
  /** Only records that have this in their key or value; all when it is empty. */
  readonly search: string;
}

export interface Tail {
  /** Oldest first. */
  readonly rows: ReadonlySignal<readonly TailRow[]>;
  /** Rows that came since the tail was opened, those that have gone again among them. */
  readonly received: ReadonlySignal<number>;
  readonly isLoading: ReadonlySignal<boolean>;
  /** Moves when another part of the log is read: its rows have nothing to do with those that were there. */
  readonly page: ReadonlySignal<number>;
  /** Reading from an older offset has filled the page: it goes on with `showNext`. */
  readonly hasNext: ReadonlySignal<boolean>;
  readonly error: ReadonlySignal<string | undefined>;
  /** What a reader looks for. */
  readonly search: Signal<string>;
  /** Ends what was open and reads this; the old rows stay until the first new ones are there. */
  open(request: TailRequest): void;
  showNext(): void;
  /** Ends what was open and empties the page. */
  close(): void;
}

export function createTail(rivulet: Rivulet): Tail {
  const rows = signal<readonly TailRow[]>([]);
  const received = signal(0);
  const isLoading = signal(false);
  const page = signal(0);
  const hasNext = signal(false);
  const error = signal<string | undefined>(undefined);
  const search = signal("");
  let abort = new AbortController();
  let turnPage = (): void => {};

  function open({ topic, replica, start, search: wanted }: TailRequest): void {
    abort.abort();
    abort = new AbortController();
    const { signal: ended } = abort;
    const positions = startPositions(readableRanges(topic, replica), start, wanted !== "");
    const isWanted = rowFilter(wanted, start);
    const backlog = new Backlog(positions);
    const buffer = new TailBuffer({ rowsMax: TAIL_ROWS_MAX, bytesMax: TAIL_BYTES_MAX });
    const readsPages = start.at !== "newest";
    // What is there already is shown at once and in the order of time; reading by pages shows rows as they come.
    let isGathering = !readsPages && !backlog.isRead;
    let nextPage: Promise<void> | undefined;
    const flushSoon = byFrame(() => {
      if (ended.aborted) return;
      rows.value = buffer.rows();
      received.value = buffer.received;
      isLoading.value = false;
    });

    page.value = page.peek() + 1;
    if (backlog.isRead) rows.value = [];
    isLoading.value = !backlog.isRead;
    hasNext.value = false;
    error.value = undefined;
    turnPage = () => {};

    const add = (row: TailRow): void => {
      backlog.note(row);
      const isShown = isWanted(row);
      if (isShown && isGathering) backlog.keep(row);
      else if (isShown) buffer.push(row);
      if (isGathering && backlog.isRead) showGathered();
      // Whoever looks for something waits until all has been looked at.
      else if (!isGathering && (isShown || backlog.isRead)) flushSoon();
    };
    const showGathered = (): void => {
      if (!isGathering) return;
      isGathering = false;
      for (const row of backlog.inOrderOfTime()) buffer.push(row);
      flushSoon();
    };
    const pageTurned = (): Promise<void> => {
      hasNext.value = true;
      return new Promise((resolve) => {
        ended.addEventListener("abort", () => resolve(), { once: true });
        turnPage = () => {
          buffer.clear();
          page.value = page.peek() + 1;
          hasNext.value = false;
          nextPage = undefined;
          resolve();
        };
      });
    };
    const pump = async (stream: ReturnType<typeof openStreams>[number]): Promise<void> => {
      for await (const record of stream) {
        if (ended.aborted) return;
        add(toRow(record));
        // A stream that stands still costs nothing: the log is its buffer.
        if (readsPages && buffer.isFull) await (nextPage ??= pageTurned());
      }
    };

    // Nothing may come of a time or a search, and of a search nothing for long.
    if (isGathering) setTimeout(showGathered, wanted === "" ? BACKLOG_MS : SEARCH_MS);
    else setTimeout(flushSoon, wanted === "" ? BACKLOG_MS : SEARCH_MS);
    for (const stream of openStreams(rivulet, {
      topic: topic.name,
      replica,
      start,
      positions,
      signal: ended,
    }))
      pump(stream).catch((reason: unknown) => {
        if (ended.aborted) return;
        error.value = sentence(reason);
        isLoading.value = false;
      });
  }

  return {
    rows,
    received,
    isLoading,
    page,
    hasNext,
    error,
    search,
    open,
    showNext: () => turnPage(),
    close() {
      abort.abort();
      rows.value = [];
      received.value = 0;
      isLoading.value = false;
      hasNext.value = false;
      error.value = undefined;
    },
  };
}

/** Calls `flush` once within the next frame, however often it is asked to. */
function byFrame(flush: () => void): () => void {
  let isDue = false;
  const run = (): void => {
    isDue = false;
    flush();
  };
  return () => {
    if (isDue) return;
    isDue = true;
    if (document.hidden) setTimeout(run, HIDDEN_FLUSH_MS);
    else requestAnimationFrame(run);
  };
}
