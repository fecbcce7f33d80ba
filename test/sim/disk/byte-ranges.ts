/** Some of a file's bytes: ranges [from, to) in order, none of which touch. */
export class ByteRanges {
  private ranges: (readonly [from: number, to: number])[] = [];

  get isEmpty(): boolean {
    return this.ranges.length === 0;
  }

  get bytes(): number {
    return this.ranges.reduce((sum, [from, to]) => sum + to - from, 0);
  }

  has(position: number): boolean {
    return this.ranges.some(([from, to]) => from <= position && position < to);
  }

  add(from: number, to: number): void {
    if (from >= to) return;
    const before = this.ranges.filter((range) => range[1] < from);
    const after = this.ranges.filter((range) => range[0] > to);
    const joined = this.ranges.slice(before.length, this.ranges.length - after.length);
    const start = Math.min(from, joined[0]?.[0] ?? from);
    const end = Math.max(to, joined.at(-1)?.[1] ?? to);
    this.ranges = [...before, [start, end], ...after];
  }

  remove(from: number, to: number): void {
    if (from >= to || this.isEmpty) return;
    this.ranges = this.ranges.flatMap(([start, end]) => {
      const left = [
        [start, Math.min(end, from)],
        [Math.max(start, to), end],
      ] as const;
      return left.filter((range) => range[0] < range[1]);
    });
  }

  clear(): void {
    this.ranges = [];
  }

  [Symbol.iterator](): IterableIterator<readonly [from: number, to: number]> {
    return this.ranges[Symbol.iterator]();
  }
}
