/** Writes a record to every partition of a topic again and again, and knows what was acknowledged. */
import type { Producer } from "kafkajs";
import { createTopics, kafkajsClient } from "../clients/kafkajs.ts";

const BETWEEN_ROUNDS_MS = 100;

export class Feeder {
  private readonly acknowledged: number[];
  private stopping = false;
  private readonly rounds: Promise<void>;
  /** Rejects when something was not acknowledged. */
  readonly failed: Promise<void>;
  private wake: () => void = () => {};

  private constructor(
    private readonly producer: Producer,
    private readonly topic: string,
    private readonly partitions: number,
  ) {
    this.acknowledged = Array.from({ length: partitions }, () => 0);
    this.rounds = this.run();
    this.failed = this.rounds;
    // Who stops it, or looks, hears of it.
    this.rounds.catch(() => undefined);
  }

  /** The topic is created, or has so many partitions. */
  static async start(broker: string, topic: string, partitions: number): Promise<Feeder> {
    await createTopics(broker, [topic], partitions);
    const producer = kafkajsClient(broker).producer();
    await producer.connect();
    return new Feeder(producer, topic, partitions);
  }

  /** Where each partition ends, as far as its records are acknowledged. */
  ends(): number[] {
    return [...this.acknowledged];
  }

  /** Writes no more; resolves to where each partition ends, and rejects when something was not acknowledged. */
  async stop(): Promise<number[]> {
    this.stopping = true;
    this.wake();
    await this.rounds;
    return this.ends();
  }

  private async run(): Promise<void> {
    try {
      for (let round = 0; !this.stopping; round += 1) {
        const messages = Array.from({ length: this.partitions }, (_, partition) => ({
          partition,
          value: `round ${round}`,
        }));
        for (const { partition, baseOffset } of await this.producer.send({ topic: this.topic, messages }))
          this.acknowledged[partition] = Number(baseOffset) + 1;
        await new Promise<void>((resolve) => {
          this.wake = resolve;
          setTimeout(resolve, BETWEEN_ROUNDS_MS);
        });
      }
    } finally {
      await this.producer.disconnect();
    }
  }
}
