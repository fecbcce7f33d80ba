/** How long the page's thread was not free: what is done there keeps the page from answering its user. */

/** Between two looks, in milliseconds: the least that browsers give timers that are set by timers. */
const LOOK_MS = 4;

export interface MainThreadWatch {
  /** Ends the watch. Answers the longest time for which nothing else could run, in milliseconds, and the tasks above 50 ms. */
  stop(): { readonly longestStallMs: number; readonly longTasks: number };
}

/** Looks at the clock every few milliseconds: a look that is late was kept waiting. Chromium counts long tasks by itself, too. */
export function watchMainThread(): MainThreadWatch {
  let longestStallMs = 0;
  let longTasks = 0;
  let lookedAt = performance.now();
  const look = (): void => {
    const now = performance.now();
    longestStallMs = Math.max(longestStallMs, now - lookedAt - LOOK_MS);
    lookedAt = now;
  };
  const timer = setInterval(look, LOOK_MS);
  const count = (entries: PerformanceEntryList): void => {
    longTasks += entries.length;
    for (const { duration } of entries) longestStallMs = Math.max(longestStallMs, duration);
  };
  const observer = new PerformanceObserver((list) => count(list.getEntries()));
  observer.observe({ type: "longtask" });
  return {
    stop: () => {
      look();
      clearInterval(timer);
      count(observer.takeRecords());
      observer.disconnect();
      return { longestStallMs, longTasks };
    },
  };
}
