// The bits of an input, the lowest of each byte first, in a buffer of 64 bits. A kernel takes the state into locals and gives
// it back.
//
// Nothing here looks for the end of the input: whoever takes bits asks `isBeyondInput` before it takes 64 more, and the
// input's slack is read no further than SLACK_BYTES then.

/** The bits that are next: `bitCount` of them, and above those more that are not counted yet. */
export let bits: u64 = 0;
export let bitCount: u64 = 0;
/** The next byte for the buffer. */
export let bitsNext: usize = 0;
/** Where the input ends. */
export let inputEnd: usize = 0;

/** Begins to read at `at`, up to `end`. */
export function startReading(at: usize, end: usize): void {
  setBitsRead(at, 0, 0);
  inputEnd = end;
}

/** Goes on at `next` behind the `count` lowest bits of `buffer`. */
export function setBitsRead(next: usize, buffer: u64, count: u64): void {
  bitsNext = next;
  bits = buffer;
  bitCount = count;
}

/** Fills the buffer up to 56 bits or more. */
export function fillBits(): void {
  bits |= load<u64>(bitsNext) << bitCount;
  bitsNext += 7 - <usize>((bitCount >> 3) & 7);
  bitCount |= 56;
}

/** Takes `count` bits that are in the buffer. */
// @ts-ignore: decorator
@inline
export function takeBits(count: u64): void {
  bits >>= count;
  bitCount -= count;
}

/** Takes a number of `count` bits. */
export function takeNumber(count: u64): usize {
  fillBits();
  const number = <usize>lowBits(bits, count);
  takeBits(count);
  return number;
}

// @ts-ignore: decorator
@inline
export function lowBits(value: u64, count: u64): u64 {
  return value & (((<u64>1) << count) - 1);
}

/** The first byte of which no bit has been taken. */
// @ts-ignore: decorator
@inline
export function nextWholeByte(): usize {
  return bitsNext - <usize>(bitCount >> 3);
}

/** Whether bits were taken that are not the input's. */
// @ts-ignore: decorator
@inline
export function isBeyondInput(): bool {
  return nextWholeByte() > inputEnd;
}
