/** The page's end of a channel: calls with signals and functions, streams with back-pressure, and objects that are seen from afar. */
import { deferred } from "../../sync/wait.ts";
import { packArguments } from "./arguments.ts";
import { Channel, ROOT } from "./channel.ts";
import type { Asked } from "./channel.ts";
import { errorForm } from "./errors.ts";
import { FarObject } from "./far-object.ts";
import { Inflow } from "./inflow.ts";
import { FIRST_BYTES, READ_AHEAD_BYTES } from "./limits.ts";
import type { FarForm, Message, Request } from "./messages.ts";
import type { Far, Service } from "./service.ts";

/** What is asked of which object. */
interface Question {
  readonly object: number;
  readonly name: string;
  readonly given: readonly unknown[];
}

export class AskingChannel extends Channel {
  private readonly fars = new Map<number, FarObject>();

  /** What the other side offers from the start. */
  root<S extends Service>(): Far<S, undefined, Record<string, never>> {
    return this.far<S, undefined, Record<string, never>>({ object: ROOT, state: undefined });
  }

  isClosedWith(error: unknown): boolean {
    return this.closed?.isOrderly === true && this.closed.error === error;
  }

  release(object: number): void {
    this.fars.delete(object);
    this.post({ kind: "release", object });
  }

  call(object: number, name: string, given: readonly unknown[]): Promise<unknown> {
    const answer = deferred<unknown>();
    try {
      this.question("call", { object, name, given }, { answer });
    } catch (error) {
      answer.reject(error);
    }
    return answer.promise;
  }

  async *stream(
    object: number,
    name: string,
    signal: AbortSignal | undefined,
    given: readonly unknown[],
  ): AsyncGenerator<unknown, void, void> {
    if (signal?.aborted === true) return;
    let id = -1;
    let held = READ_AHEAD_BYTES - FIRST_BYTES;
    const inflow = new Inflow({
      credit: (bytes) => {
        if (this.asked.has(id)) this.post({ kind: "credit", id, bytes: bytes + held });
        held = 0;
      },
      leave: () => {
        if (this.asked.has(id)) this.post({ kind: "return", id });
        this.forget(id);
      },
    });
    id = this.question("stream", { object, name, given }, { inflow });
    yield* inflow.read(signal);
  }

  private question(kind: Request["kind"], { object, name, given }: Question, end: Asked): number {
    const { args, places, kept } = packArguments(given);
    const heard = new AbortController();
    const asked = { kept, ...end, forget: () => heard.abort() };
    const id = this.ask({ kind, object, name, args, places }, asked);
    for (const [place, each] of kept.entries()) {
      if (!(each instanceof AbortSignal)) continue;
      const tell = (): void => this.post({ kind: "abort", id, place, reason: errorForm(each.reason) });
      each.addEventListener("abort", tell, { once: true, signal: heard.signal });
    }
    return id;
  }

  protected override hear(message: Message): void {
    switch (message.kind) {
      case "mirror":
        return this.fars.get(message.object)?.follow(message.state, message.events);
      case "answer":
        if (message.far === undefined) return super.hear(message);
        return this.forget(message.id)?.answer?.resolve(this.far(message.far));
      case "item":
        return this.asked.get(message.id)?.inflow?.push(message.value, message.bytes);
      case "end":
        return this.forget(message.id)?.inflow?.end({});
      case "callback":
        return this.callBack(message);
      default:
        return super.hear(message);
    }
  }

  private callBack({ id, place, args }: Extract<Message, { kind: "callback" }>): void {
    const asked = this.asked.get(id);
    const callback = asked?.kept?.[place] as ((...args: readonly unknown[]) => unknown) | undefined;
    if (typeof callback !== "function") return;
    if (asked?.inflow === undefined) callback(...args);
    else asked.inflow.callBack(() => callback(...args));
  }

  /** An object of the other side; the same one for the same object. */
  private far<S, State, Events>({ object, state }: FarForm): Far<S, State, Events> {
    let far = this.fars.get(object);
    if (far === undefined) {
      far = new FarObject(this, object, state);
      this.fars.set(object, far);
    } else far.follow(state, []);
    return far as unknown as Far<S, State, Events>;
  }
}
