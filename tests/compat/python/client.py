"""A client of the compat tests on kafka-python: see ../run.py for what it must do."""
import sys

from kafka import KafkaConsumer, KafkaProducer, TopicPartition


def produce(bootstrap, topic, codec):
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", compression_type=None if codec == "none" else codec,
                             linger_ms=5)
    sent = []
    for line in sys.stdin.buffer:
        key, value = line.rstrip(b"\n").split(b"\t", 1)
        sent.append(producer.send(topic, key=key, value=value, partition=0))
    producer.flush(60)
    for future in sent:
        future.get(60)
    producer.close()


def consume(bootstrap, topic):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False,
                             auto_offset_reset="earliest")
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    end = consumer.end_offsets([partition])[partition]
    out = sys.stdout.buffer
    while consumer.position(partition) < end:
        for record in consumer.poll(timeout_ms=30000).get(partition, []):
            out.write(b"%d\t%s\t%s\n" % (record.offset, record.key, record.value))
    consumer.close()


def consume_group(bootstrap, topic, group):
    """Prints "assigned N" for each assignment, and each record, until it is ended."""
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
                             auto_commit_interval_ms=200, session_timeout_ms=6000, heartbeat_interval_ms=300)
    assigned = -1
    while True:
        for records in consumer.poll(timeout_ms=200).values():
            for record in records:
                print(f"record {record.value.decode()}", flush=True)
        if len(consumer.assignment()) != assigned:
            assigned = len(consumer.assignment())
            print(f"assigned {assigned}", flush=True)


if __name__ == "__main__":
    {"produce": produce, "consume": consume, "consume_group": consume_group}[sys.argv[1]](*sys.argv[2:])
