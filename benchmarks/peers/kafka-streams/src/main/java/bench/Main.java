package bench;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.state.Stores;

/**
 * The simple count of benchmarks/peers as a Kafka Streams application: APP BROKERS PREFIX STATE_DIR.
 *
 * <p>The best of eight designs tried: a packed value per user and tag in RocksDB, written through (no record cache), one
 * thread. Prints "ready" when it runs, and how long it restored state.
 */
public final class Main {
    static final String COUNTS = "counts";
    static final String LISTS = "lists";

    private Main() {}

    public static void main(String[] arguments) {
        String app = arguments[0];
        String prefix = arguments[2];
        StreamsBuilder builder = new StreamsBuilder();
        Map<String, String> changelog = Map.of();
        builder.addStateStore(Stores.keyValueStoreBuilder(
                        Stores.persistentKeyValueStore(COUNTS), Serdes.String(), Serdes.ByteArray())
                .withCachingDisabled()
                .withLoggingEnabled(changelog));
        builder.addStateStore(Stores.keyValueStoreBuilder(
                        Stores.persistentKeyValueStore(LISTS), Serdes.String(), Serdes.String())
                .withCachingDisabled()
                .withLoggingEnabled(changelog));
        List<String> sources = List.of(
                prefix + "impressions", prefix + "plays", prefix + "dislikes", prefix + "feedback");
        builder.stream(sources, Consumed.with(Serdes.String(), Serdes.ByteArray()))
                .process(CountingProcessor::new, COUNTS, LISTS)
                .to(app + "-out", Produced.with(Serdes.String(), Serdes.String()));

        KafkaStreams streams = new KafkaStreams(builder.build(), configuration(arguments));
        streams.setGlobalStateRestoreListener(new Restored());
        streams.setStateListener((now, before) -> {
            System.out.println(now == KafkaStreams.State.RUNNING ? "ready" : now);
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(30))));
        streams.start();
    }

    private static Properties configuration(String[] arguments) {
        Properties configuration = new Properties();
        configuration.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[0]);
        configuration.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[1]);
        configuration.put(StreamsConfig.STATE_DIR_CONFIG, arguments[3]);
        configuration.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        configuration.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 5000);
        configuration.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        configuration.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        configuration.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 * 1024);
        return configuration;
    }

    /** Adds up what is restored, from the first beginning to the latest end. */
    private static final class Restored implements StateRestoreListener {
        private final AtomicLong records = new AtomicLong();
        private final Map<TopicPartition, Long> open = new HashMap<>();
        private long began;

        @Override
        public synchronized void onRestoreStart(TopicPartition tp, String store, long from, long to) {
            if (began == 0) {
                began = System.nanoTime();
            }
            open.put(tp, to);
        }

        @Override
        public void onBatchRestored(TopicPartition tp, String store, long end, long count) {}

        @Override
        public synchronized void onRestoreEnd(TopicPartition tp, String store, long total) {
            open.remove(tp);
            double seconds = (System.nanoTime() - began) / 1e9;
            System.out.printf("restored %d records in %.3f s, %d to go%n", records.addAndGet(total), seconds, open.size());
        }
    }
}
