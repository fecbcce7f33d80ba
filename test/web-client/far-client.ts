/** The SDK's client as a page has it that runs it in a worker: here on the other side of a real MessageChannel, and it can end. */
import { allCode } from "../../web-client/client-code.ts";
import type { RivuletClient } from "../../web-client/core/rivulet-client.ts";
import { AskingChannel } from "../../web-client/remote/asking-channel.ts";
import { clientService } from "../../web-client/remote/client-service.ts";
import * as groups from "../../web-client/remote/groups.ts";
import { keepAlive } from "../../web-client/remote/keep-alive.ts";
import { RemoteClient } from "../../web-client/remote/remote-client.ts";
import * as replicas from "../../web-client/remote/replicas.ts";
import { ServingChannel } from "../../web-client/remote/serving-channel.ts";
import type { Running } from "../../web-client/remote/start-worker.ts";
import { deferred } from "../../sync/wait.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { openNodeClient, testDevice } from "./node-client.ts";

const CODE = { ...allCode, groups: () => Promise.resolve(groups), replicas: () => Promise.resolve(replicas) };

export class FarClientGround {
  readonly client: RemoteClient;
  private readonly workers: Worker[];
  /** No other worker comes up before it is open. */
  private readonly gate: { isOpen: Promise<void> };

  private constructor(client: RemoteClient, workers: Worker[], gate: { isOpen: Promise<void> }) {
    this.client = client;
    this.workers = workers;
    this.gate = gate;
  }

  static async open(gateway: { readonly httpPort: number }): Promise<FarClientGround> {
    const device = testDevice();
    const workers: Worker[] = [];
    const gate: { isOpen: Promise<void> } = { isOpen: Promise.resolve() };
    const start = async (isOffline: boolean): Promise<Running> => {
      await gate.isOpen;
      const worker = new Worker(await openNodeClient(gateway, device));
      workers.push(worker);
      if (isOffline) worker.client.goOffline();
      return worker.run();
    };
    const first = await start(false);
    const client = new RemoteClient(first, false);
    client.keeping = keepAlive(client, first, () => start(client.isSwitchedOff));
    return new FarClientGround(client, workers, gate);
  }

  /** As the browser does: nothing that is under way comes to its end. Another one is there when `meanwhile` is done. */
  async endWorker(meanwhile?: () => Promise<unknown>): Promise<void> {
    const open = deferred<void>();
    this.gate.isOpen = open.promise;
    try {
      await this.workers.at(-1)?.end();
      await meanwhile?.();
    } finally {
      open.resolve();
    }
  }

  async close(): Promise<void> {
    await this.client.close();
    for (const worker of this.workers) await worker.end();
  }
}

class Worker {
  readonly client: RivuletClient;
  private readonly ports = new MessageChannel();
  private readonly page: AskingChannel;
  private readonly far: ServingChannel;
  private readonly lost = deferred<string>();

  constructor(client: RivuletClient) {
    this.client = client;
    const { port1, port2 } = this.ports;
    this.page = new AskingChannel(port1, {});
    this.far = new ServingChannel(port2, { open: () => clientService(client, CODE) });
    port1.start();
    port2.start();
  }

  async run(): Promise<Running> {
    const service = this.page.root<{ open: () => ReturnType<typeof clientService> }>();
    return {
      far: await service.call("open"),
      lost: this.lost.promise,
      end: (error) => Promise.resolve(this.page.close(error, true)),
    };
  }

  async end(): Promise<void> {
    const error = new KafkaError(ErrorCode.NETWORK_EXCEPTION, "its worker has ended");
    this.far.close(error, false);
    this.page.close(error, false);
    this.lost.resolve(error.message);
    for (const port of [this.ports.port1, this.ports.port2]) port.close();
    await this.client.close();
  }
}
