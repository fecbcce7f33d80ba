/** Stands between a client and the gateway, and cuts the connection instead of handing on the answers to some Produce requests. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { ApiKey } from "../../../wire/api.ts";
import { FrameReader, framePrefix } from "../../../wire/frame-reader.ts";

const FRAME_BYTES_MAX = 2 ** 30;

export class CuttingProxy {
  /** Port of the gateway's Kafka listener: known later than the proxy's own, which the gateway advertises. */
  upstreamPort = 0;
  /** How many answers have been cut. */
  cuts = 0;
  private produced = 0;
  private willCut: (nth: number) => boolean = () => false;
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {
    server.on("connection", (socket) => this.pass(socket));
  }

  static async listen(): Promise<CuttingProxy> {
    const server = createServer({ noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new CuttingProxy(server);
  }

  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Begins to count anew: of the answers to Produce, counted from 1, those for which this holds are cut. */
  cutAnswers(willCut: (nth: number) => boolean): void {
    this.cuts = 0;
    this.produced = 0;
    this.willCut = willCut;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, "close");
  }

  private pass(client: Socket): void {
    const gateway = connect({ port: this.upstreamPort, host: "127.0.0.1", noDelay: true });
    const end = (): void => {
      client.destroy();
      gateway.destroy();
    };
    for (const socket of [client, gateway]) {
      this.sockets.add(socket);
      socket.on("error", end);
      socket.on("close", () => {
        this.sockets.delete(socket);
        end();
      });
    }
    const produceRequests = new Set<number>();
    const requests = new FrameReader({ frameBytesMax: FRAME_BYTES_MAX });
    client.on("data", (chunk: Uint8Array) => {
      for (const message of requests.push(chunk)) {
        const header = new DataView(message.buffer, message.byteOffset);
        if (header.getInt16(0) === ApiKey.Produce) produceRequests.add(header.getInt32(4));
      }
      gateway.write(chunk);
    });
    const answers = new FrameReader({ frameBytesMax: FRAME_BYTES_MAX });
    gateway.on("data", (chunk: Uint8Array) => {
      for (const message of answers.push(chunk)) {
        if (client.destroyed) continue;
        const correlationId = new DataView(message.buffer, message.byteOffset).getInt32(0);
        if (produceRequests.delete(correlationId) && this.willCut(++this.produced)) {
          this.cuts += 1;
          end();
          continue;
        }
        client.write(framePrefix(message.length));
        client.write(message);
      }
    });
  }
}
