package bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.TreeSet;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** Counts events by user and tag, and forwards a user's list of avoided tags when it changes. */
final class CountingProcessor implements Processor<String, byte[], String, String> {
    private static final long DAY_MS = 86_400_000L;

    private ProcessorContext<String, String> context;
    private KeyValueStore<String, byte[]> counts;
    private KeyValueStore<String, String> lists;

    @Override
    public void init(ProcessorContext<String, String> context) {
        this.context = context;
        counts = context.getStateStore(Main.COUNTS);
        lists = context.getStateStore(Main.LISTS);
    }

    @Override
    public void process(Record<String, byte[]> record) {
        if (record.key() == null) {
            return; // a watermark
        }
        String topic = context.recordMetadata().orElseThrow().topic();
        Event event;
        try {
            event = Event.parse(record.value());
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        if (topic.endsWith("impressions")) {
            if (event.seen()) {
                count(record, event, Counts.SHOWN);
            }
        } else if (topic.endsWith("plays")) {
            if (event.ended && event.abandoned()) {
                count(record, event, Counts.STARTED, Counts.ABANDONED);
            } else if (event.ended) {
                count(record, event, Counts.STARTED);
            }
        } else if (topic.endsWith("dislikes")) {
            count(record, event, Counts.DISLIKED);
        }
    }

    private void count(Record<String, byte[]> record, Event event, int... columns) {
        TreeSet<String> list = null;
        for (String tag : event.tags) {
            String key = record.key() + "|" + tag;
            byte[] before = counts.get(key);
            byte[] after = Counts.add(before, (int) (event.ts / DAY_MS), columns);
            counts.put(key, after);
            boolean avoided = Counts.avoided(after);
            if (avoided != Counts.avoided(before)) {
                list = list == null ? listOf(record.key()) : list;
                if (avoided) {
                    list.add(tag);
                } else {
                    list.remove(tag);
                }
            }
        }
        if (list != null) {
            String joined = String.join("\n", list);
            lists.put(record.key(), joined);
            context.forward(record.withValue(joined));
        }
    }

    private TreeSet<String> listOf(String user) {
        String joined = lists.get(user);
        return joined == null || joined.isEmpty() ? new TreeSet<>() : new TreeSet<>(Arrays.asList(joined.split("\n")));
    }
}
