/** Seeded random numbers, so that a bench computes the same on every machine. Good enough for test data, nothing else. */
export interface Random {
  /** At least 0, below 1. */
  next(): number;
  /** An integer at least 0 and below `bound`. */
  below(bound: number): number;
  pick<Item>(items: readonly Item[]): Item;
  hex(digits: number): string;
}

/** A 32-bit Weyl sequence through a multiply-and-shift mixer (the finaliser of MurmurHash3). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const bits = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
  const next = (): number => bits() / 2 ** 32;
  const below = (bound: number): number => Math.floor(next() * bound);
  return {
    next,
    below,
    pick: (items) => {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error("nothing to pick from");
      return item;
    },
    hex: (digits) => Array.from({ length: digits }, () => below(16).toString(16)).join(""),
  };
}
