/** Tells the other side how the objects that it watches look, and of their events. */
import type { Message, MirroredEvent } from "./messages.ts";
import type { Mirror } from "./service.ts";

/** Events of one name come at most this often: a page draws no faster. */
const INTERVAL_MS = 16;

/** Whatever its events are. */
export type AnyMirror = Mirror<unknown, Record<string, unknown>>;

interface Watched {
  readonly object: number;
  readonly mirror: AnyMirror;
  /** Names of events that were not told yet. */
  readonly due: Set<string>;
  readonly stop: () => void;
}

export class Mirrors {
  private readonly post: (message: Message) => void;
  private readonly watched = new Map<number, Watched>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(post: (message: Message) => void) {
    this.post = post;
  }

  watch(object: number, mirror: AnyMirror): void {
    const due = new Set<string>();
    const stop = mirror.listen((name, detail) => {
      if (detail === undefined) {
        due.add(name);
        this.timer ??= setTimeout(() => this.flush(), INTERVAL_MS);
      } else {
        this.flush();
        this.tell(object, mirror, [{ name, detail }]);
      }
    });
    this.watched.set(object, { object, mirror, due, stop });
  }

  /** Comes before every other message: what has happened by then is known by then. */
  flush(): void {
    for (const { object, mirror, due } of this.watched.values()) {
      if (due.size === 0 && mirror.hasMoved?.() !== true) continue;
      const events = Array.from(due, (name) => ({ name, detail: undefined }));
      due.clear();
      this.tell(object, mirror, events);
    }
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  forget(object: number): void {
    this.watched.get(object)?.stop();
    this.watched.delete(object);
  }

  close(): void {
    clearTimeout(this.timer);
    for (const { stop } of this.watched.values()) stop();
    this.watched.clear();
  }

  private tell(object: number, mirror: AnyMirror, events: readonly MirroredEvent[]): void {
    this.post({ kind: "mirror", object, state: mirror.state(), events });
  }
}
