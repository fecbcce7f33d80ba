/** The few signs that the page uses, drawn on a 16 by 16 grid. They always stand beside words or an `aria-label`. */
const paths = {
  add: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  down: "M8 3v10M4 9l4 4 4-4",
  device: "M4.5 1.5h7v13h-7zM7 12.5h2",
  groups:
    "M5.5 7a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM2 13c0-2.5 1.5-4 3.5-4S9 10.5 9 13M11 7.5a1.6 1.6 0 1 0 0-3.2M10.5 9.2c2 0 3.5 1.3 3.5 3.8",
  pause: "M5 3v10M11 3v10",
  play: "M5 3l8 5-8 5z",
  records: "M2 4h12M2 8h12M2 12h8",
  send: "M2 8l12-5.5L9.5 14 7.6 8.9z",
  topics: "M2.5 3.5h11v4h-11zM2.5 9.5h11v4h-11z",
} as const;

export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
