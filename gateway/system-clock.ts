import type { Clock } from "../log/clock.ts";

/** The machine's own time. Its timers do not keep the process alive: sockets do. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  defer: (callback) => void setImmediate(callback),
};
