"""A host of engine.wasm in another language, on another WebAssembly runtime, written from engine-as/FORMAT.md alone.

  wasmtime_host.py vectors ENGINE VECTORS   runs the golden vectors; prints {"vectors", "calls", "mismatches"}
                                            VECTORS may be -: standard input
  wasmtime_host.py log ENGINE               writes, scans and reads a small log; prints what it made, for others to judge

Needs the package wasmtime. Both commands print JSON and end with 0 unless they could not do their work at all.
"""

import base64
import gzip
import json
import struct
import sys
from dataclasses import dataclass, field

import wasmtime

HEAP_AT = 1048576
SLACK_BYTES = 32
PAGE_BYTES = 65536
GUARD = b"\xa5"

OK, TORN, UNSUPPORTED_CODEC = 0, -1, -7
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}

# FORMAT.md, "Batch": up to and with recordsCount. Big-endian.
BATCH_HEADER = struct.Struct(">qiibIhiqqqhii")
# FORMAT.md, "Tables". Little-endian.
DESCRIPTOR = struct.Struct("<qiIiIiIiI")
HEADER_ENTRY = struct.Struct("<IiIi")
SCAN_STATE = struct.Struct("<qqqqqIiiIIiiiI4x")
SCANNED = struct.Struct("<qqqqIiiiiii4x")
RECORD_TIMES = struct.Struct("<qq")
# FORMAT.md, "Indexes". Big-endian.
OFFSET_ENTRY = struct.Struct(">ii")
TIME_ENTRY = struct.Struct(">qi")

assert BATCH_HEADER.size == 61 and DESCRIPTOR.size == 40 and HEADER_ENTRY.size == 16
assert SCAN_STATE.size == 80 and SCANNED.size == 64 and OFFSET_ENTRY.size == 8 and TIME_ENTRY.size == 12


