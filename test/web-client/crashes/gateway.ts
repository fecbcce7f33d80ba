/** A gateway of a test's own: in its process, or in one that can be killed, with a disk that forgets what it has not synced. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTopic } from "../../gateway/batches.ts";
import { ProtocolClient } from "../../gateway/protocol-client.ts";
import { guardedBy, Issuer, signIn } from "../../gateway/sign-in/issuer.ts";
import { spawnGateway } from "../../gateway/spawn-gateway.ts";
import { startTestGateway } from "../../gateway/start-gateway.ts";
import { cutPower } from "../../real-crashes/cut-power.ts";
import type { Random } from "../../sim/kernel/random.ts";
import { readSyncJournal } from "../../walk/power-loss.ts";
import type { LogAddress } from "./read-log.ts";

export interface GatewayOptions {
  /** Where pages come from, and what they name. */
  readonly origins: readonly string[];
  readonly config: Readonly<Record<string, string>>;
  /** Everybody has to sign in. */
  readonly isGuarded: boolean;
  /** It has a process of its own. */
  readonly isMortal: boolean;
}

interface Running {
  readonly httpPort: number;
  readonly kafkaPort: number;
  stop(): Promise<unknown>;
  kill(): Promise<unknown>;
}

const SLOW_DISK = new URL("../../walk/slow-disk.mjs", import.meta.url).href;
/** Somebody who only looks. */
const OBSERVER = "observer";

export class CrashGateway {
  readonly issuer: Issuer | undefined;
  private readonly directory: string;
  private readonly start: () => Promise<Running>;
  private running: Running | undefined;

  private constructor(directory: string, issuer: Issuer | undefined, start: () => Promise<Running>) {
    this.directory = directory;
    this.issuer = issuer;
    this.start = start;
  }

  static async open({ origins, config, isGuarded, isMortal }: GatewayOptions): Promise<CrashGateway> {
    const directory = await mkdtemp(join(tmpdir(), "rivulet-crash-matrix-"));
    const args = origins.flatMap((origin) => ["--allow-origin", origin]);
    for (const [name, value] of Object.entries(config)) args.push("--config", `${name}=${value}`);
    let issuer: Issuer | undefined;
    if (isGuarded) {
      issuer = await Issuer.create();
      const keys = join(directory, "jwks.json");
      await writeFile(keys, issuer.jwks);
      args.push(...guardedBy({ "sasl.oauthbearer.jwks.file": keys }));
    }
    const dataDir = join(directory, "data");
    const start = isMortal
      ? () => startProcess([...args, "--data-dir", dataDir], journalOf(directory))
      : () => startHere(args, dataDir);
    const gateway = new CrashGateway(directory, issuer, start);
    gateway.running = await start();
    return gateway;
  }

  /** 0 while it is dead. */
  get httpPort(): number {
    return this.running?.httpPort ?? 0;
  }

  get log(): LogAddress {
    return { kafkaPort: this.running?.kafkaPort ?? 0, token: this.token(OBSERVER) };
  }

  async createTopic(name: string, partitions: number): Promise<void> {
    const client = await ProtocolClient.tcp(this.log.kafkaPort);
    const token = await this.token(OBSERVER)?.();
    if (token !== undefined) await signIn(client, token);
    await createTopic(client, name, partitions);
    await client.close();
  }

  /** `kill -9`, and the disk keeps of what was not synced what it likes; answers how many bytes are gone. */
  async losePower(random: Random): Promise<number> {
    const { running } = this;
    this.running = undefined;
    await running?.kill();
    return cutPower(join(this.directory, "data"), await readSyncJournal(journalOf(this.directory)), random);
  }

  async restart(): Promise<void> {
    this.running = await this.start();
  }

  async stop(): Promise<void> {
    await this.running?.stop();
    this.running = undefined;
    await rm(this.directory, { recursive: true, force: true });
  }

  private token(subject: string): (() => Promise<string>) | undefined {
    const { issuer } = this;
    return issuer === undefined ? undefined : () => issuer.token(subject);
  }
}

function journalOf(directory: string): string {
  return join(directory, "synced");
}

async function startHere(args: readonly string[], dataDir: string): Promise<Running> {
  const gateway = await startTestGateway({ dataDir, args });
  const { httpPort, kafkaPort } = gateway;
  const stop = (): Promise<void> => gateway.stop();
  return { httpPort, kafkaPort, stop, kill: stop };
}

async function startProcess(args: readonly string[], journal: string): Promise<Running> {
  const env = { NODE_OPTIONS: `--import=${SLOW_DISK}`, SLOW_DISK_JOURNAL: journal };
  const gateway = await spawnGateway(args, env);
  const { httpPort, kafkaPort } = gateway;
  return { httpPort, kafkaPort, stop: () => gateway.kill("SIGTERM"), kill: () => gateway.kill("SIGKILL") };
}
