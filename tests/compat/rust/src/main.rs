//! A client of the compat tests on rdkafka: see ../../run.py for what it must do.
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};
use std::error::Error;
use std::io::{self, BufRead, Write};
use std::time::Duration;

type Done = Result<(), Box<dyn Error>>;

struct Delivered;

impl ClientContext for Delivered {}

impl ProducerContext for Delivered {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        if let Err((error, _)) = result {
            eprintln!("rust client: not delivered: {error}");
            std::process::exit(1);
        }
    }
}

fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}

fn produce(bootstrap: &str, topic: &str, codec: &str) -> Done {
    let producer: BaseProducer<Delivered> = config(bootstrap)
        .set("compression.codec", codec)
        .set("enable.idempotence", "true")
        .create_with_context(Delivered)?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (key, value) = line.split_once('\t').ok_or("a line without a tab")?;
        let record = BaseRecord::to(topic).partition(0).key(key).payload(value);
        producer.send(record).map_err(|(error, _)| error)?;
        producer.poll(Duration::ZERO);
    }
    producer.flush(Duration::from_secs(60))?;
    Ok(())
}

fn consume(bootstrap: &str, topic: &str) -> Done {
    let consumer: BaseConsumer = config(bootstrap)
        .set("group.id", "none") // which it does not join
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "200")
        .create()?;
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.assign(&from)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    loop {
        match consumer.poll(Duration::from_secs(30)) {
            Some(Ok(record)) => {
                write!(out, "{}\t", record.offset())?;
                out.write_all(record.key().unwrap_or_default())?;
                out.write_all(b"\t")?;
                out.write_all(record.payload().unwrap_or_default())?;
                out.write_all(b"\n")?;
            }
            Some(Err(KafkaError::PartitionEOF(_))) => break,
            Some(Err(error)) => return Err(error.into()),
            None => return Err("no record and no end in 30 s".into()),
        }
    }
    out.flush()?;
    Ok(())
}

/// Prints each record, until it is ended. The intervals of a consumer group are the server's.
fn consume_group(bootstrap: &str, topic: &str, group: &str, protocol: &str) -> Done {
    let mut config = config(bootstrap);
    config
        .set("group.id", group)
        .set("group.protocol", protocol)
        .set("auto.offset.reset", "earliest")
        .set("auto.commit.interval.ms", "200");
    if protocol == "classic" {
        config.set("session.timeout.ms", "6000").set("heartbeat.interval.ms", "300");
    }
    let consumer: BaseConsumer = config.create()?;
    consumer.subscribe(&[topic])?;
    loop {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(record)) => println!("record {}", String::from_utf8_lossy(record.payload().unwrap_or_default())),
            Some(Err(error)) => eprintln!("rust client: {error}"),
            None => {}
        }
    }
}

fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["produce", bootstrap, topic, codec] => produce(bootstrap, topic, codec),
        ["consume", bootstrap, topic] => consume(bootstrap, topic),
        ["consume_group", bootstrap, topic, group, protocol] => consume_group(bootstrap, topic, group, protocol),
        _ => Err("usage: client produce BOOTSTRAP TOPIC CODEC | consume BOOTSTRAP TOPIC | consume_group BOOTSTRAP TOPIC GROUP PROTOCOL".into()),
    }
}
