/** Paths relative to the top of the clone; a source may be a directory. */
interface BuildStep {
  sources: readonly string[];
  outputs: readonly string[];
}

export const root: string;
export function ensureInstalled(options: { log: (text: string) => void }): Promise<void>;
export function ensureBuilt(options: {
  log: (text: string) => void;
  wanted?: readonly ("engine" | "debug engine" | "client" | "console" | "gateway")[];
}): Promise<void>;
export function isStale(step: BuildStep, top?: string): boolean;