class Engine:
    """An instance of engine.wasm and its memory."""

    def __init__(self, path):
        engine = wasmtime.Engine()
        self.store = wasmtime.Store(engine)
        instance = wasmtime.Instance(self.store, wasmtime.Module.from_file(engine, path), [])
        self.exports = instance.exports(self.store)
        self.memory = self.exports["memory"]

    def call(self, name, *values):
        """Calls an export; a CRC is taken as unsigned."""
        answer = self.exports[name](self.store, *values)
        return answer & 0xFFFFFFFF if name == "crc32c" else answer

    def read(self, at, length):
        return bytes(self.memory.read(self.store, at, at + length))

    def write(self, at, data):
        if data:
            self.memory.write(self.store, data, at)

    @property
    def end(self):
        return self.memory.data_len(self.store)

    def ensure(self, end):
        if end > self.end:
            self.memory.grow(self.store, -(-(end - self.end) // PAGE_BYTES))


@dataclass
class Region:
    at: int
    size: int
    given: bytes | None = None


@dataclass
class Layout:
    """Regions one after the other, each with its slack, and guards all around them."""

    engine: Engine
    regions: dict[str, Region] = field(default_factory=dict)
    end: int = HEAP_AT + SLACK_BYTES

    def add(self, name, what):
        """A region that holds bytes, or room for so many of them."""
        given = None if isinstance(what, int) else bytes(what)
        size = what if given is None else len(given)
        self.regions[name] = Region(self.end, size, given)
        self.end += size + SLACK_BYTES

    def put(self):
        self.engine.ensure(self.end)
        self.engine.write(HEAP_AT, GUARD * (self.end - HEAP_AT))
        for region in self.regions.values():
            self.engine.write(region.at, region.given or b"")

    def at(self, name):
        return self.regions[name].at

    def size(self, name):
        return self.regions[name].size

    def read(self, name, length=None):
        return self.engine.read(self.at(name), self.size(name) if length is None else length)

    def touched(self):
        """What was written outside of the outputs, in words."""
        memory = self.engine.read(HEAP_AT, self.end - HEAP_AT)
        wrong = []
        before = HEAP_AT
        for name, region in self.regions.items():
            if memory[before - HEAP_AT : region.at - HEAP_AT].strip(GUARD):
                wrong.append(f"wrote before {name}")
            before = region.at + region.size
            if region.given is not None and memory[region.at - HEAP_AT : before - HEAP_AT] != region.given:
                wrong.append(f"changed {name}")
        if memory[before - HEAP_AT :].strip(GUARD):
            wrong.append("wrote behind the last region")
        return wrong


def laid_out(engine, **what):
    layout = Layout(engine)
    for name, each in what.items():
        layout.add(name, each)
    layout.put()
    return layout


# Golden vectors: test/engine/golden/README.md.


def bytes_of(expression, named):
    if isinstance(expression, str):
        return bytes.fromhex(expression)
    if isinstance(expression, list):
        return b"".join(bytes_of(part, named) for part in expression)
    if "base64" in expression:
        return base64.b64decode(expression["base64"])
    if "name" in expression:
        return bytes_of(named[expression["name"]], named)
    return bytes_of(expression["repeat"], named) * expression["times"]


def value_of(argument, layout):
    if isinstance(argument, int):
        return argument
    if argument == "@end":
        return layout.engine.end
    if argument[0] == "#":
        return layout.size(argument[1:])
    if argument[0] == "@":
        name, _, plus = argument[1:].partition("+")
        return layout.at(name) + int(plus or 0)
    return int(argument.removesuffix("n"))


def run_step(step, layout, named):
    """What is wrong with a step, in words."""
    values = [value_of(argument, layout) for argument in step["arguments"]]
    status = layout.engine.call(step["call"], *values)
    wrong = [] if status == step["status"] else [f"answered {status}, not {step['status']}"]
    for name, expression in step.get("after", {}).items():
        expected = bytes_of(expression, named)
        if layout.read(name, len(expected)) != expected:
            wrong.append(f"{name} differs")
        region = layout.regions[name]
        if region.given is not None:
            region.given = layout.read(name)
    return wrong + layout.touched()


def run_vectors(engine, file):
    mismatches = []
    calls = 0
    for vector in file["vectors"]:
        regions = vector["regions"].items()
        given = {name: what if isinstance(what, int) else bytes_of(what, file["bytes"]) for name, what in regions}
        layout = laid_out(engine, **given)
        for number, step in enumerate(vector["steps"], 1):
            calls += 1
            wrong = run_step(step, layout, file["bytes"])
            mismatches += [f"{vector['name']}, step {number}, {step['call']}: {what}" for what in wrong]
    return {"vectors": len(file["vectors"]), "calls": calls, "mismatches": mismatches}


# A whole job: records in, a segment with its indexes, records out.


@dataclass
class Record:
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def length_of(data):
    return -1 if data is None else len(data)


def pack(records, base_timestamp):
    """The table and the data that writeBatch takes."""
    entries_size = HEADER_ENTRY.size * sum(len(record.headers) for record in records)
    table, entries, data = b"", b"", b""

    def place(piece):
        nonlocal data
        at = entries_size + len(data)
        data += piece or b""
        return at, length_of(piece)

    for index, record in enumerate(records):
        first_entry = len(entries)
        for key, value in record.headers:
            entries += HEADER_ENTRY.pack(*place(key.encode()), *place(value))
        delta = record.timestamp - base_timestamp
        table += DESCRIPTOR.pack(
            delta, index, *place(record.key), *place(record.value), first_entry, len(record.headers), 0
        )
    return table, entries + data


def write_batch(engine, records, codec, base_offset, leader_epoch):
    """A sealed batch, stamped as a leader does."""
    base_timestamp = records[0].timestamp
    table, data = pack(records, base_timestamp)
    # No varint of an int32 has more than 5 bytes, none of an int64 more than 10.
    plain_max = sum(64 + 10 * len(record.headers) for record in records) + len(data)
    body_max = engine.call("compressedBytesMax", codec, plain_max) if codec else plain_max
    if body_max < 0:
        raise RuntimeError(f"codec {codec}: compressedBytesMax answered {body_max}")
    layout = laid_out(engine, table=table, data=data, output=61 + body_max, scratch=plain_max if codec else 0)
    size = engine.call(
        "writeBatch",
        layout.at("table"),
        len(records),
        layout.at("data"),
        layout.size("data"),
        layout.at("output"),
        layout.size("output"),
        layout.at("scratch"),
        layout.size("scratch"),
        codec,
        base_timestamp,
        -1,
        -1,
        -1,
    )
    if size < 0 or layout.touched():
        raise RuntimeError(f"writeBatch answered {size}; {layout.touched()}")
    batch = bytearray(layout.read("output", size))
    struct.pack_into(">q", batch, 0, base_offset)
    struct.pack_into(">i", batch, 12, leader_epoch)
    return bytes(batch)


def skip_header(records, at):
    """The header at a position of a batch's records, and the position after it."""

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = records[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return (value >> 1) ^ -(value & 1)

    def piece():
        nonlocal at
        length = varint()
        if length < 0:
            return None
        at += length
        return records[at - length : at]

    return (piece().decode(), piece()), at


def read_batch(engine, batch):
    """The records of a batch, after every check that there is."""
    fields = BATCH_HEADER.unpack_from(batch)
    attributes, last_delta, base_timestamp, count = fields[5], fields[6], fields[7], fields[12]
    codec = attributes & 7
    # Room is doubled until it is enough, as a host does that has not been told.
    room = 1000
    while True:
        layout = laid_out(engine, batch=batch, scratch=room, times=RECORD_TIMES.size)
        sound = engine.call("checkBatch", layout.at("batch"), len(batch))
        checked = engine.call(
            "checkRecords", layout.at("batch"), len(batch), layout.at("scratch"), room, layout.at("times")
        )
        if checked != -8:
            break
        room *= 2
    if sound != len(batch) or checked != count or layout.touched():
        raise RuntimeError(f"checkBatch answered {sound}, checkRecords {checked}; {layout.touched()}")
    times = RECORD_TIMES.unpack(layout.read("times"))

    records = batch[61:]
    if codec:
        layout = laid_out(engine, source=records, output=room)
        size = engine.call("decompress", codec, layout.at("source"), len(records), layout.at("output"), room)
        if size < 0 or layout.touched():
            raise RuntimeError(f"decompress answered {size}; {layout.touched()}")
        records = layout.read("output", size)
    layout = laid_out(engine, records=records, table=count * DESCRIPTOR.size)
    end = engine.call(
        "readRecords", layout.at("records"), len(records), 0, count, -1, last_delta, layout.at("table")
    )
    if end != len(records) or layout.touched():
        raise RuntimeError(f"readRecords answered {end}; {layout.touched()}")

    def slice_of(at, length):
        return None if length < 0 else records[at : at + length]

    found = []
    for entry in DESCRIPTOR.iter_unpack(layout.read("table")):
        delta, offset_delta, key, key_length, value, value_length, at, headers_count, _ = entry
        headers = []
        for _ in range(headers_count):
            header, at = skip_header(records, at)
            headers.append(header)
        record = Record(base_timestamp + delta, slice_of(key, key_length), slice_of(value, value_length), headers)
        found.append((fields[0] + offset_delta, record))
    stamps = [record.timestamp for _, record in found]
    if times != (min(stamps), max(stamps)):
        raise RuntimeError(f"the times are {times}")
    return found


def scan(engine, segment, piece_bytes, interval):
    """Walks a segment in pieces with a table of two batches; the batches it holds, and both indexes."""
    base_offset = struct.unpack_from(">q", segment)[0]
    state = SCAN_STATE.pack(base_offset, base_offset, -1, 0, -1, 0, interval, 1 << 20, 0, 0, 0, 0, 0, 0)
    batches, offset_index, time_index = [], b"", b""
    at, length = 0, piece_bytes
    while at < len(segment):
        piece = segment[at : at + length]
        layout = laid_out(
            engine,
            state=state,
            bytes=piece,
            batches=2 * SCANNED.size,
            offsets=2 * OFFSET_ENTRY.size,
            times=2 * TIME_ENTRY.size,
        )
        names = ["state", "bytes", "batches", "offsets", "times"]
        at_of = {name: layout.at(name) for name in names}
        status = engine.call(
            "scanSegment", at_of["state"], at_of["bytes"], len(piece), at_of["batches"], 2, at_of["offsets"], at_of["times"]
        )
        if status not in (OK, TORN):
            raise RuntimeError(f"scanSegment answered {status} at {at}")
        state = layout.read("state")
        consumed, count, offset_entries, time_entries, wanted = SCAN_STATE.unpack(state)[9:14]
        batches += list(SCANNED.iter_unpack(layout.read("batches", count * SCANNED.size)))
        offset_index += layout.read("offsets", offset_entries * OFFSET_ENTRY.size)
        time_index += layout.read("times", time_entries * TIME_ENTRY.size)
        at += consumed
        length = max(piece_bytes, wanted)
        if status == TORN and at + length > len(segment):
            raise RuntimeError(f"the segment is torn at {at}")
    return batches, offset_index, time_index


def crc32c(data):
    """Bit by bit, to compare with."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def keep_log(engine):
    """Writes a batch in every codec that the engine has, makes a segment of them, and reads it back."""
    codecs = {name: code for name, code in CODECS.items() if code == 0 or engine.call("compressedBytesMax", code, 1) > 0}
    base_timestamp = 1760000000000
    expected, segment = [], b""
    for number, code in enumerate(codecs.values()):
        records = [
            Record(base_timestamp + number * 1000 + at, f"key {at}".encode() if at % 3 else None, b"value " * at, [])
            for at in range(20)
        ]
        records[7].headers = [("trace", b"\x01\x02"), ("größe", None), ("", b"")]
        records[8].value = None
        base_offset = 5000 + 20 * number
        segment += write_batch(engine, records, code, base_offset, 4)
        expected += [(base_offset + at, record) for at, record in enumerate(records)]

    outcomes = [scan(engine, segment, piece_bytes, 300) for piece_bytes in (1, 17, 100, len(segment))]
    if any(outcome != outcomes[0] for outcome in outcomes):
        raise RuntimeError("a scan in other pieces found something else")
    batches, offset_index, time_index = outcomes[0]
    found = []
    for entry in batches:
        position, size = entry[4], entry[5]
        batch = segment[position : position + size]
        if crc32c(batch[21:]) != BATCH_HEADER.unpack_from(batch)[4]:
            raise RuntimeError(f"the CRC at {position} is not that of its bytes")
        found += read_batch(engine, batch)
    if found != expected:
        raise RuntimeError("what was read is not what was written")

    if "gzip" in codecs:
        exchange_gzip(engine)
    entries = len(offset_index) // OFFSET_ENTRY.size
    layout = laid_out(engine, offsets=offset_index, times=time_index)
    lookups = [engine.call("lookupOffset", layout.at("offsets"), entries, 20 * at) for at in range(len(codecs))]
    return {
        "codecs": list(codecs),
        "records": len(found),
        "segment": segment.hex(),
        "offsetIndex": offset_index.hex(),
        "timeIndex": time_index.hex(),
        "lookups": lookups,
    }


def exchange_gzip(engine):
    """Python has gzip, too: each reads what the other has written."""
    data = b"".join(b"order %d is paid\n" % at for at in range(5000))
    room = engine.call("compressedBytesMax", 1, len(data))
    layout = laid_out(engine, source=data, output=room)
    size = engine.call("compress", 1, layout.at("source"), len(data), layout.at("output"), room)
    if gzip.decompress(layout.read("output", max(size, 0))) != data:
        raise RuntimeError("Python reads something else from what the engine compressed")
    theirs = gzip.compress(data)
    layout = laid_out(engine, source=theirs, output=len(data))
    size = engine.call("decompress", 1, layout.at("source"), len(theirs), layout.at("output"), len(data))
    if size != len(data) or layout.read("output") != data:
        raise RuntimeError(f"the engine reads something else from what Python compressed: {size}")


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "vectors":
        with open(0 if arguments[2] == "-" else arguments[2], encoding="utf8") as file:
            print(json.dumps(run_vectors(Engine(arguments[1]), json.load(file))))
    elif len(arguments) == 2 and arguments[0] == "log":
        print(json.dumps(keep_log(Engine(arguments[1]))))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
