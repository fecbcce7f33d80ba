/**
 * Which of its two builds of the engine a host can run: `engine.wasm` needs SIMD, `engine.plain.wasm` (for Safari before 16.4
 * and processors without it) does not. They answer the same bytes.
 */

/** A module with one function that uses SIMD: `i8x16.popcnt(i8x16.splat(0))`. */
export const SIMD_MODULE: Uint8Array<ArrayBuffer> = Uint8Array.from([
  0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  1, 5, 1, 0x60, 0, 1, 0x7b,
  3, 2, 1, 0,
  10, 10, 1, 8, 0, 0x41, 0, 0xfd, 15, 0xfd, 98, 0x0b,
]); // prettier-ignore

/** Whether this host runs SIMD in WebAssembly. */
export function hasSimd(): boolean {
  return WebAssembly.validate(SIMD_MODULE);
}
