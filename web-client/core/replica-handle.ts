/** A replica's events: told once, by whoever keeps it, and dispatched by each of its handles that somebody listens to. */
import { onAbort } from "../../sync/wait.ts";
import { GapEvent, RebuildEvent } from "./api.ts";
import type { ReplicaEvents } from "./api.ts";
import { typedEventTarget } from "./typed-events.ts";

/** Makes an event anew: one can be dispatched once. */
type MakeEvent = () => Event;

export class ReplicaNews {
  private readonly hearing = new Set<(make: MakeEvent) => void>();

  /** The answer takes it away again. */
  hear(listener: (make: MakeEvent) => void): () => void {
    this.hearing.add(listener);
    return () => this.hearing.delete(listener);
  }

  progress(): void {
    this.tell(() => new Event("progress"));
  }

  gap({ partition, from, to }: Pick<GapEvent, "partition" | "from" | "to">): void {
    this.tell(() => new GapEvent(partition, from, to));
  }

  rebuild({ partition, reason }: Pick<RebuildEvent, "partition" | "reason">): void {
    this.tell(() => new RebuildEvent(partition, reason));
  }

  private tell(make: MakeEvent): void {
    for (const listener of this.hearing) listener(make);
  }
}

interface Listening {
  readonly type: string;
  readonly listener: unknown;
  readonly once: boolean | undefined;
}

/** Each call of `replicate` answers one; it costs nothing while nobody listens to it. */
export class ReplicaHandle extends typedEventTarget<ReplicaEvents>() {
  protected readonly news: ReplicaNews;
  private listening: readonly Listening[] = [];
  private unhear: (() => void) | undefined;

  constructor(news: ReplicaNews) {
    super();
    this.news = news;
  }

  override addEventListener<Name extends keyof ReplicaEvents>(
    type: Name,
    listener: (event: ReplicaEvents[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener, options);
    // As the platform does: what listens already is not added again.
    if (this.listening.some((each) => each.type === type && each.listener === listener)) return;
    const { once, signal } = Object(options) as AddEventListenerOptions;
    const added = { type, listener, once };
    this.listening = [...this.listening, added];
    this.unhear ??= this.news.hear((make) => this.tell(make()));
    if (signal !== undefined) onAbort(signal, () => this.keep((each) => each !== added));
  }

  override removeEventListener<Name extends keyof ReplicaEvents>(
    type: Name,
    listener: (event: ReplicaEvents[Name]) => void,
    options?: boolean | EventListenerOptions,
  ): void {
    super.removeEventListener(type, listener, options);
    this.keep((each) => each.type !== type || each.listener !== listener);
  }

  private tell(event: Event): void {
    this.dispatchEvent(event);
    this.keep(({ type, once }) => once !== true || type !== event.type);
  }

  /** Those that listen still: without them nothing is heard any more, and whoever has let go of this one is rid of it. */
  private keep(isKept: (each: Listening) => boolean): void {
    this.listening = this.listening.filter(isKept);
    if (this.listening.length > 0) return;
    this.unhear?.();
    this.unhear = undefined;
  }
}
