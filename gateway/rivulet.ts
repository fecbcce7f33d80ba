/** The `rivulet` command: settings in, one ready line out, and an exit code that tells how it ended. */
import { startGateway, type Gateway } from "./gateway.ts";
import { createLogger } from "./logging.ts";
import packageJson from "./package.json" with { type: "json" };
import { HelpRequested, readSettings } from "./settings.ts";
import { KafkaError } from "../wire/errors.ts";

/** A terminal may deliver one keystroke as two signals; only one that comes later than this means "now". */
const SECOND_SIGNAL_MS = 1000;

await main();

async function main(): Promise<void> {
  let gateway: Gateway;
  // A signal that comes while the log is being opened is kept until there is something to stop.
  const signalled = nextSignal();
  try {
    const settings = readSettings(process.argv.slice(2), process.env, packageJson.version);
    const log = createLogger(settings.logLevel);
    process.on("uncaughtException", (error) => {
      log.error("a fault of the gateway; it goes on", { stack: error.stack ?? error.message });
    });
    gateway = await startGateway({ settings, version: packageJson.version, log });
  } catch (error) {
    return sayWhyNot(error);
  }
  process.stdout.write(`${gateway.readyLine}\n`);
  const since = performance.now();
  const signal = await signalled;
  void nextSignal(performance.now() - since < SECOND_SIGNAL_MS ? 0 : SECOND_SIGNAL_MS).then(() =>
    process.exit(1),
  );
  process.stderr.write(`rivulet: ${signal}: answering what is in flight, then stopping\n`);
  await gateway.stop().catch(sayWhyNot);
  process.exit(0);
}

/** The first signal to stop that comes `afterMs` from now, or later. */
function nextSignal(afterMs = 0): Promise<NodeJS.Signals> {
  const since = performance.now();
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        if (performance.now() - since >= afterMs) resolve(signal);
      });
    }
  });
}

function sayWhyNot(error: unknown): void {
  if (error instanceof HelpRequested) {
    process.stdout.write(`${error.message}\n`);
    process.exit(0);
  }
  const expected = error instanceof KafkaError || !(error instanceof Error) || "code" in error;
  process.stderr.write(`rivulet: ${expected ? messageOf(error) : (error.stack ?? error.message)}\n`);
  process.exit(1);
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll("\n", " ");
}
