/** The reading end of a stream: what the other side has sent and nobody has taken yet. */
import { Bell } from "../../sync/wait.ts";

interface Entry {
  readonly value: unknown;
  readonly bytes: number;
  /** In place of an item: a function of the reader's is to be called. */
  readonly callback?: () => void;
}

export interface InflowSender {
  /** The reader has used so many bytes. */
  credit(bytes: number): void;
  /** The reader has left. */
  leave(): void;
}

export class Inflow {
  private readonly sender: InflowSender;
  private readonly entries: Entry[] = [];
  private readonly bell = new Bell();
  private over: { readonly error?: unknown } | undefined;
  private hasLeft = false;

  constructor(sender: InflowSender) {
    this.sender = sender;
  }

  push(value: unknown, bytes: number): void {
    this.add({ value, bytes });
  }

  callBack(callback: () => void): void {
    this.add({ value: undefined, bytes: 0, callback });
  }

  /** No more will come. What came before is read first. */
  end(over: { readonly error?: unknown }): void {
    this.over ??= over;
    this.bell.ring();
  }

  async *read(signal: AbortSignal | undefined): AsyncGenerator<unknown, void, void> {
    const leave = (): void => this.leave();
    signal?.addEventListener("abort", leave, { once: true });
    if (signal?.aborted === true) leave();
    try {
      while (!this.hasLeft) {
        const rung = this.bell.next();
        const entry = this.entries.shift();
        if (entry?.callback !== undefined) entry.callback();
        else if (entry !== undefined) {
          yield entry.value;
          // Only now has the reader come back for more.
          if (!this.hasLeft) this.sender.credit(entry.bytes);
        } else if (this.over === undefined) await rung;
        else if ("error" in this.over) throw this.over.error;
        else return;
      }
    } finally {
      signal?.removeEventListener("abort", leave);
      this.leave();
    }
  }

  private add(entry: Entry): void {
    if (this.hasLeft) return;
    this.entries.push(entry);
    this.bell.ring();
  }

  private leave(): void {
    if (this.hasLeft) return;
    this.hasLeft = true;
    this.entries.length = 0;
    this.bell.ring();
    if (this.over === undefined) this.sender.leave();
  }
}
