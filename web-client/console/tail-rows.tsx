import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { useConsole } from "./context.ts";
import { formatTime, preview, type Preview } from "./format.ts";
import type { TailRow } from "./tail-buffer.ts";

/** Heights that `styles.css` gives a row: `--row-height`. */
const ROW_PX = 26;
const NARROW_ROW_PX = 44;
const NARROW = matchMedia("(max-width: 719px)");
/** Rows drawn above and below what is seen, so that a fast scroll shows no holes. */
const OVERSCAN = 12;
/** A longer key is cut in the tail; the record shows all of it. */
const KEY_CHARS = 24;
const VALUE_CHARS = 300;

interface TailRowsProps {
  /** Oldest first. */
  rows: readonly TailRow[];
  /** Stay at the newest row as rows come. */
  isFollowing: boolean;
  /** Begin at the top of this page; undefined: there are no pages. */
  topOf: number | undefined;
  showsPartition: boolean;
  /** The reader has gone up, away from the newest row. */
  onLeaveEnd: () => void;
  onReachEnd: () => void;
}

/** The rows in sight, of however many there are. Arrow keys move from record to record. */
export function TailRows({
  rows,
  isFollowing,
  topOf,
  showsPartition,
  onLeaveEnd,
  onReachEnd,
}: TailRowsProps) {
  const { selected } = useConsole();
  const viewport = useRef<HTMLDivElement>(null);
  const scrollTop = useSignal(0);
  const height = useSignal(0);
  const rowPx = useSignal(NARROW.matches ? NARROW_ROW_PX : ROW_PX);

  useEffect(() => {
    const element = viewport.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      rowPx.value = NARROW.matches ? NARROW_ROW_PX : ROW_PX;
      height.value = element.clientHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // After every render: the newest row stays in sight, in the same frame in which it came.
  useLayoutEffect(() => {
    const element = viewport.current;
    if (element !== null && isFollowing) element.scrollTop = element.scrollHeight;
  });

  useLayoutEffect(() => {
    if (viewport.current !== null && topOf !== undefined) viewport.current.scrollTop = 0;
  }, [topOf]);

  const isAtEnd = ({ scrollHeight, scrollTop: top, clientHeight }: HTMLElement): boolean =>
    scrollHeight - top - clientHeight < rowPx.value;
  const onScroll = (event: Event): void => {
    const element = event.currentTarget as HTMLElement;
    scrollTop.value = element.scrollTop;
    if (isAtEnd(element)) onReachEnd();
    else onLeaveEnd();
  };
  // Done with reading a record that stood at the end.
  useSignalEffect(() => {
    const element = viewport.current;
    if (selected.value === undefined && element !== null && isAtEnd(element)) onReachEnd();
  });

  // Columns are as wide as what they have held so far: they grow, and never shrink under the reader's eyes.
  const widths = useRef({ time: 12, offset: 6, key: 3 });
  const first = Math.max(0, Math.floor(scrollTop.value / rowPx.value) - OVERSCAN);
  const last = Math.min(rows.length, Math.ceil((scrollTop.value + height.value) / rowPx.value) + OVERSCAN);
  const selectedAt = selected.value === undefined ? -1 : rows.indexOf(selected.value);

  const select = (index: number): void => {
    const row = rows[Math.min(rows.length - 1, Math.max(0, index))];
    if (row !== undefined) selected.value = row;
  };
  const moveTo = (index: number): void => {
    const at = Math.min(rows.length - 1, Math.max(0, index));
    onLeaveEnd();
    select(at);
    const element = viewport.current;
    if (element === null) return;
    const top = at * rowPx.value;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowPx.value > element.scrollTop + element.clientHeight)
      element.scrollTop = top + rowPx.value - element.clientHeight;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(height.value / rowPx.value) - 1);
    const from = selectedAt === -1 ? rows.length : selectedAt;
    const targets: Record<string, number> = {
      ArrowUp: from - 1,
      ArrowDown: from + 1,
      PageUp: from - page,
      PageDown: from + page,
      Home: 0,
      End: rows.length - 1,
    };
    const target = targets[event.key];
    if (target !== undefined) moveTo(target);
    else if (event.key === "Escape") selected.value = undefined;
    else return;
    event.preventDefault();
  };

  const now = Date.now();
  const seen = rows.slice(first, last).map((row): RowText => ({
    row,
    time: formatTime(row.timestamp, now),
    offset: String(row.offset),
    key: preview(row.key, KEY_CHARS),
    value: preview(row.value, VALUE_CHARS),
  }));
  for (const { time, offset, key } of seen) {
    widths.current.time = Math.max(widths.current.time, time.length);
    widths.current.offset = Math.max(widths.current.offset, offset.length);
    if (key.kind !== "null")
      widths.current.key = Math.max(widths.current.key, Math.min(KEY_CHARS, key.text.length));
  }
  return (
    <div
      class={showsPartition ? "rows with-partition" : "rows"}
      role="grid"
      aria-label="Records: arrow keys move from one to the next"
      aria-rowcount={rows.length + 1}
      aria-activedescendant={selectedAt >= first && selectedAt < last ? `row-${selectedAt}` : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
      style={{
        "--time-width": `${widths.current.time}ch`,
        "--offset-width": `${widths.current.offset}ch`,
        "--key-width": `${widths.current.key}ch`,
      }}
    >
      <div class="row row-head" role="row" aria-rowindex={1}>
        <span role="columnheader">Time</span>
        {showsPartition && (
          <span role="columnheader" class="number" title="Partition">
            P
          </span>
        )}
        <span role="columnheader" class="number">
          Offset
        </span>
        <span role="columnheader">Key</span>
        <span role="columnheader">Value</span>
      </div>
      {/* The grid takes the keys; a scroller of its own in the tab order would be one stop too many. */}
      <div ref={viewport} class="viewport" role="rowgroup" tabIndex={-1} onScroll={onScroll}>
        <div class="all-rows" role="presentation" style={{ height: `${rows.length * rowPx.value}px` }}>
          {seen.map((text, at) => (
            <Row
              key={(first + at) % seen.length}
              text={text}
              index={first + at}
              top={(first + at) * rowPx.value}
              isSelected={first + at === selectedAt}
              showsPartition={showsPartition}
              onSelect={(index) => {
                // What is being read stands still.
                onLeaveEnd();
                select(index);
              }}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

interface RowText {
  row: TailRow;
  time: string;
  offset: string;
  key: Preview;
  value: Preview;
}

interface RowProps {
  text: RowText;
  index: number;
  top: number;
  isSelected: boolean;
  showsPartition: boolean;
  onSelect: (index: number) => void;
}

function Row({
  text: { row, time, offset, key, value },
  index,
  top,
  isSelected,
  showsPartition,
  onSelect,
}: RowProps) {
  return (
    <div
      id={`row-${index}`}
      class="row"
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onSelect(index)}
    >
      <span role="gridcell" class="time">
        {time}
      </span>
      {showsPartition && (
        <span role="gridcell" class="number">
          {row.partition}
        </span>
      )}
      <span role="gridcell" class="number">
        {offset}
      </span>
      <span role="gridcell" class="key" data-kind={key.kind}>
        {key.kind === "null" ? "" : key.text}
      </span>
      <span role="gridcell" class="text" data-kind={value.kind}>
        {value.text}
      </span>
    </div>
  );
}
