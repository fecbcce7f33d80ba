"""confluent-kafka (librdkafka) as a client of the matrix."""

import confluent_kafka
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

import agent

WAIT_S = 100


def version():
    return f"{confluent_kafka.__version__} (librdkafka {confluent_kafka.libversion()[0]})"


def write(broker, topic, codec, batches):
    producer = Producer(
        {"bootstrap.servers": broker, "enable.idempotence": True, "acks": "all", "compression.type": codec}
    )
    failed = []

    def delivered(error, _message):
        if error is not None:
            failed.append(str(error))

    for batch in agent.records_of(batches):
        for record in batch:
            producer.produce(topic, on_delivery=delivered, **record)
        left = producer.flush(WAIT_S)
        if left or failed:
            raise RuntimeError(f"{left} records are not acknowledged; {failed[:1]}")


def read(broker, topics, count):
    consumer = consumer_of(broker, "confluent-python-read")
    consumer.subscribe(topics)
    return take(consumer, count)


def read_from(broker, topic, timestamp, count):
    consumer = consumer_of(broker, "unused")
    consumer.assign(consumer.offsets_for_times([TopicPartition(topic, 0, timestamp)], WAIT_S))
    return take(consumer, count)


def consumer_of(broker, group, **further):
    return Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            **further,
        }
    )


def take(consumer, count):
    records = []
    while len(records) < count:
        messages = consumer.consume(count - len(records), WAIT_S)
        if not messages:
            raise RuntimeError(f"{len(records)} records were read, not {count}")
        for message in messages:
            if message.error() is not None:
                raise RuntimeError(str(message.error()))
            timestamp = message.timestamp()[1]
            records.append(
                agent.read_record(
                    message.offset(), timestamp, message.key(), message.value(), message.headers()
                )
            )
    consumer.close()
    return records


def create_topic(broker, topic, partitions, config):
    wait_for(broker, lambda admin: admin.create_topics([NewTopic(topic, partitions, 1, config=config)]))


def count_partitions(broker, topic):
    topics = admin_of(broker).list_topics(timeout=WAIT_S).topics
    return len(topics[topic].partitions) if topic in topics else 0


def delete_topic(broker, topic):
    wait_for(broker, lambda admin: admin.delete_topics([topic]))


def get_config(broker, topic, name):
    resource = ConfigResource(ResourceType.TOPIC, topic)
    [configs] = wait_for(broker, lambda admin: admin.describe_configs([resource]))
    return configs[name].value


def set_config(broker, topic, name, value):
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    wait_for(broker, lambda admin: admin.incremental_alter_configs([resource]))


def delete_records(broker, topic, before):
    partition = TopicPartition(topic, 0, before)
    [deleted] = wait_for(broker, lambda admin: admin.delete_records([partition]))
    return deleted.low_watermark


def admin_of(broker):
    return AdminClient({"bootstrap.servers": broker})


def wait_for(broker, call):
    # It must live until the futures are done.
    admin = admin_of(broker)
    return [future.result(WAIT_S) for future in call(admin).values()]


def member(broker, topic, group):
    timeouts = {"session.timeout.ms": 10000, "heartbeat.interval.ms": 500}
    consumer = consumer_of(broker, group, **timeouts)
    consumer.subscribe([topic])
    while True:
        messages = [message for message in consumer.consume(100, 0.1) if message.error() is None]
        for message in messages:
            agent.print_read(message.partition(), message.offset(), message.value())
        if messages:
            consumer.commit()


agent.serve(globals())
