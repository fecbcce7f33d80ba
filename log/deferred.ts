/** A promise that is settled from outside. A rejection that nobody waits for is not an unhandled one. */
export class Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;

  constructor() {
    let settle: { resolve: () => void; reject: (error: Error) => void } | undefined;
    this.promise = new Promise((resolve, reject) => (settle = { resolve, reject }));
    this.promise.catch(() => {});
    // The executor above has run by now; the fallback only tells the compiler so.
    this.resolve = settle?.resolve ?? (() => {});
    this.reject = settle?.reject ?? (() => {});
  }
}
