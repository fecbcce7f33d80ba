/** A member of a group: `platformatic-member.mjs <broker> <topic> <group>` prints what it reads, and commits it then. */
import { Consumer, stringDeserializers } from "@platformatic/kafka";

const [broker, topic, groupId] = process.argv.slice(2);

// Where a rebalance overtakes a commit, the client leaves it to the application to join again.
for (;;) {
  try {
    await readAsMember();
  } catch (error) {
    if (error.findBy?.("needsRejoin", true) == null) throw error;
  }
}

async function readAsMember() {
  const consumer = new Consumer({
    clientId: "member",
    groupId,
    bootstrapBrokers: [broker],
    deserializers: stringDeserializers,
    sessionTimeout: 10_000,
    heartbeatInterval: 500,
  });
  try {
    const stream = await consumer.consume({
      topics: [topic],
      mode: "committed",
      fallbackMode: "earliest",
      // Its own commits run ahead of what it has handed out.
      autocommit: false,
    });
    for await (const message of stream) {
      process.stdout.write(`${message.partition} ${message.offset} ${message.value}\n`);
      await message.commit();
    }
  } finally {
    // Its types take this for the call with a callback.
    await /** @type {Promise<void>} */ (/** @type {unknown} */ (consumer.close(true)));
  }
}
