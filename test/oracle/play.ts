/** Plays all scripts to both brokers, and gathers where their answers differ. */
import { apiVersions } from "../../wire/apis/api-versions.ts";
import type { Api } from "../../wire/api.ts";
import { forEachAtMost } from "../../log/turns.ts";
import { ProtocolClient } from "../gateway/protocol-client.ts";
import { divergences, type Divergence } from "./compare.ts";
import { Talk, type ApiScripts, type Peer, type Script, type Step } from "./script.ts";

/** A difference between the brokers' answers at one place, with all the versions in which it shows. */
export interface Observed extends Divergence {
  readonly api: string;
  readonly script: string;
  readonly step: string;
  readonly versions: readonly number[];
}

export interface Played {
  readonly observed: readonly Observed[];
  /** Scripts that were played, each in one version. */
  readonly plays: number;
  /** Answers that were compared. */
  readonly answers: number;
  /** Keys of APIs that both brokers serve and no script is about. */
  readonly unplayed: readonly number[];
  /** By API: the first and the last version that was played. */
  readonly versions: ReadonlyMap<string, readonly [number, number]>;
}

export interface Peers {
  readonly kafka: Peer;
  readonly rivulet: Peer;
}

/** Scripts that are played at the same time: most of their time is waiting for disks. */
const AT_ONCE = 4;

export async function playAll(all: readonly ApiScripts[], peers: Peers): Promise<Played> {
  const shared = await sharedVersions(peers);
  const versions = new Map(all.map(({ api }) => [api.name, playedVersions(api, shared)]));
  const plays = all.flatMap(({ api, scripts }) =>
    scripts.flatMap((script) =>
      within(versions.get(api.name) ?? NO_VERSIONS, script.versions).map((version) => ({
        api,
        script,
        version,
      })),
    ),
  );
  const observed = new Map<string, Observed & { versions: number[] }>();
  let answers = 0;
  await forEachAtMost(AT_ONCE, [...plays.entries()], async ([number, { api, script, version }]) => {
    const prefix = `o${number}-`;
    const [kafka, rivulet] = await Promise.all([
      play(script, new Talk({ api, version, peer: peers.kafka, prefix })),
      play(script, new Talk({ api, version, peer: peers.rivulet, prefix })),
    ]);
    answers += kafka.length;
    for (const found of differing(kafka, rivulet)) {
      const key = [api.name, script.name, found.step, found.path, found.kafka, found.rivulet].join("\n");
      const known = observed.get(key);
      if (known === undefined)
        observed.set(key, { api: api.name, script: script.name, ...found, versions: [version] });
      else known.versions.push(version);
    }
  });
  const played = new Set(all.map(({ api }) => api.key));
  const unplayed = [...shared.keys()].filter((key) => !played.has(key));
  return { observed: [...observed.values()], plays: plays.length, answers, unplayed, versions };
}

const NO_VERSIONS = [0, -1] as const;

/** The first and the last version that both brokers advertise, and that has a table here. */
function playedVersions(
  api: Api,
  shared: ReadonlyMap<number, readonly [number, number]>,
): readonly [number, number] {
  const range = shared.get(api.key);
  if (range === undefined) throw new Error(`${api.name} is not advertised by both brokers`);
  return [Math.max(range[0], api.minVersion), Math.min(range[1], api.maxVersion)];
}

function within(
  [first, last]: readonly [number, number],
  bounds: readonly [number, number] = [first, last],
): number[] {
  const from = Math.max(first, bounds[0]);
  return Array.from(
    { length: Math.max(0, Math.min(last, bounds[1]) - from + 1) },
    (_, index) => from + index,
  );
}

async function play(script: Script, talk: Talk): Promise<readonly Step[]> {
  try {
    await script.run(talk);
  } catch (error) {
    talk.note("the script broke off", error instanceof Error ? error.message : String(error));
  } finally {
    await talk.close();
  }
  return talk.steps;
}

function differing(kafka: readonly Step[], rivulet: readonly Step[]): (Divergence & { step: string })[] {
  return Array.from({ length: Math.max(kafka.length, rivulet.length) }, (_, at) => {
    const step = kafka[at]?.name ?? rivulet[at]?.name ?? "";
    const isSame = kafka[at]?.name === rivulet[at]?.name;
    const found = isSame
      ? divergences(kafka[at]?.answer, rivulet[at]?.answer)
      : [
          {
            path: "the script",
            kafka: kafka[at]?.name ?? "has ended",
            rivulet: rivulet[at]?.name ?? "has ended",
          },
        ];
    return found.map((divergence) => ({ step, ...divergence }));
  }).flat();
}

/** By API key the versions that both advertise. */
async function sharedVersions({ kafka, rivulet }: Peers): Promise<Map<number, readonly [number, number]>> {
  const [theirs, ours] = [await advertised(kafka), await advertised(rivulet)];
  const shared = new Map<number, readonly [number, number]>();
  for (const [key, [min, max]] of ours) {
    const other = theirs.get(key);
    if (other !== undefined) shared.set(key, [Math.max(min, other[0]), Math.min(max, other[1])]);
  }
  return shared;
}

async function advertised({ port }: Peer): Promise<Map<number, readonly [number, number]>> {
  const client = await ProtocolClient.tcp(port);
  const { apiKeys } = await client.request(apiVersions, 0, {});
  await client.close();
  return new Map(apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion]]));
}
