/**
 * Two threads that ask each other. Here is what both ends have: plain calls, of what the other side offers from the start. The
 * page's end asks for all else that there is (`asking-channel.ts`), the worker's offers it (`serving-channel.ts`). See README.md.
 */
import { deferred } from "../../sync/wait.ts";
import type { Deferred } from "../../sync/wait.ts";
import type { PackedArguments } from "./arguments.ts";
import { errorForm, errorOf } from "./errors.ts";
import type { Inflow } from "./inflow.ts";
import type { Message, Request } from "./messages.ts";
import type { Service } from "./service.ts";

/** A `Worker`, its own side of it, or a `MessagePort`. */
export interface ChannelPort {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: "message" | "messageerror", listener: (event: MessageEvent<Message>) => void): void;
}

/** The object that each side offers from the start. */
export const ROOT = 0;

/** A request of this side that is under way. */
export interface Asked {
  readonly answer?: Deferred<unknown>;
  readonly inflow?: Inflow;
  readonly kept?: PackedArguments["kept"];
  /** Is called when it is under way no more. */
  readonly forget?: () => void;
}

export class Channel {
  protected readonly asked = new Map<number, Asked>();
  protected closed: { readonly error: unknown; readonly isOrderly: boolean } | undefined;
  private readonly port: ChannelPort;
  private readonly offered: Service;
  private lastId = ROOT;
  private readonly end = new AbortController();

  /** `onBroken` is told when a message could not be read, and what it said is lost. */
  constructor(port: ChannelPort, offered: Service, onBroken?: () => void) {
    this.port = port;
    this.offered = offered;
    port.addEventListener("message", ({ data }) => {
      if (this.closed === undefined) this.hear(data);
    });
    port.addEventListener("messageerror", () => onBroken?.());
  }

  /** Fails all that is under way and all that is asked from now on. `isOrderly`: it was to end, and whoever reads has all there is. */
  close(error: unknown, isOrderly: boolean): void {
    if (this.closed !== undefined) return;
    this.closed = { error, isOrderly };
    this.end.abort(error);
    for (const { answer, inflow, forget } of this.asked.values()) {
      forget?.();
      answer?.reject(error);
      inflow?.end({ error });
    }
    this.asked.clear();
  }

  /** Aborts when it is closed, before all that is under way fails: whoever asks again then is refused. */
  get ended(): AbortSignal {
    return this.end.signal;
  }

  /** Calls this of what the other side offers from the start. */
  callRoot(name: string): Promise<unknown> {
    const answer = deferred<unknown>();
    this.ask({ kind: "call", object: ROOT, name, args: [], places: [] }, { answer });
    return answer.promise;
  }

  /** Answers its id. Throws where the channel is closed, and for what cannot be cloned. */
  protected ask(request: Omit<Request, "id">, asked: Asked): number {
    if (this.closed !== undefined) throw this.closed.error;
    const id = ++this.lastId;
    this.post({ ...request, id });
    this.asked.set(id, asked);
    return id;
  }

  protected forget(id: number): Asked | undefined {
    const asked = this.asked.get(id);
    this.asked.delete(id);
    asked?.forget?.();
    return asked;
  }

  protected hear(message: Message): void {
    if (message.kind === "call") void this.serve(message);
    if (message.kind === "answer") this.forget(message.id)?.answer?.resolve(message.value);
    if (message.kind === "failure") {
      const { answer, inflow, kept } = this.forget(message.id) ?? {};
      const reason = message.aborted === undefined ? undefined : kept?.[message.aborted];
      const error = reason instanceof AbortSignal ? (reason.reason as unknown) : errorOf(message.error);
      answer?.reject(error);
      inflow?.end({ error });
    }
  }

  protected post(message: Message, transfer: readonly ArrayBuffer[] = []): void {
    if (this.closed === undefined) this.port.postMessage(message, [...transfer]);
  }

  private async serve({ id, name, args }: Request): Promise<void> {
    try {
      const method = this.offered[name] as (...args: readonly unknown[]) => unknown;
      this.post({ kind: "answer", id, value: await method(...args) });
    } catch (error) {
      this.post({ kind: "failure", id, error: errorForm(error), aborted: undefined });
    }
  }
}
