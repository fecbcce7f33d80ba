"""The other end of agent.ts: one line of JSON asks, one line of JSON answers; or a member of a group that prints."""

import base64
import json
import sys


def to_bytes(text):
    return None if text is None else base64.b64decode(text)


def to_text(data):
    return None if data is None else base64.b64encode(data).decode()


def read_record(offset, timestamp, key, value, headers):
    """A record as agent.ts takes it."""
    return {
        "offset": offset,
        "timestamp": timestamp,
        "key": to_text(key),
        "value": to_text(value),
        "headers": [[name, data.decode()] for name, data in headers or []],
    }


def records_of(batches):
    """The batches that agent.ts sends, their bytes as bytes."""
    for batch in batches:
        yield [
            {
                "key": to_bytes(record["key"]),
                "value": to_bytes(record["value"]),
                "headers": [(name, text.encode()) for name, text in record["headers"]],
            }
            for record in batch
        ]


def print_read(partition, offset, value):
    """What a member has read, told before it commits."""
    print(partition, offset, value.decode(), flush=True)


def serve(client):
    """Runs `member(broker, topic, group)` when the arguments say so, else answers calls until the input ends."""
    if sys.argv[1] == "member":
        client["member"](*sys.argv[2:])
        return
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"result": client[asked["call"]](**asked["arguments"])}
        except Exception as error:  # whatever it is, the test is to hear of it
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
