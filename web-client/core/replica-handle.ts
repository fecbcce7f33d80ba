/** A replica's events: told once, by whoever keeps it, and dispatched by each of its handles that somebody listens to. */
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

/** Each call of `replicate` answers one; it costs nothing until somebody listens to it. */
export class ReplicaHandle extends typedEventTarget<ReplicaEvents>() {
  protected readonly news: ReplicaNews;
  private isHearing = false;

  constructor(news: ReplicaNews) {
    super();
    this.news = news;
  }

  override addEventListener<Name extends keyof ReplicaEvents>(
    type: Name,
    listener: (event: ReplicaEvents[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void {
    if (!this.isHearing) this.news.hear((make) => this.dispatchEvent(make()));
    this.isHearing = true;
    super.addEventListener(type, listener, options);
  }
}
