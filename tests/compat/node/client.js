// A client of the compat tests on kafkajs: see ../run.py for what it must do. kafkajs reads only in groups through its public
// API, so reading by partition goes through its own broker connection one level below.
'use strict'

const readline = require('node:readline')
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require('kafkajs')
const Cluster = require('kafkajs/src/cluster')
const createConnectionSocket = require('kafkajs/src/network/socketFactory')
const InstrumentationEmitter = require('kafkajs/src/instrumentation/emitter')
const { createLogger } = require('kafkajs/src/loggers')
const logToConsole = require('kafkajs/src/loggers/console')

CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy }

async function produce(bootstrap, topic, codec) {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.ERROR })
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const messages = []
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const tab = line.indexOf('\t')
    messages.push({ partition: 0, key: line.slice(0, tab), value: line.slice(tab + 1) })
  }
  for (let i = 0; i < messages.length; i += 50) {
    await producer.send({ topic, acks: -1, compression: codecs[codec], messages: messages.slice(i, i + 50) })
  }
  await producer.disconnect()
}

async function consume(bootstrap, topic) {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.ERROR })
  const admin = kafka.admin()
  await admin.connect()
  const end = BigInt((await admin.fetchTopicOffsets(topic))[0].high)
  await admin.disconnect()
  const cluster = new Cluster({
    logger: createLogger({ level: logLevel.ERROR, logCreator: logToConsole }),
    socketFactory: createConnectionSocket(), brokers: [bootstrap], clientId: 'compat', connectionTimeout: 10000,
    requestTimeout: 30000, enforceRequestTimeout: true, metadataMaxAge: 300000, maxInFlightRequests: null,
    instrumentationEmitter: new InstrumentationEmitter(), retry: { retries: 5 }, isolationLevel: 1, offsets: new Map(),
  })
  await cluster.connect()
  await cluster.addTargetTopic(topic)
  const { leader } = cluster.findTopicPartitionMetadata(topic)[0]
  const broker = await cluster.findBroker({ nodeId: leader })
  let next = 0n
  while (next < end) {
    const { responses } = await broker.fetch({
      replicaId: -1, isolationLevel: 1, maxWaitTime: 500, minBytes: 1, maxBytes: 10485760,
      topics: [{ topic, partitions: [{ partition: 0, fetchOffset: next.toString(), maxBytes: 1048576 }] }],
    })
    for (const message of responses[0].partitions[0].messages) {
      if (BigInt(message.offset) < next) continue
      process.stdout.write(`${message.offset}\t${message.key}\t${message.value}\n`)
      next = BigInt(message.offset) + 1n
    }
  }
  await cluster.disconnect()
}

// Prints "assigned N" for each assignment, and each record, until it is ended.
async function consumeGroup(bootstrap, topic, groupId) {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 300 })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    console.log(`assigned ${(payload.memberAssignment[topic] || []).length}`)
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ autoCommitInterval: 200, eachMessage: async ({ message }) => console.log(`record ${message.value}`) })
}

const [, , verb, ...rest] = process.argv
const run = { produce, consume, consume_group: consumeGroup }[verb]
run(...rest).catch((error) => {
  console.error('node client:', error)
  process.exit(1)
})
