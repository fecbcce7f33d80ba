/** A client in another language: a process that answers one line of JSON with another (python/agent.py). */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface } from "node:readline";

type Answer = { readonly result: unknown } | { readonly error: string };

/** One process, started by the first call. Calls are answered in turn. */
export class Agent {
  private running: { child: ChildProcessWithoutNullStreams; answers: AsyncIterator<string> } | undefined;
  private stderr = "";
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly command: string,
    private readonly args: readonly string[],
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /** Rejects with what the process said when it fails or ends. */
  call<T>(call: string, parameters: object): Promise<T> {
    const answered = this.last.then(() => this.ask(call, parameters));
    this.last = answered.catch(() => undefined);
    return answered as Promise<T>;
  }

  async close(): Promise<void> {
    await this.last;
    const child = this.running?.child;
    if (child === undefined || child.exitCode !== null) return;
    const closed = new Promise((resolve) => child.once("close", resolve));
    child.stdin.end();
    await closed;
  }

  private async ask(call: string, parameters: object): Promise<unknown> {
    const { child, answers } = (this.running ??= this.start());
    child.stdin.write(`${JSON.stringify({ call, arguments: parameters })}\n`);
    const { value, done } = await answers.next();
    if (done === true) throw new Error(`${this.args.join(" ")} has ended during ${call}: ${this.stderr}`);
    const answer = JSON.parse(value) as Answer;
    if ("error" in answer) throw new Error(`${call}: ${answer.error}\n${this.stderr}`);
    return answer.result;
  }

  private start(): NonNullable<Agent["running"]> {
    const child = spawn(this.command, this.args, { env: { ...process.env, ...this.env } });
    child.stderr.on("data", (chunk: Buffer) => (this.stderr = (this.stderr + chunk.toString()).slice(-4000)));
    // A process that has ended takes no more calls; the answer that does not come tells.
    child.stdin.on("error", () => undefined);
    return { child, answers: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  }
}
