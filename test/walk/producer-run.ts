/** One run of kcat that produces lines, and what it has been told about each of them. */
import type { Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { startKcat } from "../foreign/clients/kcat.ts";

// Many small batches, so that there is always one in flight; a client that outwaits a restart.
const SETTINGS = {
  acks: "all",
  "enable.idempotence": "true",
  "message.timeout.ms": "300000",
  "reconnect.backoff.max.ms": "500",
  "batch.num.messages": "40",
  "linger.ms": "2",
};

const LINES_AT_ONCE = 20;
const BETWEEN_LINES_MS = 5;

export interface ProducerRun {
  /**
   * Hands kcat lines to send, a few at a time; resolves when its input has taken them all. kcat looks at acknowledgements
   * only between two lines: at a steady trickle it reports them while it sends.
   */
  write(lines: readonly Buffer[]): Promise<void>;
  /** Closes its input and resolves when it has ended; its exit code is 0 only if every line was acknowledged. */
  end(): Promise<{ code: number | null; said: string }>;
  /** Offsets of the lines that were acknowledged so far, in the order of the acknowledgements. */
  readonly acknowledged: readonly bigint[];
}

/** Starts kcat with lz4, `acks=all` and idempotence, and `-E`: it keeps trying when no gateway answers. */
export function startProducerRun(broker: string, topic: string): ProducerRun {
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ["-X", `${name}=${value}`]);
  // Said thrice, -v makes it report the offset of every line.
  const args = ["-P", "-E", "-t", topic, "-p", "0", "-z", "lz4", "-v", "-v", "-v", ...settings];
  const { child, finished } = startKcat(broker, args, { keepsInputOpen: true, timeoutMs: 120_000 });
  const acknowledged: bigint[] = [];
  onLines(child.stderr, (line) => {
    const offset = /delivered to partition 0 \(offset (\d+)\)/.exec(line)?.[1];
    if (offset !== undefined) acknowledged.push(BigInt(offset));
  });
  return {
    acknowledged,
    async write(lines) {
      for (let index = 0; index < lines.length; index += LINES_AT_ONCE) {
        const some = lines.slice(index, index + LINES_AT_ONCE);
        child.stdin.write(Buffer.concat(some.flatMap((line) => [line, Buffer.from("\n")])));
        await setTimeout(BETWEEN_LINES_MS);
      }
    },
    async end() {
      child.stdin.end();
      const { code, stderr } = await finished;
      return { code, said: stderr };
    },
  };
}

function onLines(stream: Readable, listener: (line: string) => void): void {
  let rest = "";
  stream.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) listener(line);
  });
}
