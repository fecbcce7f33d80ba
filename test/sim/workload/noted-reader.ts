/**
 * Notes what one reader of the SDK gets. The SDK names topics, not their ids, to those who subscribe: what was told before
 * the topic is known for certain is kept back. A topic id never comes back, so one that was the topic's before the reader
 * began and still is when it has read something is the one that it reads.
 */
import type { Position, Start } from "../../../web-client/core/api-subscribe.ts";
import type { FinalReader } from "../history.ts";
import type { Run } from "../workload.ts";
import { behind, logStartNow, topicIdNow } from "./log-now.ts";

export interface NotedReaderOptions {
  /** Of this one life. */
  readonly name: string;
  readonly topic: string;
  /** What the topic's id was when it began. */
  readonly topicId: string;
  /** The reader was told the id. */
  readonly isCertain: boolean;
  /** `held`: the first record that the device holds. */
  readonly from: Start | readonly Position[] | "held";
}

const LOOK_MS = 1000;

export class NotedReader {
  readonly name: string;
  private readonly run: Run;
  private readonly options: NotedReaderOptions;
  private readonly controller = new AbortController();
  private readonly next = new Map<number, bigint>();
  private keptBack: (() => void)[] | undefined;
  private readonly begunMs: number;
  private hasEnded = false;

  constructor(run: Run, options: NotedReaderOptions) {
    this.run = run;
    this.options = options;
    this.name = options.name;
    this.begunMs = run.world.nowMs;
    this.keptBack = options.isCertain ? undefined : [];
    this.lookAgain();
    const { from } = options;
    if (typeof from === "string") return;
    for (const { partition, offset } of from) this.begin(partition, offset);
  }

  get isOver(): boolean {
    return this.hasEnded;
  }

  /** Aborts when it may read another topic than it was thought to. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  read(partition: number, offset: bigint, id: string): void {
    if (!this.next.has(partition)) this.begin(partition, undefined);
    this.next.set(partition, offset + 1n);
    const { name: reader } = this;
    const { topicId } = this.options;
    this.tell(() => this.run.note({ kind: "read", reader, topicId, partition, offset, id }));
  }

  gap(partition: number, from: bigint, to: bigint): void {
    if (!this.next.has(partition)) this.begin(partition, undefined);
    this.next.set(partition, to);
    const { name: reader } = this;
    const { topicId } = this.options;
    this.run.world.trace.count("reader of the SDK: gap");
    this.tell(() => this.run.note({ kind: "gap", reader, topicId, partition, from, to }));
  }

  /** Its tab died, or what it read from has ended. */
  end(): void {
    this.hasEnded = true;
    this.controller.abort();
  }

  get waitsFor(): string | undefined {
    if (this.hasEnded) return undefined;
    const { topic, topicId, from } = this.options;
    const topicNow = Array.from(this.run.gateway.cluster?.topics() ?? []).find(({ name }) => name === topic);
    if (topicNow?.id !== topicId) return `word that ${topic} is another topic now`;
    for (const { partition, highWatermark } of topicNow.partitions) {
      const next = this.next.get(partition);
      // It may have begun at the end, or where there is nothing yet.
      if (
        next === undefined &&
        (from === "latest" || highWatermark === logStartNow(this.run, topicId, partition))
      )
        continue;
      const why = behind(this.run, topicId, partition, next);
      if (why !== undefined) return why;
    }
    return undefined;
  }

  /** Where it stands. */
  final(): FinalReader[] {
    if (this.hasEnded || topicIdNow(this.run, this.options.topic) !== this.options.topicId) return [];
    this.letGo();
    const { name: reader } = this;
    const { topicId } = this.options;
    return Array.from(this.next, ([partition, next]) => ({ reader, topicId, partition, next }));
  }

  private begin(partition: number, from: bigint | undefined): void {
    if (from !== undefined) this.next.set(partition, from);
    const { name: reader } = this;
    const { topicId } = this.options;
    // Partitions that a list of positions does not name are read from their start.
    const earliest = from === undefined && this.options.from !== "latest" && this.options.from !== "held";
    const asked = this.options.from === "held" ? {} : { askedMs: this.begunMs };
    this.keep(() =>
      this.run.note({ kind: "read from", reader, topicId, partition, from, earliest, ...asked }),
    );
  }

  /** What is only of interest together with something that was read. */
  private keep(note: () => void): void {
    if (this.keptBack === undefined) note();
    else this.keptBack.push(note);
  }

  private tell(note: () => void): void {
    this.keep(note);
    this.ask();
  }

  /** Which topic it is can be told while the gateway serves; where it does not, all that was kept back is forgotten. */
  private ask(): void {
    if (this.keptBack === undefined || this.hasEnded) return;
    const { topic, topicId } = this.options;
    if (topicIdNow(this.run, topic) === topicId) this.letGo();
    else this.end();
  }

  /** One that has read nothing yet may have found another topic than was there when it began, and wait there. */
  private lookAgain(): void {
    if (this.keptBack === undefined || this.hasEnded) return;
    const now = topicIdNow(this.run, this.options.topic);
    if (now !== undefined && now !== this.options.topicId) this.end();
    else this.run.world.after(LOOK_MS, () => this.lookAgain());
  }

  private letGo(): void {
    const kept = this.keptBack ?? [];
    this.keptBack = undefined;
    for (const note of kept) note();
  }
}
