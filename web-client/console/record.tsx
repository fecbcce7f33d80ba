import { useSignal } from "@preact/signals";
import { Fragment } from "preact";
import { useMemo } from "preact/hooks";
import { useConsole } from "./context.ts";
import { CopyButton } from "./copy-button.tsx";
import { decodeText, formatBytes, formatTimeFull, hexDump, prettyJson, preview } from "./format.ts";
import type { JsonToken } from "./format.ts";
import { Icon } from "./icons.tsx";
import type { TailRow } from "./tail-buffer.ts";

/** More of a value than this is not laid out; copying takes all of it. */
const TEXT_CHARS_MAX = 500_000;
const HEX_BYTES_MAX = 16_384;
/** Beyond this the colours cost more than they help. */
const COLOURED_TOKENS_MAX = 5_000;

const forms = ["JSON", "Text", "Hex"] as const;
type Form = (typeof forms)[number];

/** One record, whole. */
export function RecordPane() {
  const { selected, chosenName } = useConsole();
  const row = selected.value;
  if (row === undefined) return null;
  return (
    <aside class="record" aria-labelledby="record-title">
      <div class="pane-head">
        <h2 id="record-title">
          Record {row.partition}/{String(row.offset)}
        </h2>
        <button type="button" class="plain" aria-label="Close" onClick={() => (selected.value = undefined)}>
          <Icon name="close" />
        </button>
      </div>
      <div class="record-body">
        <dl>
          <dt>Topic</dt>
          <dd>{chosenName.value}</dd>
          <dt>Partition</dt>
          <dd>{row.partition}</dd>
          <dt>Offset</dt>
          <dd>{String(row.offset)}</dd>
          <dt>Time</dt>
          <dd>{formatTimeFull(row.timestamp)}</dd>
          <dt>Key</dt>
          <dd>
            <Inline bytes={row.key} none="none" />
          </dd>
        </dl>
        {row.headers.length > 0 && <Headers row={row} />}
        <Value key={`${row.partition}/${row.offset}`} bytes={row.value} />
      </div>
    </aside>
  );
}

function Headers({ row }: { row: TailRow }) {
  return (
    <>
      <h3>Headers</h3>
      <dl>
        {row.headers.map(({ key, value }, at) => (
          // Keys of headers may repeat.
          <Fragment key={at}>
            <dt>{key}</dt>
            <dd>
              <Inline bytes={value} none="null" />
            </dd>
          </Fragment>
        ))}
      </dl>
    </>
  );
}

function Inline({ bytes, none }: { bytes: Uint8Array | null; none: string }) {
  const { kind, text } = preview(bytes, 2_000);
  return <code data-kind={kind}>{kind === "null" ? none : text}</code>;
}

function Value({ bytes }: { bytes: Uint8Array | null }) {
  const wanted = useSignal<Form | undefined>(undefined);
  const text = useMemo(() => (bytes === null ? undefined : decodeText(bytes)), [bytes]);
  const json = useMemo(
    () => (text === undefined || text.length > TEXT_CHARS_MAX ? undefined : prettyJson(text)),
    [text],
  );
  const offered: Record<Form, boolean> = { JSON: json !== undefined, Text: text !== undefined, Hex: true };
  const best = forms.find((form) => offered[form]) ?? "Hex";
  const form = wanted.value !== undefined && offered[wanted.value] ? wanted.value : best;

  return (
    <section class="value">
      <div class="value-head">
        <h3>Value {bytes !== null && <span class="count">{formatBytes(bytes.length)}</span>}</h3>
        {bytes !== null && bytes.length > 0 && (
          <>
            <div class="choice" role="group" aria-label="Show the value as">
              {forms.map((each) => (
                <button
                  key={each}
                  type="button"
                  aria-pressed={form === each}
                  disabled={!offered[each]}
                  onClick={() => (wanted.value = each)}
                >
                  {each}
                </button>
              ))}
            </div>
            <CopyButton what="the value" text={() => text ?? hexDump(bytes, bytes.length)} />
          </>
        )}
      </div>
      {bytes === null && <p class="quiet">null: a tombstone. Compaction removes what its key had before.</p>}
      {bytes?.length === 0 && <p class="quiet">Empty: no bytes at all.</p>}
      {bytes !== null && bytes.length > 0 && (
        // Scrolls by itself, so the keyboard must be able to reach it.
        <pre tabIndex={0} data-form={form}>
          {form === "JSON" && json !== undefined && <Json tokens={json} />}
          {form === "Text" && text !== undefined && cut(text)}
          {form === "Hex" && hexDump(bytes, HEX_BYTES_MAX)}
        </pre>
      )}
      {form === "Text" && text !== undefined && text.length > TEXT_CHARS_MAX && (
        <p class="quiet">Cut here. Copy takes all of it.</p>
      )}
      {form === "Hex" && bytes !== null && bytes.length > HEX_BYTES_MAX && (
        <p class="quiet">The first {formatBytes(HEX_BYTES_MAX)}.</p>
      )}
    </section>
  );
}

function cut(text: string): string {
  return text.length > TEXT_CHARS_MAX ? text.slice(0, TEXT_CHARS_MAX) : text;
}

function Json({ tokens }: { tokens: readonly JsonToken[] }) {
  if (tokens.length > COLOURED_TOKENS_MAX) return <>{tokens.map(({ text }) => text).join("")}</>;
  return (
    <>
      {tokens.map(({ kind, text }, at) =>
        kind === "punctuation" ? (
          text
        ) : (
          <span key={at} class={`json-${kind}`}>
            {text}
          </span>
        ),
      )}
    </>
  );
}
