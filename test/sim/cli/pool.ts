/** Gives seeds to worker threads and hears what became of them. A thread that hangs or dies costs its seed, and nothing else. */
import { Worker } from "node:worker_threads";
import { brokenOff, type FromWorker, type SeedReport, textOf } from "./task.ts";

export interface PoolOptions {
  /** The bundled `worker.ts`. */
  readonly script: string;
  readonly threads: number;
  readonly seeds: Iterable<number>;
  /** Every so many seeds one runs twice; 0: none does. */
  readonly twiceEvery?: number;
  /** Gets the story of every seed. */
  readonly tell?: (line: string) => void;
  /** Wall time that one seed may take. */
  readonly seedMsMax?: number;
  /** Hears of seeds as they end, in any order. An answer of false: no more are begun. */
  readonly onReport: (report: SeedReport) => boolean;
}

const SEED_MS_MAX = 60_000;
/**
 * On a machine that has hardly run this process at all the time says nothing: a seed that has hung has used a processor, or
 * the other threads have. Then it gets its time again, so many times in all.
 */
const STARVED_SHARE = 0.25;
const STARVED_TIMES_MAX = 10;

/** Resolves when all seeds that were begun have ended. Throws when the worker cannot be loaded. */
export async function runSeeds(options: PoolOptions): Promise<void> {
  const seeds = options.seeds[Symbol.iterator]();
  let isOver = false;
  const lane = async (): Promise<void> => {
    let thread: Thread | undefined;
    try {
      for (let next = seeds.next(); !isOver && next.done !== true; next = seeds.next()) {
        if (thread === undefined || thread.isOver) {
          thread = new Thread(options.script, options.tell);
          await thread.ready;
        }
        const seed = next.value;
        const twice = (options.twiceEvery ?? 0) > 0 && seed % (options.twiceEvery ?? 0) === 0;
        const report = await thread.run(
          { seed, twice, tells: options.tell !== undefined },
          (options.seedMsMax ?? SEED_MS_MAX) * (twice ? 2 : 1),
        );
        if (!options.onReport(report)) isOver = true;
      }
    } finally {
      await thread?.end();
    }
  };
  await Promise.all(Array.from({ length: options.threads }, lane));
}

class Thread {
  /** Rejects when the bundle cannot be loaded. */
  readonly ready: Promise<void>;
  isOver = false;
  private readonly worker: Worker;
  private isReady: () => void = () => {};
  private isBroken: (error: Error) => void = () => {};
  private onReport: ((report: SeedReport) => void) | undefined;
  private onDeath: ((why: string) => void) | undefined;

  constructor(script: string, tell: ((line: string) => void) | undefined) {
    this.worker = new Worker(script, { execArgv: ["--enable-source-maps"] });
    this.ready = new Promise((resolve, reject) => {
      this.isReady = resolve;
      this.isBroken = reject;
    });
    this.worker.on("message", (message: FromWorker) => {
      if (message.kind === "ready") this.isReady();
      else if (message.kind === "line") tell?.(message.line);
      else this.onReport?.(message.report);
    });
    this.worker.on("error", (error) => this.died(`the thread died: ${textOf(error)}`));
    this.worker.on("exit", (code) => this.died(`the thread ended with code ${code}`));
  }

  /** Never rejects. */
  run(task: { seed: number; twice: boolean; tells: boolean }, msMax: number): Promise<SeedReport> {
    const began = performance.now();
    const processor = process.cpuUsage();
    const isStarved = (): boolean => {
      const { user, system } = process.cpuUsage(processor);
      return (user + system) / 1000 < STARVED_SHARE * msMax;
    };
    return new Promise((resolve) => {
      const give = (report: SeedReport): void => {
        clearInterval(watchdog);
        this.onReport = undefined;
        this.onDeath = undefined;
        resolve(report);
      };
      const giveUp = (why: string): void => give(brokenOff(task.seed, why, performance.now() - began));
      let times = 0;
      const watchdog = setInterval(() => {
        times += 1;
        if (times < STARVED_TIMES_MAX && isStarved()) return;
        void this.end();
        giveUp(`the seed did not come to an end within ${(times * msMax) / 1000} s of wall time`);
      }, msMax);
      this.onReport = give;
      this.onDeath = giveUp;
      this.worker.postMessage(task);
    });
  }

  async end(): Promise<void> {
    this.isOver = true;
    await this.worker.terminate();
  }

  private died(why: string): void {
    this.isOver = true;
    this.isBroken(new Error(why));
    this.onDeath?.(why);
  }
}
