/** Makes the worker that a client lives in, also where this code comes from another origin than the page. */

/** Throws, or fires `error` at the worker later, where there can be none. */
export function newWorker(): Worker {
  try {
    // Bundlers look for this very form.
    return new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "rivulet" });
  } catch (error) {
    const script = scriptOfWorker();
    if (script.origin === location.origin) throw error;
    return importing(script);
  }
}

/** A worker's own script has to be of the page's origin. What it imports need not be, where the server says so (CORS). */
function importing(script: URL): Worker {
  const text = new Blob([`import ${JSON.stringify(script.href)};`], { type: "text/javascript" });
  const url = URL.createObjectURL(text);
  const worker = new Worker(url, { type: "module", name: "rivulet" });
  for (const sign of ["message", "error"])
    worker.addEventListener(sign, () => URL.revokeObjectURL(url), { once: true });
  return worker;
}

/** Where bundlers have put the script: they say so only in the form above, which makes no worker here. */
function scriptOfWorker(): URL {
  class Worker {
    readonly script: URL;
    constructor(script: URL, _options: WorkerOptions) {
      this.script = script;
    }
  }
  return new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "rivulet" }).script;
}
