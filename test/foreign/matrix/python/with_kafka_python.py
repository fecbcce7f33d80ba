"""kafka-python as a client of the matrix."""

import time

import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic

import agent

WAIT_S = 100


def version():
    return kafka.__version__


def write(broker, topic, codec, batches):
    producer = KafkaProducer(
        bootstrap_servers=broker,
        enable_idempotence=True,
        acks="all",
        compression_type=None if codec == "none" else codec,
    )
    for batch in agent.records_of(batches):
        sent = [producer.send(topic, **record) for record in batch]
        for each in sent:
            each.get(WAIT_S)
    producer.close()


def read(broker, topics, count):
    consumer = consumer_of(broker, "kafka-python-read")
    consumer.subscribe(topics)
    return take(consumer, count)


def read_from(broker, topic, timestamp, count):
    consumer = consumer_of(broker, None)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    found = consumer.offsets_for_times({partition: timestamp})[partition]
    consumer.seek(partition, found.offset)
    return take(consumer, count)


def consumer_of(broker, group, **further):
    return KafkaConsumer(
        bootstrap_servers=broker,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        **further,
    )


def take(consumer, count):
    records = []
    ends = time.monotonic() + WAIT_S
    while len(records) < count:
        if time.monotonic() > ends:
            raise RuntimeError(f"{len(records)} records were read, not {count}")
        for messages in consumer.poll(timeout_ms=1000, max_records=count - len(records)).values():
            for message in messages:
                records.append(
                    agent.read_record(
                        message.offset, message.timestamp, message.key, message.value, message.headers
                    )
                )
    consumer.close()
    return records


def create_topic(broker, topic, partitions, config):
    with_admin(broker, lambda admin: admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=config)]))


def count_partitions(broker, topic):
    def count(admin):
        if topic not in admin.list_topics():
            return 0
        [described] = admin.describe_topics([topic])
        return len(described["partitions"])

    return with_admin(broker, count)


def delete_topic(broker, topic):
    with_admin(broker, lambda admin: admin.delete_topics([topic]))


def get_config(broker, topic, name):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    described = with_admin(broker, lambda admin: admin.describe_configs([resource], config_filter="all"))
    return described["topic"][topic][name]["value"]


def set_config(broker, topic, name, value):
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})
    with_admin(broker, lambda admin: admin.alter_configs([resource]))


def delete_records(broker, topic, before):
    partition = TopicPartition(topic, 0)
    deleted = with_admin(broker, lambda admin: admin.delete_records({partition: before}))
    return deleted[partition]["low_watermark"]


def with_admin(broker, call):
    admin = KafkaAdminClient(bootstrap_servers=broker)
    try:
        return call(admin)
    finally:
        admin.close()


def member(broker, topic, group):
    consumer = consumer_of(broker, group, session_timeout_ms=10000, heartbeat_interval_ms=500)
    consumer.subscribe([topic])
    while True:
        polled = consumer.poll(timeout_ms=100)
        for messages in polled.values():
            for message in messages:
                agent.print_read(message.partition, message.offset, message.value)
        if polled:
            consumer.commit()


agent.serve(globals())
