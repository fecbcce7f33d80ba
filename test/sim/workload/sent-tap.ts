/** Sees every Produce request that leaves a tab: which account it goes under, and to which topic each record is sent. */
import { BatchHeader } from "../../../log/batch.ts";
import { ApiKey } from "../../../wire/api.ts";
import { produce } from "../../../wire/apis/produce.ts";
import { decodeRequest } from "../../../wire/request.ts";
import { decodeRequestHeader } from "../../../wire/request-header.ts";
import type { Process } from "../kernel/process.ts";
import type { Actor, FinalState, Run } from "../workload.ts";
import { engine, UNCOMPRESSED_BYTES_MAX } from "./engine.ts";
import { idOf } from "./values.ts";

export class SentTap implements Actor {
  readonly name = "sent-tap";
  readonly waitsFor = undefined;
  private readonly run: Run;
  /** Where each record was sent last, by its id. */
  private readonly topicIds = new Map<string, string>();

  constructor(run: Run) {
    this.run = run;
  }

  start(): void {
    this.run.network.onRequest((process, message) => this.see(process, message));
  }

  calm(): void {
    // It only watches.
  }

  finish(_final: FinalState): Promise<void> {
    return Promise.resolve();
  }

  /** The topic that a record was sent to last: what tells that it is delivered speaks of that one. */
  topicIdOf(recordId: string): string | undefined {
    return this.topicIds.get(recordId);
  }

  private see(process: Process, message: Uint8Array): void {
    const { apiKey, apiVersion, bodyAt } = decodeRequestHeader(message);
    if (apiKey !== ApiKey.Produce) return;
    const principal = this.principalOf(process);
    if (principal === undefined) return;
    for (const { topicId, partitionData } of decodeRequest(produce, apiVersion, message, bodyAt).topicData) {
      for (const { index, records } of partitionData) {
        if (records === null) continue;
        const header = new BatchHeader(records);
        const ids: string[] = [];
        for (const record of engine.readBatch(records.slice(0, header.bytes), UNCOMPRESSED_BYTES_MAX)) {
          const id = idOf(record);
          ids.push(id);
          this.topicIds.set(id, topicId);
          this.run.note({ kind: "sent", id, principal });
        }
        const { producerId, producerEpoch, baseSequence } = header;
        this.run.world.trace.say(
          process.name,
          `sends ${ids.join(" ")} to ${topicId}-${index} as ${producerId}/${producerEpoch}/${baseSequence}`,
        );
      }
    }
  }

  /** A tab sends from its first moment on: its process, named `<device>/<principal>-<number>`, tells whose it is. */
  private principalOf({ name }: Process): string | undefined {
    const [device, tab] = name.split("/");
    if (tab === undefined || !this.run.devices.some((each) => each.name === device)) return undefined;
    return tab.slice(0, tab.lastIndexOf("-"));
  }
}
