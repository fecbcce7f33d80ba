// Beyond wire/globals.d.ts: the other half of AbortSignal, as every JavaScript runtime has it.
declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}
