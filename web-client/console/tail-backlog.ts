/** What was in the log when a tail was opened: whether it has all come, and the order in which it is shown. */
import type { TailRow } from "./tail-buffer.ts";
import type { StartPosition } from "./tail-source.ts";

export class Backlog {
  /** Partition -> the offset that its backlog ends before. */
  readonly #ends: Map<number, bigint>;
  readonly #kept = new Map<number, TailRow[]>();

  constructor(positions: readonly StartPosition[]) {
    const unread = positions.filter(({ offset, end }) => offset < end);
    this.#ends = new Map(unread.map(({ partition, end }) => [partition, end]));
  }

  /** Every partition has reached what was its end. */
  get isRead(): boolean {
    return this.#ends.size === 0;
  }

  /** Takes notice that a record has come. */
  note({ partition, offset }: TailRow): void {
    const end = this.#ends.get(partition);
    if (end !== undefined && offset + 1n >= end) this.#ends.delete(partition);
  }

  keep(row: TailRow): void {
    const rows = this.#kept.get(row.partition);
    if (rows === undefined) this.#kept.set(row.partition, [row]);
    else rows.push(row);
  }

  /**
   * What was kept, by time, each partition in its own order: what came partition after partition reads as it would have
   * live.
   */
  inOrderOfTime(): TailRow[] {
    const partitions = [...this.#kept.values()];
    const positions = partitions.map(() => 0);
    const merged: TailRow[] = [];
    for (;;) {
      let earliest: { row: TailRow; from: number } | undefined;
      for (const [from, rows] of partitions.entries()) {
        const row = rows[positions[from] ?? 0];
        if (row !== undefined && (earliest === undefined || row.timestamp < earliest.row.timestamp))
          earliest = { row, from };
      }
      if (earliest === undefined) return merged;
      merged.push(earliest.row);
      positions[earliest.from] = (positions[earliest.from] ?? 0) + 1;
    }
  }
}
