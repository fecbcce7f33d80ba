/**
 * When a replica was last known to have all of its leader's log, in `<topic>-<partition>/caught-up` beside it. Whoever was
 * away for longer than `delete.retention.ms` may have missed tombstones that are gone by now.
 */
import type { Store } from "../../log/store.ts";

const FORM = /^version: 0\ncaught_up_ms: (\d{1,16})\n$/;

export class ReplicaFreshness {
  private readonly store: Store;
  private readonly name: string;
  private atMs: number | undefined;
  private isRead = false;

  constructor(store: Store, directory: string) {
    this.store = store;
    this.name = `${directory}/caught-up`;
  }

  /** Milliseconds since the epoch by the gateway's clock; undefined: it is not known. */
  async read(): Promise<number | undefined> {
    if (this.isRead) return this.atMs;
    const found = FORM.exec(new TextDecoder().decode(await this.store.read(this.name)));
    this.atMs ??= found?.[1] === undefined ? undefined : Number(found[1]);
    this.isRead = true;
    return this.atMs;
  }

  async write(atMs: number): Promise<void> {
    this.atMs = Math.floor(atMs);
    this.isRead = true;
    await this.store.write(
      this.name,
      new TextEncoder().encode(`version: 0\ncaught_up_ms: ${Math.max(0, this.atMs)}\n`),
    );
  }
}
