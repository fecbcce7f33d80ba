/** What goes wrong inside of browsers by itself. Rates are chances; 0: never. */
export interface BrowserFaults {
  /** A transaction is aborted under its tab: at one of its requests, or at its commit. */
  abortRate: number;
  /** A tab crashes while it is being opened. */
  crashAtOpeningRate: number;
  /** A transaction waits before its first request, for as long as other work on the device may take. */
  slowRate: number;
  /** What a commit takes, in milliseconds: least and most. */
  commitMs: readonly [least: number, most: number];
  /** What a message from tab to tab takes, in milliseconds: least and most. */
  messageMs: readonly [least: number, most: number];
}

/** Browsers that only take their time. */
export const calmBrowser: BrowserFaults = {
  abortRate: 0,
  crashAtOpeningRate: 0,
  slowRate: 0,
  commitMs: [0.1, 5],
  messageMs: [0.05, 5],
};

/** `howBad` from 0 to 1. */
export function browserFaults(howBad: number): BrowserFaults {
  return {
    abortRate: 0.02 * howBad,
    crashAtOpeningRate: 0.3 * howBad,
    slowRate: 0.1 * howBad,
    commitMs: [0.1, 5 + 45 * howBad],
    messageMs: [0.05, 5 + 200 * howBad],
  };
}
