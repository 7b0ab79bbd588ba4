"""Produces and consumes with librdkafka, as kcat does.

produce BROKER TOPIC [CODEC]  each line of standard input is {"key": text or null, "value": text}
consume BROKER TOPIC      prints what the topic holds, a JSON document a line
"""

import json
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition


def produce(broker, topic, codec="none"):
    settings = {"bootstrap.servers": broker, "acks": "all", "message.max.bytes": 200000000}
    producer = Producer({**settings, "compression.type": codec, "linger.ms": 200})
    failures = []

    def delivered(error, _message):
        if error is not None:
            failures.append(str(error))

    for line in sys.stdin:
        message = json.loads(line)
        producer.produce(topic, key=message["key"], value=message["value"], callback=delivered)
    producer.flush(30)
    if failures:
        sys.exit("; ".join(failures))


def consume(broker, topic):
    settings = {"bootstrap.servers": broker, "group.id": "librdkafka-test", "enable.partition.eof": True}
    consumer = Consumer({**settings, "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    left = len(partitions)
    while left > 0:
        message = consumer.poll(30)
        if message is None:
            sys.exit("nothing came for 30 s")
        if message.error() is not None:
            left -= 1
            continue
        headers = {name: value.decode() for name, value in message.headers() or []}
        text = {"key": (message.key() or b"").decode(), "value": (message.value() or b"").decode()}
        print(json.dumps({**text, "headers": headers, "partition": message.partition(), "offset": message.offset()}))
    consumer.close()


{"produce": produce, "consume": consume}[sys.argv[1]](*sys.argv[2:])
