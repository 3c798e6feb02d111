// node client.mjs MODULES BROKER REDIS_URL PREFIX USER CREATOR READER: blocks a creator by kafkajs, with its own
// partitioner; waits until ioredis has the list; reads it from the outbox, too; prints what both say of its items.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [folder, broker, redisUrl, prefix, user, creator, reader] = process.argv.slice(2)
const require = createRequire(pathToFileURL(`${folder}/package.json`))
const { Kafka, Partitioners, logLevel } = require('kafkajs')
const { default: Redis } = require('ioredis')
const { AvoidList } = await import(pathToFileURL(reader).href)

const kafka = new Kafka({ clientId: 'node', brokers: [broker], logLevel: logLevel.ERROR })
const penalty = (bytes) => new AvoidList(JSON.parse(bytes)).penalty({ content_id: 'c', creator_id: creator }, Date.now())

const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
await producer.connect()
const value = JSON.stringify({ user_id: user, ts: Date.now(), action: 'block', scope: 'creator', creator_id: creator })
await producer.send({ topic: `${prefix}dislikes`, messages: [{ key: user, value }] })
await producer.disconnect()

const redis = new Redis(redisUrl)
let served = null
while (served === null) served = await redis.get(`avoid:${user}`)
redis.disconnect()

const consumer = kafka.consumer({ groupId: `${prefix}node` })
await consumer.connect()
await consumer.subscribe({ topic: `${prefix}avoid-lists`, fromBeginning: true })
const written = await new Promise((resolve, reject) => {
  consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
  consumer.run({ eachMessage: async ({ message }) => { if (message.key?.toString() === user) resolve(message.value) } })
})
console.log(JSON.stringify({ served: penalty(served), written: penalty(written), same: served === written.toString() }))
process.exit(0)
