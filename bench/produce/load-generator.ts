/**
 * Produces prepared batches as fast as the gateway acknowledges them: some connections, one request under way on each.
 * A process of its own, so that its CPU time is not the gateway's.
 */
import { build as buildHistogram } from "hdr-histogram-js";
import { produce } from "../../wire/apis/produce.ts";
import { encodeRequest } from "../../wire/request.ts";
import { decodeResponse } from "../../wire/response.ts";
import { CODEC_NONE } from "../../engine-as/format.ts";
import { serveParent } from "../child.ts";
import { clickStreamRecords } from "../click-stream.ts";
import { loadEngine } from "../engine.ts";
import { CLIENT_ID, openKafkaClient, withLength } from "../kafka-client.ts";
import { openWebSocket } from "../websocket-client.ts";
import { BINARY, clientFrame } from "../websocket-frames.ts";

export type Transport = "TCP" | "WebSocket";

export type LoadGeneratorCommands = {
  /** Before anything else: seals the batches that all runs send, and answers how many records each has. */
  prepare: (settings: { root: string; seed: number }) => number;
  open: (request: { transport: Transport; port: number; connections: number }) => Promise<number>;
  run: (request: ProduceRun) => Promise<ProduceResult>;
};

export interface ProduceRun {
  /** The connections, as `open` answered. */
  readonly load: number;
  readonly topic: string;
  /** 1, or -1 for all. */
  readonly acks: number;
  readonly requests: number;
}

export interface ProduceResult {
  /** From the first send to the last acknowledgement. */
  readonly milliseconds: number;
  /** Of sealed batches. */
  readonly bytes: number;
  /** From a request's send to its acknowledgement, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export const RECORD_BYTES = 1024;
const BATCH_BYTES = 64 * 1024;
/** Different batches, sent in turn. */
const BATCHES = 16;
const ANSWER_BYTES_MAX = 1024;
/** Flexible, and with topic names. */
const VERSION = 9;
const TIMEOUT_MS = 30_000;

/** Sends a request that is framed for the connection's transport and hands over the answer. */
type Send = (framed: Uint8Array, onAnswer: (answer: Uint8Array) => void) => void;

interface Load {
  readonly connections: readonly Send[];
  readonly frame: (message: Uint8Array) => Uint8Array;
}

const loads: Load[] = [];
let batches: readonly Uint8Array[] = [];
let lost: (reason: string) => void = () => {};
const onLost = (reason: string): void => lost(reason);

const commands: LoadGeneratorCommands = {
  prepare: ({ root, seed }) => {
    const engine = loadEngine(root);
    // A record adds less than 16 bytes to its value here, the batch 61.
    const recordsEach = Math.floor(BATCH_BYTES / (RECORD_BYTES + 16));
    const values = clickStreamRecords(seed, BATCHES * recordsEach, RECORD_BYTES);
    batches = Array.from({ length: BATCHES }, (_, index) =>
      engine.writeBatch(
        values
          .slice(index * recordsEach, (index + 1) * recordsEach)
          .map((value) => ({ key: null, value, timestamp: Date.now() })),
        { codec: CODEC_NONE, producerId: -1n, producerEpoch: -1, baseSequence: -1, bytesMax: BATCH_BYTES },
      ),
    );
    return recordsEach;
  },

  open: async ({ transport, port, connections }) => {
    const open = transports[transport];
    const opened = Array.from({ length: connections }, () => open.connect(port));
    return loads.push({ connections: await Promise.all(opened), frame: open.frame }) - 1;
  },

  run: ({ load: index, topic, acks, requests }) => {
    const load = loads[index];
    if (load === undefined || batches.length === 0) throw new Error("the load generator is not prepared");
    const prepared = batches.map((records) => {
      const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
      const body = { transactionalId: null, acks, timeoutMs: TIMEOUT_MS, topicData };
      return {
        bytes: records.length,
        framed: load.frame(encodeRequest(produce, VERSION, { correlationId: 1, clientId: CLIENT_ID }, body)),
      };
    });
    const latencies = buildHistogram({
      lowestDiscernibleValue: 1,
      highestTrackableValue: 60_000_000,
      numberOfSignificantValueDigits: 3,
    });
    return new Promise((resolve, reject) => {
      lost = (reason) => reject(new Error(reason));
      let sent = 0;
      let acknowledged = 0;
      let bytes = 0;
      const begin = performance.now();
      const sendNext = (send: Send): void => {
        const request = prepared[sent % prepared.length];
        if (sent === requests || request === undefined) return;
        sent++;
        const sentAt = performance.now();
        send(request.framed, (answer) => {
          const now = performance.now();
          const failure = failureOf(answer);
          if (failure !== undefined) return reject(new Error(failure));
          latencies.recordValue(Math.round((now - sentAt) * 1000));
          bytes += request.bytes;
          acknowledged++;
          if (acknowledged < requests) return sendNext(send);
          const percentile = (percent: number): number => latencies.getValueAtPercentile(percent) / 1000;
          resolve({ milliseconds: now - begin, bytes, p50: percentile(50), p99: percentile(99) });
        });
      };
      for (const send of load.connections) sendNext(send);
    });
  },
};

const transports: Record<Transport, { connect: (port: number) => Promise<Send>; frame: Load["frame"] }> = {
  TCP: {
    connect: async (port) => {
      const client = await openKafkaClient(port, onLost);
      return (framed, onAnswer) => client.sendFramed(framed, onAnswer);
    },
    frame: withLength,
  },
  WebSocket: {
    connect: async (port) => {
      const waiting: ((answer: Uint8Array) => void)[] = [];
      const socket = await openWebSocket({
        port,
        path: "/ws",
        protocol: "rivulet.kafka.v1",
        prefixBytes: ANSWER_BYTES_MAX,
        onLost,
        onFrame: (opcode, _length, answer) => {
          if (opcode === BINARY) waiting.shift()?.(answer);
        },
      });
      return (framed, onAnswer) => {
        waiting.push(onAnswer);
        socket.sendFrames(framed);
      };
    },
    frame: (message) => clientFrame(message),
  },
};

function failureOf(answer: Uint8Array): string | undefined {
  const { body } = decodeResponse(produce, VERSION, answer);
  const partition = body.responses[0]?.partitionResponses[0];
  if (partition?.errorCode === 0) return undefined;
  return `the gateway refused a batch: error ${partition?.errorCode}, ${partition?.errorMessage}`;
}

serveParent(commands);
