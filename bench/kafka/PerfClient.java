import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.HdrHistogram.Histogram;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.Exit;
import org.apache.kafka.tools.ConsumerPerformance;
import org.apache.kafka.tools.ProducerPerformance;

/**
 * Kafka's own perf tools, run one after another in one virtual machine, so that its compiler has warmed up on both
 * servers alike. Each line of the input is a tool and its arguments, with tabs between; the answer is one line: "ok", or
 * "failed", and what the tool printed, with tabs for its line ends. Ends with its input.
 */
public final class PerfClient {
  private static final class Ended extends RuntimeException {
    Ended(int code, String message) {
      super("ended with code " + code + (message == null ? "" : ": " + message));
    }
  }

  public static void main(String[] args) throws Exception {
    PrintStream answers = System.out;
    Exit.Procedure asFailure = (code, message) -> {
      throw new Ended(code, message);
    };
    Exit.setExitProcedure(asFailure);
    Exit.setHaltProcedure(asFailure);
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      String[] command = line.split("\t");
      ByteArrayOutputStream printed = new ByteArrayOutputStream();
      System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
      String outcome = "ok";
      try {
        run(command[0], Arrays.copyOfRange(command, 1, command.length));
      } catch (Throwable failure) {
        outcome = "failed\t" + failure;
      }
      String said = printed.toString(StandardCharsets.UTF_8).strip();
      answers.println((outcome + "\t" + said).replaceAll("\r?\n", "\t"));
      answers.flush();
    }
  }

  private static void run(String tool, String[] args) throws Exception {
    switch (tool) {
      case "produce" -> ProducerPerformance.main(args);
      case "consume" -> ConsumerPerformance.main(args);
      case "latency" -> latency(args);
      default -> throw new IllegalArgumentException("there is no tool " + tool);
    }
  }

  /**
   * From the moment when a record is due, at a fixed rate, to its arrival at a consumer: what Kafka's EndToEndLatency
   * measures for one record after another. A server, or a client, that stalls delays every record that is due meanwhile.
   * Prints percentiles in microseconds: "p50=... p99=... max=...".
   */
  private static void latency(String[] args) throws Exception {
    String servers = args[0];
    String topic = args[1];
    int partitions = Integer.parseInt(args[2]);
    int records = Integer.parseInt(args[3]);
    int unmeasured = Integer.parseInt(args[4]);
    double perSecond = Double.parseDouble(args[5]);
    List<String> values = Files.readAllLines(Path.of(args[6]));
    String acks = args[7];
    String codec = args[8];

    CountDownLatch listening = new CountDownLatch(1);
    AtomicReference<Exception> refused = new AtomicReference<>();
    CompletableFuture<Histogram> arrived = CompletableFuture.supplyAsync(
        () -> follow(servers, topic, partitions, records, unmeasured, listening, refused));
    listening.await();
    // As EndToEndLatency has it: a record goes out at once.
    Map<String, Object> settings =
        Map.of("bootstrap.servers", servers, "acks", acks, "compression.type", codec, "linger.ms", 0);
    ByteArraySerializer serializer = new ByteArraySerializer();
    try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, serializer, serializer)) {
      producer.partitionsFor(topic);
      long begin = System.nanoTime();
      for (int at = 0; at < records && refused.get() == null; at++) {
        byte[] value = values.get(at % values.size()).getBytes(StandardCharsets.UTF_8);
        long due = begin + (long) (at * 1e9 / perSecond);
        ByteBuffer.wrap(value).putInt(at).putLong(due);
        for (long early = due - System.nanoTime(); early > 0; early = due - System.nanoTime())
          LockSupport.parkNanos(early);
        producer.send(new ProducerRecord<>(topic, at % partitions, null, value), (metadata, failure) -> {
          if (failure != null) refused.set(failure);
        });
      }
    }
    Histogram latencies = arrived.get();
    if (refused.get() != null) throw refused.get();
    System.out.printf("p50=%d p99=%d max=%d count=%d%n", latencies.getValueAtPercentile(50),
        latencies.getValueAtPercentile(99), latencies.getMaxValue(), latencies.getTotalCount());
  }

  /** Takes in all records of a new topic; the first, while connections are made, do not count. */
  private static Histogram follow(String servers, String topic, int partitions, int records, int unmeasured,
      CountDownLatch listening, AtomicReference<Exception> refused) {
    Histogram latencies = new Histogram(3);
    ByteArrayDeserializer deserializer = new ByteArrayDeserializer();
    Map<String, Object> settings = Map.of("bootstrap.servers", servers, "auto.offset.reset", "earliest");
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, deserializer, deserializer)) {
      consumer.assign(IntStream.range(0, partitions).mapToObj(at -> new TopicPartition(topic, at)).toList());
      for (TopicPartition each : consumer.assignment()) consumer.position(each);
      listening.countDown();
      long deadline = System.nanoTime() + Duration.ofMinutes(2).toNanos();
      for (int taken = 0; taken < records && refused.get() == null;) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
          ByteBuffer value = ByteBuffer.wrap(record.value());
          if (value.getInt() >= unmeasured) latencies.recordValue((System.nanoTime() - value.getLong()) / 1000);
          taken++;
        }
        if (System.nanoTime() > deadline) throw new IllegalStateException(taken + " of " + records + " arrived");
      }
      return latencies;
    } catch (RuntimeException failure) {
      refused.set(failure);
      listening.countDown();
      throw failure;
    }
  }
}
